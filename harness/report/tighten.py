"""How to narrow the intervals of a run: one line, with a command that would do it."""

from __future__ import annotations

import math
import shlex

from harness.analyse.aim import MOST_PASSES, width_text
from harness.records.report import Record, Report
from harness.report import numbers

WIDE = 0.25
"""From this half-width on a reader is told how to narrow an interval that no aim was set for."""
_OPTIONS = ("--passes", "--until", "--time-budget")
_ROUND_S = 60
_START_S = 3.0
"""The processes that a pass needs are started anew."""


def how_to_tighten(report: Report) -> str | None:
    """`intervals up to ±12 %: harness run ... --until 5% --time-budget 900`; None if all is well."""
    if report.run.settings.until is not None:
        return _aimed(report)
    halves = [h for r in report.records if (h := _half_width(r)) is not None]
    if not halves or max(halves) < WIDE:
        return None
    more = min(MOST_PASSES, 2 * report.run.settings.passes)
    again = command(report.run.command, "--passes", str(more))
    return f"{_up_to(max(halves))}: more passes narrow them: {again}"


def _half_width(record: Record) -> float | None:
    latency = record.latency_ms
    return numbers.half_width(latency.low, latency.high) if latency else None


def _aimed(report: Report) -> str | None:
    settings = report.run.settings
    missed = [r.aim for r in report.records if r.aim is not None and not r.aim.reached]
    if not missed or settings.until is None:
        return None
    halves = [a.half_width for a in missed if a.half_width is not None]
    what = _up_to(max(halves)) if halves else "too few passes for an interval"
    needed = [a.passes_needed for a in missed]
    most = max((n for n in needed if n is not None), default=0)
    hopeless = sum(a.passes_needed is None for a in missed if a.half_width is not None)
    single = sum(a.half_width is None for a in missed)
    what += f" (aim ±{width_text(settings.until)})"
    if hopeless:
        what += f"; {hopeless} of them would take more than {MOST_PASSES} passes: find a quieter machine"
    if halves and single:
        what += f"; {single} had too few passes for one"
    if not most:
        return what
    budget = str(_ROUND_S * math.ceil(max(_budget_s(report, most), settings.further_s or 0.0) / _ROUND_S))
    options = ["--until", width_text(settings.until).replace(" ", ""), "--time-budget", budget]
    if most > settings.most_passes:
        options = ["--passes", f"{settings.passes}..{most}", *options]
    again = command(report.run.command, *options)
    return f"{what}; for the others: {again}" if hopeless else f"{what}: {again}"


def _budget_s(report: Report, most: int) -> float:
    """What all passes after the first may take, of every case and of the baselines beside it."""
    settings = report.run.settings
    total = _START_S * most
    for record in report.records:
        aim = record.aim
        if aim is None or aim.replicate_s is None:
            continue
        passes = record.replicates if aim.reached else aim.passes_needed or max(most, settings.most_passes)
        further = max(0, passes - settings.passes)
        beside = further if record.speedup is not None else 0
        total += (passes - 1 + beside) * aim.replicate_s
        if settings.throughput:
            total += 2 * (settings.windows + 2) * settings.window_s
    return total


def _up_to(half: float) -> str:
    return "intervals of more than ±100 %" if half > 1 else f"intervals up to ±{numbers.percent(half)}"


def command(made: str, *options: str) -> str:
    """The command of a run with other options that say how long it goes on."""
    try:
        words = shlex.split(made)
    except ValueError:
        words = ["harness", "run"]
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _OPTIONS:
            skip = True
        elif not word.startswith(tuple(f"{o}=" for o in _OPTIONS)):
            kept.append(word)
    return shlex.join([*kept, *options])
