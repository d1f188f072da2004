"""`harness claims`: confirmed, refuted or not testable here."""

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

from harness.cli import options
from harness.errors import ExitCode, NothingMeasured, UsageError

_FURTHER_S = 120.0
"""What passes beyond the first ones may take, unless the options say otherwise."""


@click.command("claims", short_help="Are claims about configurations true here? Verdicts, and a gate for CI.")
@click.argument("source", required=False, metavar="[NAME|FILE]")
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="RUN|FILE",
    help="Take cases from a stored run that has them, and measure the others. May be repeated.",
)
@click.option(
    "--from",
    "from_",
    metavar="RUN|FILE",
    help="Measure the cases of somebody's report here, and say which of its speed-ups carry over.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 also on what is not testable here or cannot be said."
)
@click.option(
    "--passes",
    metavar="N|N..M",
    help="Replicates of each case: just N, or N to M, as --until needs them.  [default: 3..12]",
)
@click.option(
    "--until",
    metavar="WIDTH|none",
    help="Repeat a case, with those it is compared with, until its 95 % interval is within ± this.  "
    "[default: 5%]",
)
@click.option(
    "--time-budget",
    metavar="S|none",
    help="Start no new replicate so many seconds after the first pass.  [default: 120 for what --until adds]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=options.MOST_S),
    default=600.0,
    show_default=True,
    metavar="S",
    help="Seconds for one replicate, loading included.",
)
@options.lock
@options.table_or_json
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Judge claims: those in the box that NAME says (`seed` by default), or your own in a TOML FILE. What
    they need is measured as one run, which is kept like any other.

    CONFIRMED: the whole 95 % interval fulfils a claim. REFUTED: it lies wholly outside; exit code 1. NOT
    TESTABLE HERE: unsupported, failed, incorrect or too noisy, with the reason.

    \b
    harness claims
    harness claims acceptance.toml --strict
    harness claims seed --run latest --format markdown --output claims.md
    harness claims --from colleague.json
    """
    # Here and not above: `harness claims --help` is to be quick.
    from harness.claims import language
    from harness.cli.show import message
    from harness.store.folder import check_output

    if given["output"] is not None:
        check_output(Path(given["output"]))
    if given["from_"] is not None:
        if given["source"] is not None or given["runs"]:
            raise UsageError("--from takes its cases from a report", "give no claims and no --run beside it")
        found, ended = _carried(ctx, given)
    else:
        source = given["source"] if given["source"] is not None else "seed"
        found, ended = _judged(ctx, given, language.find(source), source)
    _show(found, given)
    if ended is not None:
        raise ended
    failed = _failed(found, given["strict"])
    if failed:
        message(f"claims failed: {'; '.join(failed[:5])}{' ...' if len(failed) > 5 else ''}")
        return ExitCode.GATE
    return ExitCode.FINE


def _judged(ctx: click.Context, given: dict[str, Any], claims: Any, source: str) -> tuple[Any, Any]:
    from harness.claims.judge import answers, judge
    from harness.claims.points import matrices, same
    from harness.cli.report import read
    from harness.explain.explain import explained
    from harness.store.folder import Folder, results_folder

    folder = Folder(results_folder(given["results"]))
    here = _here(ctx, given)
    reports = [read(folder, name) for name in given["runs"]]
    open_ = [c for c in claims.claims if not any(answers(c, r, here) for r in reports)]
    notes = [note for r in reports for note in _elsewhere(r)]
    ended = None
    if open_:
        needs = {need for claim in open_ for need in claim.needs()}

        def together(plan: Any) -> list[frozenset[str]]:
            return [
                frozenset(
                    c.id for c in plan.cases if any(same(p, c.case, c.label, here) for p in claim.points())
                )
                for claim in open_
                if len(claim.points()) > 1
            ]

        points = [p for claim in open_ for p in claim.points()]
        report, ended = _measured(ctx, given, folder, matrices(points), together, "throughput" in needs)
        reports.append(report)
    reports = [explained(r) for r in reports]
    _check_measured(reports)
    verdicts = judge(claims.claims, reports, here)
    used = [r.run.id for r in reports if any(v.run == r.run.id for v in verdicts)]
    return _report(source, claims.summary, reports[-1], used, notes, verdicts=verdicts), ended


def _carried(ctx: click.Context, given: dict[str, Any]) -> tuple[Any, Any]:
    from harness.claims.carried import Theirs, carried, speedups
    from harness.claims.points import matrices, same
    from harness.cli.report import read
    from harness.compare import differences
    from harness.explain.explain import explained
    from harness.store.folder import Folder, results_folder

    folder = Folder(results_folder(given["results"]))
    there = read(folder, given["from_"])
    theirs = speedups(there)
    if not theirs:
        raise UsageError(
            f"{given['from_']} has no speed-up of a correct case", "there is nothing to carry over"
        )
    here = _here(ctx, given)
    known, notes = _known(ctx, given), []
    able: list[Theirs] = []
    for one in theirs:
        names = {kind: _name(text) for kind, text in _components(one.record)}
        lacking = [f"{k} {n}" for k, n in names.items() if known is not None and n not in known.get(k, ())]
        able += [] if lacking else [one]
        notes += [f"{text} is not here: --plugin loads what provides it" for text in lacking]
    report, ended = None, None
    if able:
        pairs = [one.points(there) for one in able]

        def together(plan: Any) -> list[frozenset[str]]:
            return [
                frozenset(c.id for c in plan.cases if any(same(p, c.case, c.label, here) for p in pair))
                for pair in pairs
            ]

        report, ended = _measured(
            ctx, given, folder, matrices(p for pair in pairs for p in pair), together, False, there.run.seed
        )
        report = explained(report)
        _check_measured([report])
    found = carried(theirs, there, report, here)
    if report is None:
        raise NothingMeasured("none of its cases can be measured here", notes[0] if notes else None)
    what = differences.of_runs(there, report)
    return (
        _report(
            there.run.id,
            f"which of its {len(theirs)} speed-ups carry over",
            report,
            [report.run.id],
            list(dict.fromkeys(notes)),
            carried=found,
            differences=what,
        ),
        ended,
    )


def _components(record: Any) -> list[tuple[str, str]]:
    return [
        ("model", record.label["model"]),
        ("runner", record.label["runner"]),
        ("precision", record.case.precision),
    ]


def _name(text: str) -> str:
    return text.partition(":")[0].rpartition("/")[2]


def _stock(ctx: click.Context, given: dict[str, Any]) -> dict[str, Any] | None:
    """What there is here; None if it cannot be found out."""
    from harness import inventory
    from harness.catalogue.loading import PluginRequest
    from harness.errors import HarnessError, PluginError
    from harness.execute import probe

    texts = options.plugin_texts(ctx, given["plugin"])
    extra = tuple(t for t in texts if not t.startswith("no:"))
    blocked = tuple(t[3:] for t in texts if t.startswith("no:"))
    key = inventory.environment_key(extra, blocked)
    found = inventory.cached(key)
    if found is not None:
        return found
    try:
        return probe.ask(PluginRequest.from_options(texts), key)
    except (PluginError, UsageError):
        raise
    except HarnessError:
        return None


def _known(ctx: click.Context, given: dict[str, Any]) -> dict[str, set[str]] | None:
    """Kind -> the names there are."""
    found = _stock(ctx, given)
    if found is None:
        return None
    known: dict[str, set[str]] = {}
    for row in found["components"]:
        known.setdefault(row["kind"], set()).update((row["name"], *row.get("aliases", ())))
    return known


def _here(ctx: click.Context, given: dict[str, Any]) -> Any:
    from harness import machine
    from harness.claims.points import Here

    device = (_stock(ctx, given) or {}).get("device")
    return Here(device if isinstance(device, str) else "cpu", machine.usable_cores())


def _measured(
    ctx: click.Context,
    given: dict[str, Any],
    folder: Any,
    wanted: Sequence[Any],
    together: Any,
    throughput: bool,
    seed: int = 0,
) -> tuple[Any, Any]:
    from harness.catalogue.loading import PluginRequest
    from harness.cli import aiming
    from harness.cli.measured import measured
    from harness.execute.run import RunRequest
    from harness.plan.suites import Aims
    from harness.records.events import Settings

    request = RunRequest(
        matrices=list(wanted),
        plugins=PluginRequest.from_options(options.plugin_texts(ctx, given["plugin"])),
        settings=Settings(
            timeout_s=given["timeout"],
            throughput=throughput,
            anatomy=True,
            **aiming.settings(given, Aims(further_s=_FURTHER_S)),
        ),
        seed=seed,
        command=_command_line(),
    )
    with options.locks(given, None) as locks:
        return measured(request, folder, locks, "claims were measured", together=together)


def _check_measured(reports: Sequence[Any]) -> None:
    if not any(r.latency_ms for report in reports for r in report.records):
        record = next((r for report in reports for r in report.records), None)
        why = f": {record.label['model']} {record.status}: {record.reason}" if record else ""
        raise NothingMeasured(f"nothing could be measured{why}")


def _elsewhere(report: Any) -> list[str]:
    """What a stored run does not share with this machine, as far as it can be told without torch."""
    from dataclasses import fields, replace

    from harness.compare import differences
    from harness.plan.environment import without_torch

    here, there = without_torch(), report.environment
    unknown = {f.name: getattr(there, f.name) for f in fields(here) if getattr(here, f.name) is None}
    if here.torch and there.torch and there.torch.startswith(here.torch.partition("+")[0]):
        unknown["torch"] = there.torch
    here = replace(here, **unknown)
    found = [*differences.machine(there, here), *differences.software(there, here)]
    return [f"run {report.run.id} was measured elsewhere: {'; '.join(found)}"] if found else []


def _report(source: str, summary: str, report: Any, runs: list[str], notes: list[str], **parts: Any) -> Any:
    from importlib import metadata

    from harness.records.claims import SCHEMA, ClaimsReport

    return ClaimsReport(
        schema=SCHEMA,
        source=source,
        summary=summary,
        started=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        command=_command_line(),
        harness_version=metadata.version("pytorch-inference-lab"),
        environment=report.environment,
        runs=runs,
        notes=notes,
        **parts,
    )


def _command_line() -> str:
    return shlex.join(["harness", *sys.argv[1:]])


def _failed(found: Any, strict: bool) -> list[str]:
    """What makes the exit code 1, in words."""
    from harness.records.claims import CANNOT_SAY, DOES_NOT, NOT_TESTABLE, REFUTED

    bad = (REFUTED, DOES_NOT, *((NOT_TESTABLE, CANNOT_SAY) if strict else ()))
    return [f"{v.name} {v.word.lower()}" for v in found.verdicts if v.word in bad] + [
        f"{c.case} {c.word}" for c in found.carried if c.word in bad
    ]


def _show(found: Any, given: dict[str, Any]) -> None:
    from harness.claims import text as shown
    from harness.cli.show import write
    from harness.records import codec

    if given["format_"] == options.JSON:
        write(codec.pretty(found), given["output"])
    elif given["format_"] == options.MARKDOWN:
        write(shown.markdown(found), given["output"])
    else:
        on_terminal = given["output"] is None and sys.stdout.isatty()
        width = shutil.get_terminal_size((110, 40)).columns if on_terminal else 110
        style = shown.Style(width, on_terminal and not os.environ.get("NO_COLOR"))
        write(shown.text(found, style), given["output"], colour=style.colour)
