"""How fast pieces of work can be done: many short tries of each, in turns.

What disturbs a machine only makes it slower, and a neighbour takes a processor for some milliseconds at a
time. So a try is short enough to fall between two disturbances, each piece has its tries all over the time
that there is, and what counts is the rate that a few tries have reached: no middle, which is the
neighbour's as much as the machine's, and no single best, which may be an accident of the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.measure.audit import Audit
from harness.measure.device_time import Stream, device_time

REACHED = 3
"""So many tries must have reached a rate, where there are three times as many."""
TRY_S = 0.001
"""A try repeats short work for at least so long."""
TURN_S = 0.008
"""A turn consists of tries for about so long."""
LEAST_ROUNDS = 3
MORE = 2.5
"""So many times the budget may be spent where most rounds were disturbed."""


@dataclass(frozen=True)
class Work:
    """Something that can be done again and again."""

    key: Hashable
    call: Callable[[], Any]
    amount: float
    """Operations or bytes of a call."""


class Clock(Protocol):
    """Times calls: on the host, or on a device behind a backlog."""

    def seconds(self, call: Callable[[], Any], turn_s: float = TURN_S) -> list[float]:
        """Seconds of one call in each try of a turn; none where it cannot be told."""


class HostClock:
    """For a device that has finished when a call returns, and for what the host does."""

    def __init__(
        self, now: Callable[[], float] = time.perf_counter, after: Callable[[], object] | None = None
    ) -> None:
        """
        Args:
            after: what is done after each try, untimed: waiting for a device whose queue would fill.
        """
        self._now = now
        self._after = after

    def seconds(self, call: Callable[[], Any], turn_s: float = TURN_S) -> list[float]:
        """The first call is not counted: others have filled the caches meanwhile."""
        quickest = max(self._try(call, 1), 1e-9)
        found: list[float] = []
        start = self._now()
        while not found or self._now() - start < turn_s:
            found.append(self._try(call, max(1, round(TRY_S / quickest))))
            quickest = max(min(quickest, found[-1]), 1e-9)
        return found

    def _try(self, call: Callable[[], Any], times: int) -> float:
        start = self._now()
        for _ in range(times):
            call()
        took = (self._now() - start) / times
        if self._after is not None:
            self._after()
        return took


class DeviceClock:
    """For a device that works off a queue: its own time, whatever the host takes to launch."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def seconds(self, call: Callable[[], Any], turn_s: float = TURN_S) -> list[float]:
        found = device_time(self._stream, call, blocks=3, block_ms=1e3 * turn_s / 3)
        return [ns / 1e9 for ns in found.blocks_ns]


@dataclass(frozen=True)
class Reached:
    """What came of it."""

    rates: dict[Hashable, float]
    """Amount per second, by key; nothing for work whose time could not be told."""
    rounds: int
    suspect: int
    """Rounds that the audit found disturbed."""
    flags: dict[str, int]
    """Its channels -> rounds in which they fired."""


def reached(
    works: Sequence[tuple[Clock, Work]],
    budget_s: float,
    audit: Audit,
    now: Callable[[], float] = time.perf_counter,
) -> Reached:
    """The rates of all works: a turn of each in every round, until the time is spent."""
    found: dict[Hashable, list[float]] = {}
    flags: dict[str, int] = {}
    rounds = suspect = 0
    start = now()

    def goes_on() -> bool:
        most_s = budget_s * (MORE if 2 * suspect > rounds else 1)
        return rounds < LEAST_ROUNDS or (now() - start) * (rounds + 1) / rounds < most_s

    while goes_on():
        audit.before()
        for clock, work in works:
            found.setdefault(work.key, []).extend(clock.seconds(work.call))
        noise = audit.after()
        rounds += 1
        suspect += bool(noise.flags)
        for flag in noise.flags:
            flags[flag] = flags.get(flag, 0) + 1
    amounts = {work.key: work.amount for _, work in works}
    rates = {key: amounts[key] / shortest(times) for key, times in found.items() if times}
    return Reached(rates, rounds, suspect, flags)


def shortest(times: Sequence[float]) -> float:
    """The time that `REACHED` tries did not exceed; of fewer tries the one at that share of them."""
    place = min(REACHED, max(1, round(len(times) / REACHED)))
    return max(sorted(times)[place - 1], 1e-12)
