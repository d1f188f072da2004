"""The audit of a timed block: what disturbed it, from channels that know nothing of its times.

    audit = Audit()
    for each block:
        audit.before()
        ...             # the timed calls
        noise = audit.after()

A block is found suspect by these channels alone. Were it by its time, slow blocks would be left out and
every result would come out too fast.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable
from dataclasses import replace

from harness.measure import channels
from harness.measure.canary import BEGINNING, Canary
from harness.measure.channels import Reading, Sources
from harness.measure.nvidia import SUSPECT, GpuReading, NvidiaProbe
from harness.records.noise import BlockNoise

STEAL, RUN_DELAY, THROTTLED, CANARY, CLOCK = "steal", "run delay", "throttled", "canary", "clock"
"""Flags; `throttle: ...` names what an accelerator's driver says."""

MOST_STEAL = 0.01
"""Share of the machine's processor time."""
TICK_S = 0.01
"""The kernel tells steal in ticks of this length, one of which is 5 % of a block of 0.1 s on two
processors. A single one is rounding as much as theft, so it takes two.
"""
MOST_RUN_DELAY = 0.05
"""Of wall time, summed over threads. Waking costs some: two busy threads on quiet cores read 0.001 in the
median and 0.02 in one block of ten; with another busy process on two cores 0.5 and more. A delay of
2 to 5 % hits a few calls of a block, and its median moved by 0.4 % at most.
"""
CANARY_OFF = 0.15
"""Of the usual time, slower or faster. On a quiet virtual machine it moves in steps of 3 %, and the first
runs of a process are 6 % slower; blocks after one that was 10 % off took no longer than others. A core
that is shared or a clock that is throttled costs 20 % and more.
"""
CLOCK_OFF = 0.03
"""Of the usual clock. An accelerator under a power cap moves by more, and its times with it."""


class Audit:
    """Audits one block after the other in the process that measures. Make it in that process.

    A reading takes about 0.05 ms with few threads (0.5 ms with 64); the canary takes 2 ms before each
    block, and 10 ms at the beginning. Nothing here raises for what a system lacks.

    Args:
        sources: where the counters are.
        canary: the one of the session; with a known usual time, say.
        gpu: the accelerator whose clock and throttling are read, if any.
    """

    def __init__(
        self,
        sources: Sources | None = None,
        canary: Canary | None = None,
        gpu: NvidiaProbe | None = None,
        read: Callable[[Sources], Reading] = channels.read,
    ) -> None:
        self._sources = sources or Sources.here()
        self._canary = canary or Canary()
        self._gpu = gpu
        self._read = read
        self._clocks: list[float] = []
        self._start: Reading | None = None
        if self._canary.usual_s is None:
            for _ in range(BEGINNING):
                self._canary.run()

    def before(self) -> None:
        """Just before a block: the canary first, the counters last."""
        self._canary.run()
        self._start = self._read(self._sources)

    def after(self) -> BlockNoise:
        """Just after the block: the counters first, then what follows from them.

        Raises:
            RuntimeError: there was no `before`.
        """
        end = self._read(self._sources)
        if self._start is None:
            raise RuntimeError("Audit.after() without before()")
        found = difference(self._start, end)
        self._start = None
        gpu = self._gpu.read() if self._gpu is not None else GpuReading()
        found = replace(found, canary=self._canary.ratio(), clock_mhz=gpu.clock_mhz, throttle=gpu.throttle)
        return replace(found, flags=flags(found, self._usual_clock(gpu.clock_mhz)))

    def _usual_clock(self, clock_mhz: float | None) -> float | None:
        """The median clock so far; None for a first one, with nothing to hold it against."""
        usual = statistics.median(self._clocks) if self._clocks else None
        if clock_mhz is not None:
            self._clocks.append(clock_mhz)
        return usual


def difference(start: Reading, end: Reading) -> BlockNoise:
    """What happened between two readings, without flags."""
    wall_s = max(end.at_s - start.at_s, 1e-9)
    total_s = _less(end.total_s, start.total_s)
    steal_s = _less(end.steal_s, start.steal_s)
    busy_s = _less(end.busy_s, start.busy_s)
    pressure_s = _less(end.pressure_s, start.pressure_s)
    return BlockNoise(
        wall_s=wall_s,
        steal=steal_s / total_s if steal_s is not None and total_s else None,
        run_delay=_run_delay(start.delays_s, end.delays_s, wall_s),
        throttled_s=_less(end.throttled_s, start.throttled_s),
        pressure=None if pressure_s is None else min(pressure_s / wall_s, 1.0),
        others_cpu=None if busy_s is None else max(0.0, busy_s - (end.own_cpu_s - start.own_cpu_s)) / wall_s,
        switches=end.switches - start.switches,
        major_faults=end.major_faults - start.major_faults,
        minor_faults=end.minor_faults - start.minor_faults,
    )


def _less(end: float | None, start: float | None) -> float | None:
    """The difference; never negative, though a kernel's steal time has been seen to go back."""
    return None if end is None or start is None else max(0.0, end - start)


def _run_delay(start: dict[str, float] | None, end: dict[str, float] | None, wall_s: float) -> float | None:
    """The sum over threads: they wait for each other, so what delays one may delay all, one by one.

    A thread that came in between counts from its beginning.
    """
    if start is None or end is None:
        return None
    return math.fsum(max(0.0, delay - start.get(thread, 0.0)) for thread, delay in end.items()) / wall_s


def flags(noise: BlockNoise, usual_clock_mhz: float | None = None) -> list[str]:
    """The channels that find a block suspect. What a channel does not say is no flag."""
    two_ticks = 1.5 * TICK_S / (noise.wall_s * (os.cpu_count() or 1))
    suspect = {
        STEAL: noise.steal is not None and noise.steal > max(MOST_STEAL, two_ticks),
        RUN_DELAY: noise.run_delay is not None and noise.run_delay > MOST_RUN_DELAY,
        THROTTLED: noise.throttled_s is not None and noise.throttled_s > 0,
        CANARY: noise.canary is not None and abs(noise.canary - 1) > CANARY_OFF,
        CLOCK: (
            noise.clock_mhz is not None
            and bool(usual_clock_mhz)
            and abs(noise.clock_mhz / (usual_clock_mhz or 1) - 1) > CLOCK_OFF
        ),
    }
    found = [word for word, is_so in suspect.items() if is_so]
    return found + [f"throttle: {reason}" for reason in noise.throttle if reason in SUSPECT]
