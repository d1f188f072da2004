"""A waterfall as text."""

from __future__ import annotations

import math

from harness.explain.said import times_text
from harness.records.finding import Step, Waterfall
from harness.report.numbers import safe

_BAR = 40


def waterfall_text(found: Waterfall) -> str:
    """A line for each change, with a bar that begins where the one before it ended, on a scale of factors."""
    steps = [*found.steps, found.total]
    wide = max(len(s.name) for s in steps) + 2
    reached, marks = 0.0, [0.0]
    for step in found.steps:
        reached += math.log(step.ratio)
        marks.append(reached)
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0

    def place(mark: float) -> int:
        return round((mark - low) / span * _BAR)

    lines = [safe(f"{found.model}: from {found.baseline} to {found.best}, {found.pairs} pairs of processes")]
    for step, begin, end in zip(found.steps, marks, marks[1:], strict=False):
        a, b = sorted((place(begin), place(end)))
        fill = "█" if step.ratio >= 1 else "░"
        bar = " " * a + fill * max(1, b - a)
        lines.append(safe(f"  {step.name:<{wide}}") + f"{_ratio(step):<28}{bar}")
    lines.append(safe(f"  {'total':<{wide}}") + f"{_ratio(found.total):<28}{'█' * place(marks[-1])}")
    verdict = f"the steps multiply to {times_text(found.product)}"
    if found.stored is not None:
        agree = "agrees with" if found.agrees else "does NOT agree with"
        verdict += f"; {agree} the run's {_ratio(found.stored)}"
    lines.append(f"  {verdict}")
    return "\n".join(lines) + "\n"


def _ratio(step: Step) -> str:
    known = f" ({step.low:.2f} to {step.high:.2f})" if step.low is not None and step.high is not None else ""
    return f"{times_text(step.ratio)}{known}"
