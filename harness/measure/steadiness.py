"""Did the call times reach a steady state? Windows, trends and change points; pure functions.

The classes are those of Barrett et al., "Virtual Machine Warmup Blows Hot and Cold" (OOPSLA 2017):
flat, warm-up, slowdown, no steady state. Change points are found by optimal partitioning with a normal
cost in mean and variance and the penalty 15 ln n, as their tool warmup_stats does; the exact search
replaces PELT, since there are a few hundred points at most.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

FLAT, WARM_UP, SLOWDOWN, UNSTEADY, CAPPED = "flat", "warm-up", "slowdown", "no steady state", "capped"

AGREE = 0.01
"""Levels that differ by less than this share are the same for our purposes."""
SAME_STATE = 0.03
"""Segments that differ by less are one state: a machine's own drift is no change of the program."""
FEWEST = 4
"""Windows or points below which nothing is said about a trend."""


def standard_error(values: Sequence[float]) -> float:
    """Of the median of some values, from their median absolute deviation (as for a normal)."""
    if len(values) < 2:
        return 0.0
    middle = statistics.median(values)
    mad = statistics.median(abs(v - middle) for v in values)
    return 1.2533 * 1.4826 * mad / math.sqrt(len(values))


def agree(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the medians of two windows differ by no more than `AGREE` or their own noise."""
    a, b = statistics.median(first), statistics.median(second)
    noise = math.hypot(standard_error(first), standard_error(second))
    return abs(a - b) <= max(AGREE * min(a, b), 2.5 * noise)


def slope(values: Sequence[float]) -> float:
    """Theil and Sen's slope of equally spaced values: the median of all pairwise slopes."""
    n = len(values)
    return statistics.median((values[j] - values[i]) / (j - i) for i in range(n) for j in range(i + 1, n))


def trends(windows: Sequence[Sequence[float]]) -> bool:
    """Whether the medians of the windows rise or fall by more than `AGREE` and more than their noise."""
    if len(windows) < FEWEST:
        return False
    medians = [statistics.median(w) for w in windows]
    total = abs(slope(medians)) * (len(medians) - 1)
    noise = statistics.median(standard_error(w) for w in windows)
    return total > max(AGREE * min(medians), 4 * noise)


def change_points(values: Sequence[float]) -> list[int]:
    """The starts of all segments but the first, of a series that is normal within each.

    The cost of a segment of m values is m ln(variance); a further segment costs 15 ln n. The variance
    has a floor, a thousandth of the level squared, so that constant stretches of a virtual clock or of a
    coarse one do not make every step an infinite gain.
    """
    n = len(values)
    if n < 2 * _SHORTEST:
        return []
    penalty = 15 * math.log(n)
    level = statistics.median(values)
    floor = (1e-3 * level) ** 2 or 1e-30
    sums, squares = [0.0], [0.0]
    for value in values:
        shifted = value - level
        sums.append(sums[-1] + shifted)
        squares.append(squares[-1] + shifted * shifted)

    def cost(a: int, b: int) -> float:
        m = b - a
        mean = (sums[b] - sums[a]) / m
        return m * math.log(max((squares[b] - squares[a]) / m - mean * mean, floor))

    best = [math.inf] * (n + 1)
    best[0] = -penalty
    last = [0] * (n + 1)
    for b in range(_SHORTEST, n + 1):
        for a in range(b - _SHORTEST + 1):
            if best[a] == math.inf:
                continue
            total = best[a] + cost(a, b) + penalty
            if total < best[b]:
                best[b], last[b] = total, a
    points: list[int] = []
    at = n
    while at > 0:
        at = last[at]
        points.append(at)
    return sorted(p for p in points if p > 0)


_SHORTEST = 3


def without_spikes(values: Sequence[float]) -> list[float]:
    """A running median of five: single spikes go, and steps stay where they are."""
    return [statistics.median(values[max(0, k - 2) : k + 3]) for k in range(len(values))]


def classify(before: Sequence[float], timed: Sequence[float]) -> str:
    """The class of a series: points of the warm-up, then points of what was timed.

    - flat: one state from the start on
    - warm-up: it was slower before it became what was timed
    - slowdown: it was faster before, or got slower all the time
    - no steady state: it still changed while it was timed
    """
    series = without_spikes([*before, *timed])
    states = _states(series, change_points(series))
    rising = _rise(series[len(before) :])
    if rising is not None:
        return rising
    if len(states) == 1:
        return FLAT
    start, level = states[-1]
    # One point of tolerance: a bin of points may straddle the end of the warm-up.
    if start > len(before) + 1:
        return UNSTEADY
    earlier = states[-2][1]
    fastest = min(mean for _, mean in states)
    if fastest < level * (1 - SAME_STATE) and earlier < level:
        return SLOWDOWN
    return WARM_UP


def ended_late(before: Sequence[float], timed: Sequence[float]) -> bool:
    """Whether the state at the end of the warm-up went on into what was timed, and changed there once.

    A slow stretch in the middle, which ends as it began, is no late end of a warm-up but a disturbance.
    """
    series = without_spikes([*before, *timed])
    states = _states(series, change_points(series))
    return len(states) > 1 and states[-1][0] > len(before) and states[-2][0] <= len(before) - _SHORTEST


def _rise(timed: Sequence[float]) -> str | None:
    """A steady rise or fall in what was timed: by the slope, against the spread around it, and in both
    halves of it, since a single step has a slope as well.
    """
    n = len(timed)
    if n < 2 * FEWEST:
        return None
    steep = slope(timed)
    if any(half * steep < steep * steep / 3 for half in (slope(timed[: n // 2]), slope(timed[n // 2 :]))):
        return None
    rest = [v - steep * k for k, v in enumerate(timed)]
    total = steep * (n - 1)
    if abs(total) <= max(SAME_STATE * min(timed), 4 * 1.4826 * _mad(rest)):
        return None
    return SLOWDOWN if total > 0 else UNSTEADY


def _mad(values: Sequence[float]) -> float:
    middle = statistics.median(values)
    return statistics.median(abs(v - middle) for v in values)


def _states(series: Sequence[float], points: list[int]) -> list[tuple[int, float]]:
    """(start, median) of each state: neighbouring segments that hardly differ are one."""
    edges = [0, *points, len(series)]
    states: list[tuple[int, float]] = []
    members: list[float] = []
    for a, b in pairwise(edges):
        segment = list(series[a:b])
        if states and _same(members, segment):
            members += segment
            states[-1] = (states[-1][0], statistics.median(members))
        else:
            members = segment
            states.append((a, statistics.median(segment)))
    return states


def _same(first: list[float], second: list[float]) -> bool:
    a, b = statistics.median(first), statistics.median(second)
    # The smaller spread: a stretch in which the times fall has a large one of its own.
    spread = 1.4826 * min(_mad(first), _mad(second))
    return abs(a - b) <= max(SAME_STATE * min(a, b), spread)


def binned(values: Sequence[float], most: int) -> list[float]:
    """At most `most` medians of equal runs of the values, in order; the last run may be shorter."""
    size = max(1, math.ceil(len(values) / most))
    return [statistics.median(values[k : k + size]) for k in range(0, len(values), size)]
