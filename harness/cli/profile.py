"""`harness profile`: where the time of one inference goes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from harness.analyse import hotspots
from harness.cli import options, single
from harness.cli.show import message, write
from harness.errors import ExitCode
from harness.execute.one import OneCase, one_case
from harness.jobs import ProfileJob
from harness.records import codec
from harness.records.profile import SCHEMA, ProfileReport, ProfileResult
from harness.report import profile as shown
from harness.store import traces
from harness.store.folder import results_folder

UNEVEN = 1.5
"""From this ratio of the longest to the shortest profiled inference on a reader is warned,"""
MANY = 10
"""unless there are so many that a single slow one does little."""


@click.command("profile", short_help="Find the hot operators of one case, and write a trace for Perfetto.")
@single.case()
@click.option(
    "--warmup",
    type=click.IntRange(0, 1_000_000),
    default=5,
    show_default=True,
    metavar="N",
    help="Inferences before the profiled ones.",
)
@click.option(
    "--calls",
    type=click.IntRange(1, 1_000_000),
    default=3,
    show_default=True,
    metavar="N",
    help="Profiled inferences.",
)
@click.option(
    "--group",
    type=click.Choice(hotspots.GROUPS),
    default=hotspots.OPERATOR,
    show_default=True,
    help="What a line of the table stands for. `source` marks every call of a torch function with its line, "
    "which costs time. `kernel` is for a GPU.",
)
@click.option(
    "--sort",
    type=click.Choice(hotspots.SORTS),
    help="What the hottest line has most of: time of its own (self) or with what it called, on the device "
    "or the CPU; self_device on a GPU and self_cpu elsewhere, by default.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Lines of the table, 0 for all; the others are summed in one.",
)
@options.lock
@options.results
@options.table_or_json
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Profile one case in a fresh process: which operators its time goes to, and how much of it goes to
    none of them. Writes a trace for ui.perfetto.dev and chrome://tracing into the results folder.

    A profiler makes everything slower, small operators most: `harness run` is for how long a case takes.

    \b
    harness profile -m mlp -b 64
    harness profile -m transformer -r compile --group shape
    harness profile --plugin net.py -m net --group source --format markdown
    """
    request = single.one_request(ctx, given)
    results = results_folder(given["results"])
    devices = tuple(request.matrix.device) or None
    with options.locks(given, devices) as locks, one_case(request, message) as case:
        locks.take([case.planned.case.device], case.zygotes.interrupts)
        case.warnings += locks.warnings
        hotspots.check(given["group"], given["sort"], case.planned.case.device)
        trace = traces.trace_path(results, case.planned)
        traces.check_writable(trace)
        case.make_reference()
        case.build()
        found = _profiled(case, given, trace)
        report = _report(case, found, given, trace)
        title = single.case_title(case.planned)
    for warning in report.warnings:
        if warning not in locks.warnings:  # those were told at once
            message(f"warning: {warning}")
    write(_text(report, title, given), given["output"], colour=_on_terminal(given))
    wrong = found.verification is not None and not found.verification.passed
    return ExitCode.CASES if wrong else ExitCode.FINE


def _profiled(case: OneCase, given: dict[str, Any], trace: Path) -> ProfileResult:
    """Has the case profiled by a child, and keeps the trace it made."""
    made = case.zygotes.folder / "trace.json"
    lines = given["group"] == hotspots.SOURCE
    job = ProfileJob(case.job(), given["warmup"], given["calls"], lines, str(made))
    found = case.ask("profile", job, ProfileResult)
    traces.keep_trace(made, trace)
    return found


def _report(case: OneCase, found: ProfileResult, given: dict[str, Any], trace: Path) -> ProfileReport:
    spots = hotspots.hot_spots(found.recording, given["group"], given["sort"], given["rows"])
    notes = list(found.recording.notes)
    if not found.recording.operators:
        notes.append("no operator was seen: the work of this runner is not torch's, or there is none")
    walls = found.recording.wall_us
    if len(walls) < MANY and max(walls) > UNEVEN * min(walls):
        notes.append(
            "the profiled inferences took unequally long, so shares are rough: try more with --calls"
        )
    if given["group"] == hotspots.SOURCE and not found.recording.lines:
        notes.append("under this runner the source lines of the model are not known: try --group operator")
    if given["sort"] is not None and spots.sort != given["sort"]:
        notes.append(f"sorted by {spots.sort}: this runner's profiler tells no device time")
    return ProfileReport(
        schema=SCHEMA,
        case=case.planned.case,
        environment=case.environment,
        warmup=given["warmup"],
        calls=given["calls"],
        group=given["group"],
        sort=spots.sort,
        share_of=spots.share_of,
        rows=spots.rows,
        rest=spots.rest,
        rest_lines=spots.rest_lines,
        total=spots.total,
        totals=hotspots.totals(found.recording, found.plain_us),
        trace=str(trace),
        verification=found.verification,
        facts=found.facts,
        warnings=[*case.warnings, *found.warnings],
        notes=notes,
    )


def _on_terminal(given: dict[str, Any]) -> bool:
    return given["output"] is None and sys.stdout.isatty()


def _text(report: ProfileReport, title: str, given: dict[str, Any]) -> str:
    if given["format_"] == options.JSON:
        return codec.pretty(report)
    if given["format_"] == options.MARKDOWN:
        return shown.markdown(report, title)
    if not _on_terminal(given):
        return shown.table(report, title)
    width = shutil.get_terminal_size((120, 40)).columns
    return shown.table(report, title, width, colour=not os.environ.get("NO_COLOR"))
