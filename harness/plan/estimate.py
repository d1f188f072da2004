"""How long a run takes, roughly: before anything is known of its cases but what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.records.case import Plan, PlannedCase
from harness.records.settings import Settings

if TYPE_CHECKING:
    from harness.runner import Runner

_PASS_S, _EMULATED_S, _ONCE_S, _START_S = 1.3, 8.0, 1.0, 5.0
"""A pass over a case, over an emulated one, what is done once, the start."""
_APART_S = 1.0
"""A child that takes a case apart."""
_LOADED_S = 0.7
"""A child that saturates a case: before and after its windows."""


def case_estimate_s(runner: Runner, emulated: bool) -> float:
    """What three passes over a case cost, with what is done once for it."""
    return 3 * (_EMULATED_S if emulated else _PASS_S) + _ONCE_S + runner.ready_estimate_s


def total_estimate_s(plan: Plan, settings: Settings) -> float:
    """A rough guess of a run's wall time: cases, and the start of the processes."""
    cases = [c for c in plan.cases if not c.unsupported]
    saturated = sum(_saturated_s(c, settings) for c in cases)
    apart = sum(_EMULATED_S if c.emulated else _APART_S for c in cases) if settings.anatomy else 0.0
    return _START_S + sum(c.estimate_s for c in cases) * (settings.passes / 3) + saturated + apart


def _saturated_s(planned: PlannedCase, settings: Settings) -> float:
    if not settings.throughput:
        return 0.0
    one = (settings.windows + 1) * settings.window_s + _LOADED_S
    possible = planned.case.threads.bit_length() if planned.concurrent and not settings.callers else 1
    probe = 2 * settings.window_s + _LOADED_S
    return min(settings.passes, 3) * one + (possible * probe if possible > 1 else 0.0)


def further_estimate_s(plan: Plan, settings: Settings) -> float:
    """What passes beyond the first may add at most, in seconds; 0 where there are none."""
    if settings.until is None:
        return 0.0
    cases = [c for c in plan.cases if not c.unsupported]
    once = sum(_EMULATED_S if c.emulated else _PASS_S for c in cases)
    whole = once * (settings.most_passes - settings.passes)
    limits = [s for s in (settings.further_s, settings.time_budget_s) if s is not None]
    return min([whole, *limits])
