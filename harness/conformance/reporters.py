"""Checks of reporters: that they render whatever a report may hold, the same each time."""

from __future__ import annotations

import hashlib
from typing import Any

from harness.catalogue.loading import describe
from harness.conformance import sample
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, check
from harness.records import codec

RENDERS = "reporter.renders"
DISPLAYS = "reporter.displays"
WIDTHS = (60, 80, 120, 200)


@check(
    RENDERS,
    "text or bytes from render(), whatever is in a report",
    "expect None wherever a report may have it: a single replicate has no interval, a failed case no latency",
)
def renders(bench: Bench) -> str | None:
    for what, report in sample.samples().items():
        bench.stage(f"rendering a report with {what}")
        try:
            found = bench.component.render(report)
        except (Exception, SystemExit) as error:
            raise Failed(f"{describe(error)} for a report with {what}") from error
        if not isinstance(found, (str, bytes)):
            raise Failed(f"{type(found).__name__} for a report with {what}")
    return None


@check(
    DISPLAYS,
    "text or bytes from display(), at every width, with and without colour",
    "leave display() out, or return what a terminal of `width` columns can show",
    needs=(RENDERS,),
)
def displays(bench: Bench) -> str | None:
    for what, report in sample.samples().items():
        for width in WIDTHS:
            for colour in (False, True):
                try:
                    found = bench.component.display(report, width, colour)
                except (Exception, SystemExit) as error:
                    raise Failed(f"{describe(error)} at {width} columns with {what}") from error
                if not isinstance(found, (str, bytes)):
                    raise Failed(f"{type(found).__name__} at {width} columns with {what}")
    return None


@check(
    "reporter.repeatable",
    "the same output for the same report, in every process",
    "leave the clock, random numbers and the order of sets out of it; the report has its own times",
    needs=(RENDERS,),
    twice=True,
)
def repeatable(bench: Bench) -> str | None:
    for what, report in sample.samples().items():
        first, second = (_bytes(bench.component.render(report)) for _ in range(2))
        if first != second:
            raise Failed(f"another output at the second time for a report with {what}")
        bench.data[what] = hashlib.sha256(first).hexdigest()
    return None


@check(
    "reporter.keeps",
    "a report that is the same after it was rendered",
    "copy what you sort or change: sorted(report.records) and not report.records.sort()",
    needs=(RENDERS,),
)
def keeps(bench: Bench) -> str | None:
    report = sample.report()
    before = codec.encode(report)
    bench.component.render(report)
    if codec.encode(report) != before:
        raise Failed("another one")
    return None


@check(
    "reporter.complete",
    "every record in the output, by its model or its id",
    "show what failed as well: a reader must see which cases have no number, and why",
    needs=(RENDERS,),
)
def complete(bench: Bench) -> str | None:
    report = sample.report()
    text = text_of(bench.component.render(report))
    if text is None:
        return "its output is no text: whether every record is in it cannot be seen"
    shown = [r for r in report.records if r.label["model"] in text or r.id in text]
    missing = [r for r in report.records if r not in shown]
    if not missing:
        return None
    if shown and all(r.best for r in shown):
        return f"it shows {len(shown)} of {len(report.records)} records, the best alone"
    statuses = ", ".join(dict.fromkeys(r.status for r in missing))
    raise Failed(f"{len(missing)} of {len(report.records)} missing ({statuses})")


def _bytes(found: Any) -> bytes:
    return found if isinstance(found, bytes) else str(found).encode("utf-8", "surrogatepass")


def text_of(found: str | bytes) -> str | None:
    """The output as text; None if it is something else."""
    if isinstance(found, str):
        return found
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        return None
