"""Timed calls: the few lines that nothing else may stand between, and what they need around them.

The garbage collector is off while anything is timed.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from types import BuiltinFunctionType
from typing import Any, Protocol


class Clock(Protocol):
    """Where time comes from."""

    def __call__(self) -> int:
        """Nanoseconds since some fixed moment, never decreasing."""


system_clock: Clock = time.perf_counter_ns


def check_clocks() -> None:
    """Raises RuntimeError if code in this process has put something else in the place of a clock, as packages
    that freeze the time for tests do.
    """
    for name in ("perf_counter", "perf_counter_ns", "monotonic"):
        if not isinstance(getattr(time, name), BuiltinFunctionType):
            raise RuntimeError(f"code replaced time.{name}: no time that it is measured by can be believed")


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


def timed_loops(subject: Subject, clock: Clock, count: int, inner: int) -> list[int]:
    """Times `count` loops of `inner` calls each, for calls shorter than what a clock costs."""
    session, synchronise = subject.session, subject.synchronise
    times = []
    for _ in range(count):
        feeds = list(subject.feeds(inner))
        if synchronise is None:
            start = clock()
            for feed in feeds:
                session(feed)
            end = clock()
        else:
            start = clock()
            for feed in feeds:
                session(feed)
                synchronise()
            end = clock()
        times.append(end - start)
    return times


def empty_loop_ns(clock: Clock, inner: int) -> float:
    """What such a loop takes for each call when nothing is called: the median of several."""
    feeds = [None] * inner
    times = []
    for _ in range(9):
        start = clock()
        for _feed in feeds:
            pass
        times.append(clock() - start)
    return statistics.median(times) / inner


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
