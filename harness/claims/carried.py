"""Which speed-ups of somebody else's report carry over to this machine. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analyse.spreads import nearest
from harness.analyse.statistics import log_interval
from harness.claims.claim import Point
from harness.claims.metrics import quotients
from harness.claims.noise import busy
from harness.claims.points import Here, record_at
from harness.claims.reasons import reasons
from harness.compare import differences
from harness.records.claims import CANNOT_SAY, CARRIES, DOES_NOT, Carried, Measured
from harness.records.events import OK
from harness.records.report import Record, Report
from harness.report.numbers import significant

MUCH = 1.25
"""A gain that is here surely less than theirs by more than this factor, or more, is another gain."""


@dataclass(frozen=True)
class Theirs:
    """A speed-up of their report: the case and what it is counted from."""

    record: Record
    baseline: Record

    def points(self, report: Report) -> tuple[Point, Point]:
        return point_of(self.record, report), point_of(self.baseline, report)


def speedups(report: Report) -> list[Theirs]:
    """The speed-ups of a report whose cases were right there."""
    records = {r.id: r for r in report.records}
    return [
        Theirs(r, records[r.speedup.baseline])
        for r in report.records
        if r.speedup is not None and r.status == OK and r.speedup.baseline in records
    ]


def point_of(record: Record, report: Report) -> Point:
    """A case as this machine would name it: all cores there are all cores here."""
    case = record.case
    every = case.threads == report.environment.cores_usable
    return Point(
        record.label["model"],
        record.label["runner"],
        case.precision,
        case.batch_size,
        case.device,
        None if every else case.threads,
    )


def carried(
    theirs: Sequence[Theirs],
    there: Report,
    report: Report | None,
    here: Here,
    despite_noise: bool = False,
) -> list[Carried]:
    """What becomes of each of their speed-ups.

    Args:
        report: the run here; None if nothing could be run.
        despite_noise: whether one is judged also where the machine here was busy.
    """
    doubt = None if report is None or despite_noise else busy(report)
    return [_one(one, there, report, here, doubt) for one in theirs]


def _one(one: Theirs, there: Report, report: Report | None, here: Here, doubt: str | None) -> Carried:
    speedup = one.record.speedup
    assert speedup is not None
    was = Measured(speedup.ratio, speedup.low, speedup.high)
    case, base = one.points(there)

    def say(word: str, reason: str, found: Measured | None = None, records: Sequence[Record] = ()) -> Carried:
        causes = reasons(records[:1])
        return Carried(str(case), str(base), word, was, found, reason, [r.id for r in records], causes)

    records = [record_at(p, report, here) if report else None for p in (case, base)]
    mine, counted = records
    if mine is None or counted is None or report is None:
        return say(CANNOT_SAY, "it was not measured here")
    for record, what in ((mine, "it"), (counted, "its baseline")):
        if record.status != OK:
            text = record.status.replace("_", " ")
            why = f": {record.reason}" if record.reason else ""
            return say(CANNOT_SAY, f"{what} is {text} here{why}", records=[mine, counted])
    ratios = quotients(*(r.latency_ms.replicates if r.latency_ms else [] for r in (counted, mine)))
    if not ratios:
        return say(CANNOT_SAY, "it was not measured here", records=[mine, counted])
    other = differences.workload(one.record, mine, there.run.seed, report.run.seed)
    known, latency = report.run.calibration, mine.latency_ms
    usual = nearest(known.pair_sd, latency.median) if known and latency else None
    found = Measured(*log_interval(ratios, least_sd=usual or 0.0))
    word, reason = carries(was, found)
    if doubt and word != CANNOT_SAY:
        word, reason = CANNOT_SAY, f"{doubt}; it looks like: {reason}"
    if other:
        reason += f"; but it is other work here: {', '.join(other)}"
    return say(word, reason, found, [mine, counted])


def carries(theirs: Measured, here: Measured) -> tuple[str, str]:
    """Whether a ratio of theirs is one here as well, and why.

    It carries over if it is surely on the same side of 1 and not surely another size (`MUCH`). The quotient
    of the two has an interval of its own: their widths add in squares on the log scale.
    """
    if theirs.low is None or theirs.high is None:
        return CANNOT_SAY, "theirs has no interval: one pass"
    if here.low is None or here.high is None:
        return CANNOT_SAY, "one pass has no interval: give --passes 3 or more"
    if theirs.low <= 1 <= theirs.high:
        return CANNOT_SAY, "theirs is no sure gain or loss: its interval holds 1"
    gain = theirs.low > 1
    word = "gain" if gain else "loss"
    if (here.high < 1) if gain else (here.low > 1):
        return DOES_NOT, f"a {word} there, a {'loss' if gain else 'gain'} here"
    times = math.log(here.ratio / theirs.ratio)
    half = math.hypot(*(math.log(m.high / m.low) / 2 for m in (theirs, here) if m.low and m.high))
    if times + half < -math.log(MUCH) or times - half > math.log(MUCH):
        size = significant(math.exp(times))
        return DOES_NOT, f"another size of {word}: here {size} times theirs"
    if here.low <= 1 <= here.high:
        return CANNOT_SAY, "noise: the interval here holds 1"
    return CARRIES, f"a {word} here, too, and of no surely different size"
