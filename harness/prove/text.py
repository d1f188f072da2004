"""A waterfall as text."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.explain.said import ms_text, times_text
from harness.records.finding import Step, Waterfall
from harness.report.numbers import safe

_BAR = 40
_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)


def waterfall_text(found: Waterfall) -> str:
    """A line for each change, with a bar that begins where the one before it ended, on a scale of factors."""
    marks = [0.0]
    for step in found.steps:
        marks.append(marks[-1] + math.log(step.ratio))
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0

    def place(mark: float) -> int:
        return round((mark - low) / span * _BAR)

    rows = [("baseline", found.baseline_ms, "", "|".rjust(place(0.0) + 1))]
    for step, begin, end in zip(found.steps, marks, marks[1:], strict=False):
        rows.append((step.name, step.latency_ms, _ratio(step), _bar(place(begin), place(end))))
    rows.append(("total", found.total.latency_ms, _ratio(found.total), _bar(place(0.0), place(marks[-1]))))
    wide = max(len(safe(name)) for name, *_ in rows)
    said = max(len(ratio) for _, _, ratio, _ in rows)
    title = f"{found.model}: from {found.baseline} to {found.best}, {found.pairs} pairs of processes"
    lines = [safe(title), ""]
    lines.append(" " * (wide + said + 18) + _scale(low, high, place))
    for name, ms, ratio, bar in rows:
        time = ms_text(ms) if ms is not None else "-"
        lines.append(f"  {safe(name):<{wide}}  {time:>10}  {ratio:<{said}}  {bar}".rstrip())
    verdict = f"the steps multiply to {times_text(found.product)}"
    if found.stored is not None:
        agree = "agrees with" if found.agrees else "does NOT agree with"
        verdict += f", which {agree} the run's {_ratio(found.stored)}"
    lines += ["", f"  {verdict}"]
    if found.order:
        lines.append(safe(f"  order: {found.order}"))
    lines.append(safe(f"  kept as comparison {found.comparison}"))
    return "\n".join(lines) + "\n"


def _bar(begin: int, end: int) -> str:
    """Full where it became faster, light where it became slower, a point where nothing can be seen."""
    if begin == end:
        return " " * begin + "·"
    return " " * min(begin, end) + ("█" if end > begin else "░") * abs(end - begin)


def _scale(low: float, high: float, place: Callable[[float], int]) -> str:
    """`1x        2x     3x`: factors over the baseline, where their marks are."""
    text = ""
    for tick in _TICKS:
        if low - 1e-9 <= math.log(tick) <= high + 1e-9:
            at = place(math.log(tick))
            if not text or at > len(text):
                text = text.ljust(at) + f"{tick:g}x"
    return text


def _ratio(step: Step) -> str:
    if step.low is None or step.high is None:
        return times_text(step.ratio)
    low, high = (times_text(end).removesuffix("x") for end in (step.low, step.high))
    return f"{times_text(step.ratio)} ({low} to {high})"
