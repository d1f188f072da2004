"""How sure a case is, beside how sure it was to be: what decides whether it is measured again.

The rule looks at the width of an interval and never at where it lies. Stopping at a width leaves the
interval nearly honest; stopping as soon as a difference is "significant" would not.
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Sequence

from harness.analyse import replicate
from harness.analyse.statistics import LEVEL, t_quantile
from harness.records.events import Timing
from harness.records.report import Aim

MOST_PASSES = 100
"""More passes than this are no advice: the machine is at fault, or the case."""
_MARGIN = 1.25
"""The spread of a few replicates is itself a guess, and a command that is advised should do."""


def aimed_values(timings: Sequence[Timing]) -> tuple[str, list[float]]:
    """(what is aimed at, its value in each replicate in milliseconds).

    Device time where every replicate has it: request latency on an accelerator differs by 10 % from
    process to process for reasons that no number of passes cures. Request latency otherwise.
    """
    found = []
    for timing in timings:
        with contextlib.suppress(ValueError):
            found.append(replicate.values(timing))
    device = [v.device for v in found if v.device is not None and v.device > 0]
    if device and len(device) == len(found):
        return "device time", device
    return "latency", [v.value for v in found]


def half_width(values: Sequence[float], level: float = LEVEL) -> float | None:
    """The relative half-width of the t-interval on the log scale; None for fewer than two values."""
    if len(values) < 2:
        return None
    return _half(statistics.stdev(math.log(v) for v in values), len(values), level)


def _half(spread: float, count: int, level: float) -> float:
    exponent = t_quantile(0.5 + level / 2, count - 1) * spread / math.sqrt(count)
    return math.expm1(min(exponent, 700.0))


def too_wide(timings: Sequence[Timing], until: float) -> bool:
    """Whether these replicates leave an interval above `until`, or none at all."""
    half = half_width(aimed_values(timings)[1])
    return half is None or half > until


def passes_needed(values: Sequence[float], until: float, level: float = LEVEL) -> int | None:
    """About how many passes make the half-width `until`, if the spread stays as it is.

    None if more than `MOST_PASSES`, or if there is no spread to go by.
    """
    if len(values) < 2:
        return None
    spread = statistics.stdev(math.log(v) for v in values)
    for count in range(2, MOST_PASSES + 1):
        if _half(spread, count, level) <= until:
            return count
    return None


def aim_of(timings: Sequence[Timing], seconds: Sequence[float], until: float) -> Aim | None:
    """What became of an aim; None if nothing was measured.

    Args:
        timings: of the replicates that count.
        seconds: what each took from start to end.
        until: the half-width that was asked for.
    """
    what, values = aimed_values(timings)
    if not values:
        return None
    half = half_width(values)
    each_s = statistics.fmean(seconds) if seconds else None
    if half is not None and half <= until:
        return Aim(what, until, half, True, None, each_s)
    needed = passes_needed(values, until)
    if needed is not None:
        needed = min(MOST_PASSES, max(len(values) + 1, math.ceil(needed * _MARGIN)))
    return Aim(what, until, half, False, needed, each_s)


def width_text(share: float) -> str:
    """A half-width as it was asked for: `5 %`, `0.5 %`."""
    return f"{share * 100:.3g} %"
