"""`harness compare`: which of two is faster, and how sure that is."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.catalogue.suggest import suggestion
from harness.cli import compare_live, options
from harness.cli.report import read
from harness.cli.show import message, write
from harness.compare import gate
from harness.compare.stored import compare, match
from harness.errors import ExitCode, UsageError
from harness.plan.suites import Axes
from harness.records import codec, comparison
from harness.records.case import AXES
from harness.records.comparison import ComparisonInfo, ComparisonReport
from harness.records.report import Report
from harness.report import comparison as shown
from harness.report.compared import what
from harness.report.select import filtered
from harness.store.folder import Folder, check_output, results_folder

_STORED_ONLY = ("remeasure", "force")
_LIVE_ONLY = compare_live.PARAMETERS
"""Parameters that belong to one of the two ways to compare."""


@click.command("compare", short_help="Which of two is faster? Verdicts with a known error rate.")
@click.option(
    "--runs",
    nargs=2,
    metavar="BASE NEW",
    help="Compare two stored runs: ids, `latest`, or files (.jsonl or .json).",
)
@click.option(
    "--show",
    metavar="ID|FILE",
    help="Show a live comparison again, also one that was cut short: its id, `latest`, or its .jsonl file.",
)
@click.option(
    "--remeasure", is_flag=True, help="Measure the cases of BASE again, here and now, and compare with that."
)
@click.option(
    "--force",
    is_flag=True,
    help="Compare cases whose workload differs, too (the model's code, the seed), and mark them.",
)
@click.option(
    "--fail-on",
    multiple=True,
    metavar="WORD",
    help="Exit with 1 on a verdict: slower, material (slower by more than the margin) or inconclusive; "
    "repeat, or separate by commas. What was right in BASE and is not in NEW fails each of them.",
)
@click.option(
    "--margin",
    callback=options.share,
    default="1%",
    show_default=True,
    metavar="SHARE",
    help="What is too little to matter: equivalent is within it, material beyond it.",
)
@options.allow_code
@options.axes("to compare")
@options.inputs
@compare_live.live_options
@options.lock
@options.table_or_json
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Compare two configurations, measured in turns by pairs of fresh processes; or two stored runs, case
    by case, which is indicative only.

    \b
    harness compare -m mlp -b 64 --base runner=eager --new runner=compile
    harness compare -m net --base-plugin old/net.py --new-plugin new/net.py --fail-on material
    harness compare --base-python venv1/bin/python --new-python venv2/bin/python
    harness compare --show latest
    harness compare --runs baseline.json latest
    harness compare --runs 20261122-174126-0c1f latest -m mlp --fail-on material
    harness compare --runs baseline.json latest --format markdown --output comparison.md
    """
    gates = _gates(given["fail_on"])
    if given["output"] is not None:
        check_output(Path(given["output"]))
    stored = given["runs"] is not None or given["show"] is not None
    if given["runs"] is not None and given["show"] is not None:
        raise UsageError("--runs and --show are two things", "give one of them")
    _check_mode(ctx, stored)
    if given["show"] is not None:
        report, ended = _again_shown(given), None
    elif stored:
        report, ended = _stored(ctx, given), None
    else:
        report, ended = compare_live.live(ctx, given, lambda found: _show(found, given))
    _show(report, given)
    code = ended or _judge(report, gates)
    if code == ExitCode.FINE and not any(c.latency or c.device for c in report.compared):
        message("nothing could be compared")
        return ExitCode.NOTHING
    return code


def _gates(texts: Sequence[str]) -> tuple[str, ...]:
    words = tuple(word.strip() for text in texts for word in text.split(","))
    for word in words:
        if word not in gate.GATES:
            raise UsageError(
                f"--fail-on takes no {word!r}{suggestion(word, gate.GATES)}",
                f"it takes {', '.join(gate.GATES)}",
            )
    return words


def _check_mode(ctx: click.Context, stored: bool) -> None:
    """Stored runs and a live comparison have options of their own.

    Raises:
        UsageError: one of the other way's was given.
    """
    for name in _LIVE_ONLY if stored else _STORED_ONLY:
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} {'measures, and this shows what is stored' if stored else 'needs --runs'}",
                "compare stored runs with --runs BASE NEW",
            )


def _again_shown(given: dict[str, Any]) -> ComparisonReport:
    """A live comparison from its file: every figure is made anew from the raw times."""
    from harness.compare.paired import report_of
    from harness.store import comparisonfile

    folder = Folder(results_folder(given["results"]))
    return report_of(comparisonfile.read(folder.find_comparison(given["show"])))


# ---- stored runs ------------------------------------------------------------------------------------


def _stored(ctx: click.Context, given: dict[str, Any]) -> ComparisonReport:
    folder = Folder(results_folder(given["results"]))
    axes = Axes.from_texts(**{a: given[a] for a in AXES}).given()
    base, new = (filtered(read(folder, name), axes, ()) for name in given["runs"])
    kind = comparison.INDICATIVE
    if given["remeasure"]:
        base, kind = _again(ctx, given, folder, base, new), comparison.REMEASURED
    info = _info(kind, base, new, given["margin"])
    known = [r.run.calibration for r in (new, base) if r.run.calibration is not None]
    session_sd = next((c.session_sd for c in known if c.session_sd is not None), None)
    return compare(base, new, info, session_sd=session_sd, force=given["force"])


def _again(ctx: click.Context, given: dict[str, Any], folder: Folder, base: Report, new: Report) -> Report:
    # Here and not above: comparing what is stored loads nothing that measures.
    from harness.cli.remeasure import again
    from harness.store import trust

    pairs, _ = match(base, new)
    path = folder.find(given["runs"][0])
    trust.check_report(base, path, trust.code_of(base), given["allow_code"])
    plugins = options.plugin_request(ctx, given)
    devices = tuple({p.base.case.device for p in pairs})
    with options.locks(given, devices) as locks:
        return again(base, new, pairs, plugins, folder, _command_line(), given["force"], locks)


def _info(kind: str, base: Report, new: Report, margin: float) -> ComparisonInfo:
    from importlib import metadata

    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ComparisonInfo(
        id=f"{base.run.id}..{new.run.id}",
        kind=kind,
        started=at,
        ended=at,
        status="finished",
        command=_command_line(),
        harness_version=metadata.version("pytorch-inference-lab"),
        seed=new.run.seed,
        margin=margin,
    )


def _command_line() -> str:
    return shlex.join(["harness", *sys.argv[1:]])


# ---- what comes out ---------------------------------------------------------------------------------


def _show(report: ComparisonReport, given: dict[str, Any]) -> None:
    to_terminal = given["output"] is None and sys.stdout.isatty()
    if given["format_"] == options.JSON:
        text = codec.pretty(report)
    elif given["format_"] == options.MARKDOWN:
        text = shown.markdown(report)
    elif to_terminal:
        width = shutil.get_terminal_size((120, 40)).columns
        text = shown.table(report, width, colour=not os.environ.get("NO_COLOR"))
    else:
        text = shown.table(report)
    write(text, given["output"], colour=to_terminal)


def _judge(report: ComparisonReport, gates: Sequence[str]) -> ExitCode:
    """The exit code, and why where it is not 0; the last line of all."""
    failed = gate.failures(report, gates)
    if not failed:
        return ExitCode.FINE
    named = "; ".join(f"{what(one)} {word}" for one, word in failed[:5])
    more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
    message(f"gate failed (--fail-on {','.join(gates)}): {named}{more}")
    return ExitCode.GATE
