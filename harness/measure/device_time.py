"""How long the device is busy for one call, without waiting for the host.

A delay on the device holds the stream while the host enqueues a block of calls behind it; two events
around the block then bracket nothing but the calls. Without the backlog, events measure how fast the
host launches. The way of NVIDIA's nvbench, with torch's own delay kernel in place of its blocking one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

FEWEST_MS = 0.5
"""A block between two events lasts at least so long: events resolve half a microsecond."""
MOST_CALLS = 500
MOST_DELAY_MS = 200.0
SETTLED = 0.01
"""The clock counts as warm when two probes differ by less."""


class Stream(Protocol):
    """A device's stream of work, as little of it as is needed; simulated in tests."""

    def delay(self, ms: float) -> None:
        """Enqueues a delay of about so long."""

    def mark(self) -> Any:
        """Enqueues an event and returns it."""

    def reached(self, event: Any) -> bool:
        """Whether the device has come to the event."""

    def between_ms(self, first: Any, second: Any) -> float:
        """Time between two events, once both were reached."""

    def wait(self) -> None:
        """Until all work is done."""


@dataclass(frozen=True)
class DeviceTime:
    """Device time of one call in nanoseconds, a value for each block; or why there is none."""

    blocks_ns: list[float]
    note: str | None = None


def device_time(
    stream: Stream,
    call: Callable[[], Any],
    blocks: int = 5,
    block_ms: float = 20.0,
    clock: Callable[[], float] = time.perf_counter,
) -> DeviceTime:
    """Times blocks of calls behind a backlog.

    Args:
        call: enqueues one call's work; must not wait for the device, or no backlog can be held.
        block_ms: about how long a block is to last on the device.
    """
    stream.wait()
    start = clock()
    call()
    host_ms = (clock() - start) * 1e3
    stream.wait()
    count, delay_ms = 10, max(1.0, 20 * host_ms)
    found: list[float] = []
    while len(found) < blocks:
        stream.wait()
        stream.delay(delay_ms)
        first = stream.mark()
        for _ in range(count):
            call()
        held = not stream.reached(first)
        last = stream.mark()
        stream.wait()
        took_ms = stream.between_ms(first, last)
        if not held:
            # The host waited: for a full queue, or the delay was too short, or the call itself waits.
            if delay_ms < MOST_DELAY_MS:
                delay_ms = min(2 * delay_ms, MOST_DELAY_MS)
            elif count > 1:
                count = max(1, count // 2)
            else:
                return DeviceTime([], "its calls wait for the device themselves: no device time apart")
            continue
        wanted = _count_for(took_ms / count, block_ms)
        if not found and (took_ms < FEWEST_MS or count < wanted // 2) and count < MOST_CALLS:
            grown = min(max(wanted, 2 * count), MOST_CALLS)
            if grown * delay_ms / count <= MOST_DELAY_MS:
                delay_ms *= grown / count
                count = grown
                continue
        found.append(took_ms / count * 1e6)
    return DeviceTime(found)


def _count_for(call_ms: float, block_ms: float) -> int:
    return max(1, min(MOST_CALLS, round(block_ms / max(call_ms, 1e-4))))


class CudaStream:
    """The current stream of a CUDA device."""

    def __init__(self, index: int) -> None:
        import torch

        self._torch: Any = torch
        self._index = index
        # torch has no public way to hold a stream back; its own benchmarks use this one.
        self._spin: Callable[[int], None] = getattr(torch.cuda, "_sleep")  # noqa: B009
        rate_khz = getattr(torch.cuda.get_device_properties(index), "clock_rate", 1_500_000)
        self._cycles_per_ms = float(rate_khz)

    def delay(self, ms: float) -> None:
        self._spin(int(ms * self._cycles_per_ms))

    def mark(self) -> Any:
        event = self._torch.cuda.Event(enable_timing=True)
        event.record(self._torch.cuda.current_stream(self._index))
        return event

    def reached(self, event: Any) -> bool:
        return bool(event.query())

    def between_ms(self, first: Any, second: Any) -> float:
        return float(first.elapsed_time(second))

    def wait(self) -> None:
        self._torch.cuda.synchronize(self._index)

    def clock_mhz(self, cycles: int = 2_000_000) -> float:
        """The clock now, by how long a delay of so many cycles takes."""
        self.wait()
        first = self.mark()
        self._spin(cycles)
        last = self.mark()
        self.wait()
        return cycles / (self.between_ms(first, last) * 1e3)


def settle(clock_mhz: Callable[[], float], work: Callable[[], Any], most_s: float = 3.0) -> list[float]:
    """Works the device until its clock is steady: ten probes in a row within `SETTLED`; the probes."""
    probes: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < most_s:
        work()
        probes.append(clock_mhz())
        recent = probes[-10:]
        if len(recent) == 10 and max(recent) - min(recent) <= SETTLED * statistics.median(recent):
            break
    return probes
