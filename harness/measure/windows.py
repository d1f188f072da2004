"""The windows of a saturated session, and a check on them: functions of call times, wherever those come
from.
"""

from __future__ import annotations

from collections.abc import Iterable

LITTLE = 0.05
"""From this relative deviation on the self-check speaks up."""

Call = tuple[int, int]
"""When a call began and ended, in nanoseconds."""


def window_rates(
    calls: Iterable[Call], begin_ns: int, window_ns: int, windows: int, items: int
) -> list[float]:
    """Items per second in each of some windows that follow each other.

    A call counts in a window by the share of its time that lies in it. Whole calls would make windows
    of a few long calls differ by rounding alone.

    Args:
        calls: of all callers.
        items: of each call.
    """
    done = [0.0] * windows
    end_ns = begin_ns + windows * window_ns
    for start, end in calls:
        if end <= begin_ns or start >= end_ns or end <= start:
            continue
        first = max(0, (start - begin_ns) // window_ns)
        last = min(windows - 1, (end - 1 - begin_ns) // window_ns)
        for k in range(first, last + 1):
            left = begin_ns + k * window_ns
            done[k] += (min(end, left + window_ns) - max(start, left)) / (end - start)
    return [d * items / (window_ns / 1e9) for d in done]


def little(calls: Iterable[Call], begin_ns: int, end_ns: int, callers: int) -> tuple[float, float]:
    """(mean latency in milliseconds, relative deviation from Little's law) of the calls in a span.

    In a closed loop calls per second times seconds per call is the number of callers. What is missing
    from it was spent outside the calls: by the loop itself, or waiting to be let in.

    Args:
        calls: of all callers; those that overlap the span count by the share that lies in it.
        callers: calls under way at any time.
    """
    done = busy_ns = 0.0
    for start, end in calls:
        inside = min(end, end_ns) - max(start, begin_ns)
        if inside > 0:
            done += inside / (end - start)
            busy_ns += inside
    if not done:
        return 0.0, -1.0
    return busy_ns / done / 1e6, busy_ns / (end_ns - begin_ns) / callers - 1


def little_warning(deviation: float) -> str:
    """What a deviation from Little's law means for a reader."""
    return (
        f"sustained: throughput times latency is {abs(deviation):.0%} "
        f"{'below' if deviation < 0 else 'above'} the number of callers (Little's law), so part of the "
        "time was spent outside the calls"
    )
