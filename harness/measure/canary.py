"""A fixed piece of integer work whose time tells of the processor alone: its clock, and who shares it.

It knows nothing of the model that is measured, so what it says may be used to find a block suspect.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

PARTS = 8
"""The work is timed in parts, and their median counts. Whatever interrupts one part (a tick, another
process) is for the other channels to tell; measured on two busy cores, the sum of the parts was off by
more than 5 % in a fifth of the runs, their median in a fifteenth.
"""
STEPS = 3_000
"""Of one part: 0.2 ms on a processor of 2025. All parts take about 2 ms, little beside a block."""
KEPT = 101
"""So many of the latest times make what is usual: a clock that settles elsewhere becomes the usual one."""
BEGINNING = 5
"""So many runs before the first block, for a first idea of what is usual."""


def work(steps: int = STEPS) -> int:
    """Integer arithmetic in the interpreter: no memory beyond the first cache, no other thread, no call."""
    x = 1
    for _ in range(steps):
        x = (x * 69069 + 1) & 0xFFFFFFF
    return x


class Canary:
    """Times the work, and holds each time against what it usually takes in this process.

    Args:
        usual_s: what a part takes in this process when nothing disturbs, if that is known. Another process
            is no guide: the same loop takes up to 40 % longer in one than in the next.
        clock: nanoseconds.
    """

    def __init__(self, usual_s: float | None = None, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        self._known = usual_s
        self._clock = clock
        self._times: list[float] = []

    def run(self) -> float:
        """Seconds a part takes now: the median of its parts; remembered."""
        parts = []
        for _ in range(PARTS):
            start = self._clock()
            work()
            parts.append(self._clock() - start)
        seconds = statistics.median(parts) / 1e9
        self._times = [*self._times[-KEPT + 1 :], seconds]
        return seconds

    @property
    def latest_s(self) -> float:
        """What the latest run took for a part; NaN before the first."""
        return self._times[-1] if self._times else math.nan

    @property
    def usual_s(self) -> float | None:
        """The known time, else the median of the latest so far; None before the first."""
        if self._known is not None:
            return self._known
        return statistics.median(self._times) if self._times else None

    def ratio(self) -> float | None:
        """The latest time over the usual one; above 1 is slow. None before the first run."""
        usual = self.usual_s
        return self._times[-1] / usual if usual and self._times else None
