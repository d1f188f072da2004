"""The timing of one replicate: a clock and a session in, samples out.

Warm-up goes on until two successive windows of calls agree and nothing was compiled in them, or a
cap is reached; then blocks of single calls are timed. Everything runs against an injected clock, so
the rules are tested on a virtual one. The garbage collector is off while anything is timed.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Protocol

STEADY, UNSTEADY, CAPPED = "steady", "no steady state", "capped"


class Clock(Protocol):
    """Where time comes from."""

    def __call__(self) -> int:
        """Nanoseconds since some fixed moment, never decreasing."""


system_clock: Clock = time.perf_counter_ns


@dataclass(frozen=True)
class Budget:
    """How long to warm up and to time. Seconds unless the name says otherwise."""

    warm_up_min: float = 0.2
    warm_up_max: float = 3.0
    warm_up_min_calls: int = 5
    window: float = 0.05
    """A warm-up window lasts about so long."""
    window_min_calls: int = 5
    agree: float = 0.03
    """Two windows agree when their medians differ by no more than this share."""
    block: float = 0.1
    blocks: int = 5
    min_calls: int = 10
    """Of all blocks together, unless that would take longer than `most`."""
    fewest_calls: int = 3
    """Not even a call of minutes is timed less often."""
    most: float = 2.0

    @classmethod
    def emulated(cls, block: float, blocks: int) -> Budget:
        """For arithmetic that the device imitates: slow, and known to be."""
        return cls(
            warm_up_min=0.0,
            warm_up_max=1.0,
            warm_up_min_calls=1,
            block=block,
            blocks=blocks,
            min_calls=3,
            fewest_calls=2,
            most=1.0,
        )


@dataclass(frozen=True)
class Measured:
    """Call times of one replicate in nanoseconds, and how its warm-up ended."""

    calls_ns: list[int]
    blocks: list[int]
    """How many consecutive calls belong to each block."""
    warm_up_calls: int
    warm_up_s: float
    warm_up: str
    events: int
    """Compilations during the timed calls; anything but 0 spoils them."""


class Subject:
    """What is timed: a session with its bound inputs and, where calls return early, a synchroniser."""

    def __init__(
        self,
        session: Callable[[Any], Any],
        feeds: Sequence[Any],
        synchronise: Callable[[], None] | None = None,
        events: Callable[[], int] = lambda: 0,
        reset: Callable[[], None] | None = None,
    ) -> None:
        self.session = session
        self.synchronise = synchronise
        self.events = events
        self.reset = reset
        self._feeds = cycle(feeds)

    def feeds(self, count: int) -> Iterator[Any]:
        """The next `count` inputs, rotating through the bound sets."""
        return islice(self._feeds, count)


def timed_calls(subject: Subject, clock: Clock, count: int) -> list[int]:
    """Times `count` calls one by one, each to the end of its work on the device."""
    session, synchronise, reset = subject.session, subject.synchronise, subject.reset
    times = []
    for feed in subject.feeds(count):
        if reset is not None:
            reset()
        # From here to `end` nothing of the harness runs but the two readings of the clock.
        if synchronise is None:
            start = clock()
            output = session(feed)
            end = clock()
        else:
            start = clock()
            output = session(feed)
            synchronise()
            end = clock()
        del output
        times.append(end - start)
    return times


@contextmanager
def quiet_collector() -> Iterator[None]:
    """The garbage collector off, and everything alive out of its sight."""
    was_enabled, was_frozen = gc.isenabled(), gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()
        if was_enabled:
            gc.enable()


def measure(subject: Subject, budget: Budget, clock: Clock = system_clock) -> Measured:
    """Warms up, then times blocks. See `Budget` for the rules."""
    with quiet_collector():
        warm_calls, warm_s, state = _warm_up(subject, budget, clock)
        before = subject.events()
        calls, blocks = _blocks(subject, budget, clock, _typical(warm_calls))
        events = subject.events() - before
    return Measured(calls, blocks, len(warm_calls), warm_s, state, events)


def _typical(times: list[int]) -> float:
    """Seconds a call takes now: the median of the last few."""
    return max(statistics.median(times[-5:]) / 1e9, 1e-9)


def _warm_up(subject: Subject, budget: Budget, clock: Clock) -> tuple[list[int], float, str]:
    start = clock()
    times: list[int] = []
    while len(times) < budget.warm_up_min_calls:
        times += timed_calls(subject, clock, 1)
        if (clock() - start) / 1e9 >= budget.warm_up_max:
            return times, (clock() - start) / 1e9, CAPPED
    previous: float | None = None
    silent = subject.events()
    state = CAPPED
    while True:
        typical = _typical(times)
        size = max(budget.window_min_calls, round(budget.window / typical))
        if (clock() - start) / 1e9 + size * typical > budget.warm_up_max:
            break
        window = timed_calls(subject, clock, size)
        times += window
        median = statistics.median(window)
        events = subject.events()
        if previous is not None and events == silent:
            state = UNSTEADY
            agree = abs(median - previous) <= budget.agree * min(median, previous)
            if agree and (clock() - start) / 1e9 >= budget.warm_up_min:
                return times, (clock() - start) / 1e9, STEADY
        previous, silent = median, events
    return times, (clock() - start) / 1e9, state


def _blocks(subject: Subject, budget: Budget, clock: Clock, typical: float) -> tuple[list[int], list[int]]:
    calls: list[int] = []
    blocks: list[int] = []
    start = clock()
    size = max(1, round(budget.block / typical))
    while True:
        elapsed = (clock() - start) / 1e9
        if len(blocks) >= budget.blocks and len(calls) >= budget.min_calls:
            break
        if elapsed >= budget.most and len(calls) >= budget.fewest_calls:
            break
        calls += timed_calls(subject, clock, size)
        blocks.append(size)
    return calls, blocks
