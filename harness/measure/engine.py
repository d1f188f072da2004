"""The timing of one replicate: a clock and a session in, samples out.

Warm-up goes on until nothing is compiled any more, two successive windows of calls agree and there is
no trend, or a cap is reached; then blocks of calls are timed, each audited for what else went on.
Everything runs against an injected clock, so the rules are tested on a virtual one.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Protocol

from harness.measure import steadiness
from harness.measure.calls import (
    Clock,
    Subject,
    empty_loop_ns,
    quiet_collector,
    system_clock,
    timed_calls,
    timed_loops,
)
from harness.records.noise import BlockNoise

SHORT_S = 50e-6
"""Below this a reading of the clock is no longer small beside a call: calls are timed in loops."""
STAMP_S = 1e-3
"""How long such a loop takes."""
EXTRA = 0.25
"""At most this share of blocks is added for suspect ones."""
_POINTS = 100
"""So many points of warm-up, and of timed calls, are enough to tell their class."""


class Audit(Protocol):
    """Who looks for what else goes on around a block; never at the times themselves."""

    def before(self) -> None:
        """A block is about to be timed."""

    def after(self) -> BlockNoise:
        """It has been."""


@dataclass(frozen=True)
class Budget:
    """How long to warm up and to time. Seconds unless the name says otherwise."""

    warm_up_min: float = 0.2
    warm_up_max: float = 3.0
    warm_up_min_calls: int = 5
    window: float = 0.05
    """A warm-up window lasts about so long."""
    window_min_calls: int = 5
    trend_windows: int = 4
    """Over so many windows there must be no trend, if the limit leaves time for them."""
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
class Block:
    """One block of timed calls."""

    stamps_ns: list[int]
    """Readings of the clock: of a call each, or of `calls_per_stamp` calls together."""
    events: int
    """Compilations while it was timed; anything but 0 spoils it."""
    noise: BlockNoise | None

    @property
    def suspect(self) -> bool:
        return self.noise is not None and bool(self.noise.flags)


@dataclass(frozen=True)
class Measured:
    """The times of one replicate, and how its warm-up ended."""

    timed: list[Block]
    calls_per_stamp: int
    empty_ns: float
    """What the loop of a stamp takes of itself for each call; 0 for single calls."""
    warm_up_calls: int
    warm_up_s: float
    warm_up: str
    """One of the classes of `harness.measure.steadiness`."""
    stamps_ns: list[int] = field(init=False)
    blocks: list[int] = field(init=False)
    events: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stamps_ns", [ns for block in self.timed for ns in block.stamps_ns])
        object.__setattr__(self, "blocks", [len(block.stamps_ns) for block in self.timed])
        object.__setattr__(self, "events", sum(block.events for block in self.timed))

    @property
    def call_ns(self) -> list[float]:
        """Nanoseconds of one call in each stamp."""
        return [ns / self.calls_per_stamp - self.empty_ns for ns in self.stamps_ns]


class Engine:
    """Warms a subject up and times blocks of its calls, one at a time.

    Args:
        subject: what is called.
        budget: for how long.
        clock: where time comes from.
        audit: who watches the blocks, if anybody.
    """

    def __init__(
        self, subject: Subject, budget: Budget, clock: Clock = system_clock, audit: Audit | None = None
    ) -> None:
        self.subject = subject
        self.budget = budget
        self.clock = clock
        self.audit = audit
        self.inner = 1
        """Calls in one stamp."""
        self.empty_ns = 0.0
        self.warm_up_calls = 0
        self.warm_up_s = 0.0
        self.capped = False
        """Too slow to compare windows within the limit."""
        self._settled = False
        self._warm: list[int] = []
        """Nanoseconds of a call, all through the warm-up."""
        self._size = 1

    # -- warm-up ----------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Calls until the times are steady or the limit is reached; then sizes the blocks."""
        start = self.clock()
        self._settled = self._warm_until_steady(start)
        self.warm_up_s = self._since(start)
        self._size = max(1, round(self.budget.block / (self._typical_s() * self.inner)))

    def _since(self, start: int) -> float:
        return (self.clock() - start) / 1e9

    def _typical_s(self) -> float:
        """Seconds a call takes now: the median of the last few."""
        return max(statistics.median(self._warm[-5:]) / 1e9, 1e-9)

    def _warm_until_steady(self, start: int) -> bool:
        budget, subject = self.budget, self.subject
        while len(self._warm) < budget.warm_up_min_calls:
            self._warm_calls(1)
            if self._since(start) >= budget.warm_up_max:
                self.capped = True
                return False
        self._choose_inner()
        windows: list[list[int]] = []
        silent = subject.events()
        while True:
            typical = self._typical_s()
            stamps = max(budget.window_min_calls, round(budget.window / (typical * self.inner)))
            if self._since(start) + stamps * typical * self.inner > budget.warm_up_max:
                self.capped = len(windows) < 2
                return False
            window = self._warm_calls(stamps)
            events = subject.events()
            if events != silent:
                # What was compiled may have changed everything: the windows before it are of the past.
                silent, windows = events, []
                continue
            windows.append(window)
            if len(windows) >= 2 and self._since(start) >= budget.warm_up_min and self._steady(windows):
                return True

    def _steady(self, windows: list[list[int]]) -> bool:
        recent = windows[-self.budget.trend_windows :]
        return steadiness.agree(windows[-2], windows[-1]) and not steadiness.trends(recent)

    def _warm_calls(self, stamps: int) -> list[int]:
        """Nanoseconds of a call in each of the next stamps."""
        times = self._stamps(stamps)
        self.warm_up_calls += stamps * self.inner
        found = [max(0, round(t / self.inner - self.empty_ns)) for t in times]
        self._warm += found
        return found

    def _choose_inner(self) -> None:
        """Loops instead of single calls where a call is short, and nothing must be done in between."""
        typical = self._typical_s()
        if typical < SHORT_S and self.subject.reset is None:
            self.inner = round(STAMP_S / max(typical, 1e-7))
            self.empty_ns = empty_loop_ns(self.clock, self.inner)

    def _stamps(self, count: int) -> list[int]:
        if self.inner == 1:
            return timed_calls(self.subject, self.clock, count)
        return timed_loops(self.subject, self.clock, count, self.inner)

    # -- blocks -----------------------------------------------------------------------------------

    def discard(self, seconds: float) -> None:
        """Calls for so long, and at least once, without keeping the times: after a pause."""
        start = self.clock()
        while True:
            self._stamps(1)
            if self._since(start) >= seconds:
                return

    def block(self) -> Block:
        """Times one block."""
        before = self.subject.events()
        if self.audit is None:
            return Block(self._stamps(self._size), self.subject.events() - before, None)
        self.audit.before()
        stamps = self._stamps(self._size)
        noise = self.audit.after()
        return Block(stamps, self.subject.events() - before, noise)

    def blocks(self) -> list[Block]:
        """Times the budget's blocks; suspect ones are kept, and made up for within a limit."""
        budget = self.budget
        found: list[Block] = []
        start = self.clock()
        calls = clean = 0
        while True:
            extra = min(len(found) - clean, math.ceil(EXTRA * budget.blocks))
            if len(found) >= budget.blocks + extra and calls >= budget.min_calls:
                break
            if self._since(start) >= budget.most and calls >= budget.fewest_calls:
                break
            block = self.block()
            found.append(block)
            calls += len(block.stamps_ns) * self.inner
            clean += not block.suspect
        return found

    def warm_up_ended_late(self, timed: list[Block]) -> bool:
        """Whether what was timed was warm-up still, within the limit of one."""
        if self.warm_up_s + self._sum_s(timed) > self.budget.warm_up_max:
            return False
        return steadiness.ended_late(*self._points(timed))

    def _sum_s(self, timed: list[Block]) -> float:
        return sum(ns for block in timed for ns in block.stamps_ns) / 1e9

    def warmed_by(self, timed: list[Block]) -> None:
        """Counts blocks as warm-up, since the times still changed in them."""
        stamps = [ns for block in timed for ns in block.stamps_ns]
        self._warm += [max(0, round(ns / self.inner - self.empty_ns)) for ns in stamps]
        self.warm_up_calls += len(stamps) * self.inner
        self.warm_up_s += self._sum_s(timed)
        self._settled = True

    def steadiness(self, timed: list[Block]) -> str:
        """The class of the whole series, suspect blocks left out where enough others are there."""
        if self.capped:
            return steadiness.CAPPED
        found = steadiness.classify(*self._points(timed))
        if not self._settled and found in (steadiness.FLAT, steadiness.WARM_UP):
            # The windows never agreed, whatever the change points say.
            return steadiness.UNSTEADY
        return found

    def _points(self, timed: list[Block]) -> tuple[list[float], list[float]]:
        """The series before and of the timed blocks, thinned out; suspect blocks left out if few."""
        kept = [b for b in timed if not b.suspect]
        kept = kept if len(kept) * 2 >= len(timed) else timed
        calls = [ns / self.inner for block in kept for ns in block.stamps_ns]
        return steadiness.binned(self._warm, _POINTS), steadiness.binned(calls, _POINTS)


def measure(
    subject: Subject, budget: Budget, clock: Clock = system_clock, audit: Audit | None = None
) -> Measured:
    """Warms up, then times blocks. See `Budget` for the rules."""
    engine = Engine(subject, budget, clock, audit)
    with quiet_collector():
        engine.warm_up()
        timed = engine.blocks()
        found = engine.steadiness(timed)
        if found == steadiness.UNSTEADY and engine.warm_up_ended_late(timed):
            # It had looked steady for the least time a warm-up takes, and was not yet: once more.
            engine.warmed_by(timed)
            timed = engine.blocks()
            found = engine.steadiness(timed)
    return Measured(
        timed=timed,
        calls_per_stamp=engine.inner,
        empty_ns=engine.empty_ns,
        warm_up_calls=engine.warm_up_calls,
        warm_up_s=engine.warm_up_s,
        warm_up=found,
    )
