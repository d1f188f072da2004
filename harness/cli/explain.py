"""`harness explain`: why the numbers of a run are what they are."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli import options
from harness.cli.numbers import Finite
from harness.cli.report import read
from harness.cli.show import message, write
from harness.errors import ExitCode, UsageError
from harness.explain import text as shown
from harness.explain.best import Limits, choices
from harness.explain.brief import brief
from harness.explain.explain import explained
from harness.plan.suites import Axes
from harness.records import codec
from harness.records.case import AXES
from harness.report.markup import escape
from harness.report.numbers import safe
from harness.report.select import filtered, ordered
from harness.store.folder import LATEST, Folder, check_output, results_folder


@click.command("explain", short_help="Say why each number of a run is what it is, with the evidence.")
@click.argument("run", default=LATEST, metavar="[RUN|FILE]")
@click.option("--brief", "in_brief", is_flag=True, help="Five sentences with this machine's numbers.")
@click.option("--no-evidence", is_flag=True, help="Leave out the measured values under each finding.")
@click.option(
    "--max-latency-ms",
    type=Finite(min=0, min_open=True),
    metavar="X",
    help="Choose among configurations this quick.",
)
@click.option(
    "--max-error",
    type=Finite(min=0, min_open=True),
    metavar="X",
    help="Choose among those with an error this small.",
)
@click.option(
    "--max-memory-mib",
    type=Finite(min=0, min_open=True),
    metavar="X",
    help="Choose among those that need this little.",
)
@click.option(
    "--prove",
    "proving",
    is_flag=True,
    help="Take causes away and measure again in lock-step: findings are then proved, or withdrawn.",
)
@click.option("--only", multiple=True, metavar="KEY", help="Prove the findings of this key; repeat for more.")
@click.option(
    "--most",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    metavar="N",
    help="So many experiments at most; 0 for all.",
)
@click.option(
    "--mode",
    type=click.Choice(["quick", "standard", "rigorous"]),
    default="quick",
    show_default=True,
    help="How surely experiments are measured, as in `harness compare`.",
)
@click.option(
    "--waterfall",
    is_flag=True,
    help="Measure the way from the baseline to the best configuration, one change at a time.",
)
@options.axes("to explain")
@options.allow_code
@options.table_or_json
@options.lock
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Say why each number of a stored run is what it is: the latest, or the given RUN id or FILE (.jsonl or
    .json). Phenomenon, cause, measured evidence and what to try; the fastest correct configuration and
    those that nothing beats in everything; and how many rows are explained.

    \b
    harness explain
    harness explain --brief
    harness explain -m mlp -b 64 --max-error 0.01
    harness explain --prove
    harness explain --waterfall -m mlp -b 64
    harness explain --format markdown --output why.md
    """
    if given["output"] is not None:
        check_output(Path(given["output"]))
    limits = _limits(given)
    folder = Folder(results_folder(given["results"]))
    _check(given)
    whole = ordered(read(folder, given["run"]), None)
    axes = Axes.from_texts(**{a: given[a] for a in AXES}).given()
    for text in whole.run.damage:
        message(text)
    told = explained(whole)
    report = _only(told, axes) if axes else told
    code: ExitCode | None = None
    if given["waterfall"]:
        return _waterfall(ctx, given, report, whole)
    if given["proving"]:
        from harness.cli.proving import prove

        path = folder.find(given["run"])
        made, code = prove(ctx, given, report, path if path.suffix == ".jsonl" else None)
        whole = replace(whole, proofs=[*whole.proofs, *made])
        told = explained(whole)
        report = _only(told, axes) if axes else told
    if given["in_brief"]:
        sentences = brief(told, report.records, limits)
        if not sentences:
            message("nothing that was measured is correct and verified: no findings")
        markdown = given["format_"] == options.MARKDOWN
        lines = [f"- {escape(s)}" if markdown else safe(s) for s in sentences]
        out = codec.pretty(sentences) if given["format_"] == options.JSON else "\n".join(lines) + "\n"
        write(out, given["output"])
        return code or ExitCode.FINE
    busy = whole.run.noise.busy if whole.run.noise is not None else None
    chosen = choices(report.records, limits, busy)
    if given["format_"] == options.JSON:
        write(codec.pretty(report), given["output"])
    elif given["format_"] == options.MARKDOWN:
        write(shown.markdown(report, chosen, limits), given["output"])
    else:
        on_terminal = given["output"] is None and sys.stdout.isatty()
        width = shutil.get_terminal_size((110, 40)).columns if on_terminal else 110
        style = shown.Style(width, on_terminal and not os.environ.get("NO_COLOR"))
        write(
            shown.text(report, chosen, limits, style, not given["no_evidence"]),
            given["output"],
            colour=style.colour,
        )
    return code or ExitCode.FINE


def _check(given: dict[str, Any]) -> None:
    """Refuses options that would be silently ignored."""
    if given["only"] and not given["proving"]:
        raise UsageError("--only chooses what --prove proves", "add --prove")
    if given["proving"] and given["waterfall"]:
        raise UsageError("--prove and --waterfall are two measurements", "one after the other")
    if given["waterfall"] and given["in_brief"]:
        raise UsageError("--waterfall shows its steps, and --brief five sentences", "one after the other")
    if not (given["proving"] or given["waterfall"]):
        source = click.get_current_context().get_parameter_source
        for name in ("most", "mode", "wait", "no_lock"):
            if source(name) is click.core.ParameterSource.COMMANDLINE:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} is about measuring, and nothing is measured", "add --prove")


def _waterfall(ctx: click.Context, given: dict[str, Any], shown: Any, whole: Any) -> int:
    from harness.cli.proving import fall
    from harness.prove.text import waterfall_text

    found = fall(ctx, given, shown, whole)
    text = codec.pretty(found) if given["format_"] == options.JSON else waterfall_text(found)
    write(f"```text\n{text}```\n" if given["format_"] == options.MARKDOWN else text, given["output"])
    return ExitCode.FINE


def _limits(given: dict[str, Any]) -> Limits:
    return Limits(given["max_latency_ms"], given["max_error"], given["max_memory_mib"])


def _only(report: Any, axes: dict[str, tuple[str, ...]]) -> Any:
    """The report's chosen rows, with the findings about them; baselines explain them but are not shown."""
    chosen = filtered(report, axes, ())
    ids = {r.id for r in chosen.records}
    findings = [f for f in report.findings if set(f.records) <= ids]
    kept = [r.explanation for r in chosen.records if r.explanation is not None]
    from harness.explain.rows import coverage

    return replace(chosen, findings=findings, coverage=coverage(kept) if report.coverage else None)
