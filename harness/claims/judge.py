"""From claims and reports to verdicts. Pure.

An interval decides, never a point: CONFIRMED if the whole 95 % interval fulfils a condition, REFUTED if it
lies wholly outside, and NOT TESTABLE HERE otherwise. Ratios are paired by pass, in each of which both cases
ran as children of one parent.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analyse.aim import MOST_PASSES, passes_needed
from harness.analyse.spreads import nearest
from harness.analyse.statistics import log_interval
from harness.claims.claim import Claim, Condition
from harness.claims.metrics import LIMITS, SPEEDUP, TRENDS, Interval, Metric, metric_of, quotients
from harness.claims.noise import busy, doubted, kept_all_the_more, of_time
from harness.claims.points import Here, record_at
from harness.claims.reasons import why
from harness.claims.relative import against
from harness.records.anatomy import OperatorShare
from harness.records.claims import CONFIRMED, NOT_TESTABLE, REFUTED, Answer, Judged
from harness.records.events import OK
from harness.records.report import Record, Report
from harness.report.numbers import percent, significant, small

_UNFINISHED = ("not_reached", "interrupted")


@dataclass(frozen=True)
class Step:
    """The records of a claim at one value of its axis."""

    case: Record
    other: Record | None


def judge(
    claims: Sequence[Claim], reports: Sequence[Report], here: Here, despite_noise: bool = False
) -> list[Judged]:
    """A verdict for each claim, by the first report that has everything it needs.

    Args:
        despite_noise: whether times are judged also where the machine was busy.
    """
    return [_judged(claim, reports, here, despite_noise) for claim in claims]


def answers(claim: Claim, report: Report, here: Here) -> bool:
    """Whether a report has all the cases of a claim, with what it needs of them."""
    records = [record_at(p, report, here) for p in claim.points()]
    needs = claim.needs()
    return all(r is not None and r.status not in _UNFINISHED and _has(r, needs) for r in records)


def _has(record: Record, needs: set[str]) -> bool:
    if record.latency_ms is None:
        return True  # it was tried: there is nothing more to be had
    return not (
        ("memory" in needs and record.memory_mib is None)
        or ("throughput" in needs and record.sustained_per_s is None)
        or ("anatomy" in needs and record.anatomy is None)
    )


def _judged(claim: Claim, reports: Sequence[Report], here: Here, despite_noise: bool) -> Judged:
    cases = [str(p) for p in claim.points()]
    report = next((r for r in reports if answers(claim, r, here)), None)
    # What could not be measured in full is judged by what the last run knows of it.
    tried = [r for r in reports if all(record_at(p, r, here) for p in claim.points())]
    report = report or (tried[-1] if tried else None)
    if report is None:
        missing = next((p for p in claim.points() if not any(record_at(p, r, here) for r in reports)), None)
        reason = f"{missing} was not measured" if missing else "its cases were not measured in one run"
        answer = Answer("its cases", NOT_TESTABLE, reason=reason)
        return Judged(claim.name, claim.text, NOT_TESTABLE, [answer], cases)
    steps = []
    for point, other in claim.steps():
        record = record_at(point, report, here)
        assert record is not None
        steps.append(Step(record, record_at(other, report, here) if other else None))
    found = _answers(claim, steps, report, None if despite_noise else busy(report))
    records = [r for p in claim.points() if (r := record_at(p, report, here)) is not None]
    ends = steps if claim.axis is None else (steps[0], steps[-1])
    told = [against(s.case, s.other, report, lambda v, r: _interval(v, r, report)) for s in ends]
    word = _together([a.word for a in found])
    return Judged(
        claim.name,
        claim.text,
        word,
        found,
        cases,
        report.run.id,
        [r.id for r in records],
        why(claim, records, told, report),
    )


def left_open(verdict: Judged) -> bool:
    """Whether it is noise, or too few passes, that leaves a claim without a word."""
    return verdict.word == NOT_TESTABLE and any(
        a.word == NOT_TESTABLE and a.value is not None for a in verdict.answers
    )


def _together(words: Sequence[str]) -> str:
    if REFUTED in words:
        return REFUTED
    return CONFIRMED if all(w == CONFIRMED for w in words) else NOT_TESTABLE


def _answers(claim: Claim, steps: Sequence[Step], report: Report, doubt: str | None) -> list[Answer]:
    found = []
    for value, step in zip(claim.values or ("",), steps, strict=True):
        at = f" at {claim.axis.replace('_size', '')} {value}" if claim.axis else ""
        for one in claim.conditions:
            of = metric_of(one.name)
            sure = CONFIRMED if kept_all_the_more(one) else ""
            answer = _condition(one, of, step, at, report)
            found.append(doubted(answer, doubt if of_time(of) else None, sure))
        if claim.hottest:
            found.append(_hottest(claim.hottest, step.case, at))
    found += [doubted(_trend(word, True, steps, report), doubt) for word in claim.grows]
    found += [doubted(_trend(word, False, steps, report), doubt) for word in claim.falls]
    return found


# ---- whether a record can be judged at all -------------------------------------------------------------


def _unfit(records: Sequence[Record | None], metric: Metric | None = None) -> str | None:
    """Why these records say nothing of a speed or a memory, if so."""
    for record in records:
        if record is None:
            continue
        of_output = metric is not None and metric.of_output
        if record.status == OK or (record.status == "incorrect" and of_output):
            continue
        status = record.status.replace("_", " ")
        return f"{_name(record)} is {status}{f': {record.reason}' if record.reason else ''}"
    return None


def _name(record: Record) -> str:
    case = record.case
    return f"{record.label['model']} batch {case.batch_size} {record.label['runner']} {case.precision}"


# ---- limits and ratios ---------------------------------------------------------------------------------


def _condition(condition: Condition, metric: Metric, step: Step, at: str, report: Report) -> Answer:
    text = condition.text + at
    ratio = condition.name not in LIMITS
    unfit = _unfit([step.case, step.other if ratio else None], metric)
    if unfit:
        return Answer(text, NOT_TESTABLE, reason=unfit)
    paired: list[float] = []
    if ratio:
        paired = _paired(condition.name, metric, step)
        interval = _interval(paired, step.case, report) if paired else _of_scalars(metric, step)
    else:
        interval = metric.interval(step.case)
        if metric.per_pass:
            paired = metric.per_pass(step.case)
    if interval is None:
        return Answer(text, NOT_TESTABLE, reason=_nothing(metric, step.case, report))
    return _ranged(text, interval, condition, paired, "" if ratio else metric.unit)


def _paired(name: str, metric: Metric, step: Step) -> list[float]:
    """The ratio in each pass; empty for what has no passes."""
    if metric.per_pass is None or step.other is None:
        return []
    mine, theirs = metric.per_pass(step.case), metric.per_pass(step.other)
    return quotients(theirs, mine) if name == SPEEDUP else quotients(mine, theirs)


def _interval(ratios: Sequence[float], record: Record, report: Report) -> Interval:
    known, latency = report.run.calibration, record.latency_ms
    usual = nearest(known.pair_sd, latency.median) if known and latency else None
    return log_interval(ratios, least_sd=usual or 0.0)


def _of_scalars(metric: Metric, step: Step) -> Interval | None:
    mine = metric.interval(step.case)
    theirs = metric.interval(step.other) if step.other else None
    if mine is None or theirs is None or theirs[0] <= 0:
        return None
    return (mine[0] / theirs[0],) * 3


def _nothing(metric: Metric, record: Record, report: Report) -> str:
    """Why a record lacks a number."""
    if metric.key in ("p90_ms", "p99_ms"):
        return f"{record.calls} calls are too few for an honest bound of {metric.key[:3]}"
    if metric.of_output:
        return "the model has no reference to be right against"
    told = [w for w in record.warnings if metric.needs and w.startswith(f"{metric.needs} not measured")]
    return told[0] if told else f"{metric.title} was not measured in run {report.run.id}"


def _ranged(
    text: str, interval: Interval, condition: Condition, paired: Sequence[float], unit: str
) -> Answer:
    """The word for an interval and a range; the ends of the range belong to it."""
    value, low, high = interval
    least = -math.inf if condition.at_least is None else condition.at_least
    most = math.inf if condition.at_most is None else condition.at_most
    found = _shown(interval, unit)
    if low is None or high is None:
        reason = "one pass has no interval: give --passes 3 or more"
        return Answer(text, NOT_TESTABLE, value, None, None, found, reason, 3)
    if least <= low and high <= most:
        return Answer(text, CONFIRMED, value, low, high, found)
    if high < least or low > most:
        return Answer(text, REFUTED, value, low, high, found)
    limits = [x for x in (least, most) if low <= x <= high]
    needed = _passes(paired, value, limits)
    held = " and ".join(f"{x:g}" for x in limits)
    return Answer(text, NOT_TESTABLE, value, low, high, found, _noise(held, paired, needed), needed)


def _noise(held: str, values: Sequence[float], needed: int | None) -> str:
    reason = f"noise: the interval holds {held}"
    if needed is None and len(values) > 1:
        reason += f"; more than {MOST_PASSES} passes would be needed"
    return reason


def _passes(values: Sequence[float], centre: float, limits: Sequence[float]) -> int | None:
    """About how many passes would part the interval from the nearest limit."""
    if len(values) < 2 or centre <= 0 or statistics.fmean(values) <= 0:
        return None
    near = min((abs(math.log(centre / x)) for x in limits if x > 0), default=0.0)
    found = passes_needed(values, math.expm1(near)) if near > 0 else None
    return None if found is None else max(found, len(values) + 1)


def _shown(interval: Interval, unit: str = "") -> str:
    """`4.02 ms (3.95 to 4.10)`; of an error, that is without a unit, fewer digits."""
    value, low, high = interval
    shown = small if not unit and 0 < abs(value) < 0.01 else significant
    said = f"{shown(value)} {unit}".rstrip()
    if low is None or high is None or low == high:
        return said
    return f"{said} ({shown(low)} to {shown(high)})"


# ---- trends and operators ------------------------------------------------------------------------------


def _trend(word: str, grows: bool, steps: Sequence[Step], report: Report) -> Answer:
    """From the first value to the last, with no step between that surely goes the other way."""
    metric, speedup = TRENDS[word], word == SPEEDUP
    title = word.replace("_", " ")
    text = f"{title} {'grows' if grows else 'falls'}"
    unfit = _unfit([r for s in steps for r in (s.case, s.other if speedup else None)])
    if unfit:
        return Answer(text, NOT_TESTABLE, reason=unfit)
    assert metric.per_pass is not None
    along = [_paired(SPEEDUP, metric, s) if speedup else metric.per_pass(s.case) for s in steps]
    if not all(along):
        return Answer(text, NOT_TESTABLE, reason=_nothing(metric, steps[0].case, report))
    for before, after, step in zip(along, along[1:], steps[1:], strict=False):
        _, low, high = _interval(quotients(after, before), step.case, report)
        if low is not None and high is not None and (high < 1 if grows else low > 1):
            found = f"{'falls' if grows else 'grows'} on the way to {_name(step.case)}"
            return Answer(text, REFUTED, *_interval(quotients(after, before), step.case, report), found)
    whole = quotients(along[-1], along[0])
    value, low, high = _interval(whole, steps[-1].case, report)
    middle = ", ".join(significant(statistics.geometric_mean(v)) for v in along)
    found = f"{middle}; last over first {_shown((value, low, high))}"
    if speedup and (last := _interval(along[-1], steps[-1].case, report)[2]) is not None and last < 1:
        found += "; a loss even so"
    if low is None or high is None:
        reason = "one pass has no interval: give --passes 3 or more"
        return Answer(text, NOT_TESTABLE, value, low, high, found, reason, 3)
    if low > 1 if grows else high < 1:
        return Answer(text, CONFIRMED, value, low, high, found)
    if high < 1 if grows else low > 1:
        return Answer(text, REFUTED, value, low, high, found)
    needed = _passes(whole, value, [1.0])
    return Answer(text, NOT_TESTABLE, value, low, high, found, _noise("1", whole, needed), needed)


def _hottest(wanted: str, record: Record, at: str) -> Answer:
    text = f"hottest operator {wanted}{at}"
    unfit = _unfit([record])
    if unfit or record.anatomy is None:
        reason = unfit or f"{_name(record)} was not taken apart"
        return Answer(text, NOT_TESTABLE, reason=reason)
    times: dict[str, float] = {}
    for one in record.anatomy.operators:
        times[_bare(one)] = times.get(_bare(one), 0.0) + one.ms
    total = math.fsum(times.values())
    times.pop("others", None)
    if not times or total <= 0:
        return Answer(text, NOT_TESTABLE, reason=f"no operator of {_name(record)} is known")
    name = max(times, key=lambda n: times[n])
    share = times[name] / total
    found = f"{name}, {percent(share)} of the operators' time"
    word = CONFIRMED if name == wanted.rpartition("::")[2] else REFUTED
    return Answer(text, word, share, share, share, found)


def _bare(operator: OperatorShare) -> str:
    return operator.name.rpartition("::")[2]
