"""What a machine can do at most: matrix products in each number format, bandwidth, starting an operator.

Each number is the best of several short tries: what disturbs a machine only makes it slower, and a ceiling
that is too low would put rows above it. The sizes take turns. Buffers are made and touched before anything
is timed.
"""

from __future__ import annotations

import ctypes
import mmap
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from harness.jobs import CeilingsJob, Channel
from harness.measure import devices, state
from harness.records.ceilings import Bandwidth, Ceilings

SIZES = (512, 1024)
"""Of square products; the best size counts, since what a library does best is the ceiling."""
CUDA_SIZES = (2048, 4096, 8192)
SETS_MIB = (0.5, 2.0, 8.0, 32.0, 128.0, 256.0)
"""Working sets: caches, and what is beyond them."""
TRIES = 5
TRY_S = 0.02
"""A try repeats its work for about so long."""
FORMATS = ("float32", "bfloat16", "float16")
EMULATED = 0.4
"""A 16-bit format that is slower than float32 by this much is imitated."""
_DEAR_S = 0.15
"""A product that takes longer than this is tried no larger."""
_TINY, _CHAIN = 16, 100
_FAULTED_MIB = 16
_MIB, _GIB = 1 << 20, 1 << 30
_PINNED_SET = 4.0
"""So many times a working set is gone through at least in a try, as far as it is small."""


def take(job: CeilingsJob, channel: Channel) -> None:
    """Measures and sends them."""
    channel.send("stage", "measure")
    channel.send("result", measure_ceilings(job.device, job.threads))


def measure_ceilings(device_name: str, threads: int) -> Ceilings:
    """The ceilings of a device with so many threads, in some three seconds on a CPU."""
    import torch

    device = devices.resolve(device_name)
    state.set_threads(threads)
    state.strict_float32()
    place = devices.torch_device(device)
    synchronise = devices.synchroniser(device)
    timer = Timer(synchronise)
    with torch.inference_mode():
        launch = _launch_us(timer, place)
        rates = {name: _matmul_tflops(timer, place, name) for name in FORMATS}
        moved, read = _bandwidths(timer, place)
    found = {name: rate for name, rate in rates.items() if rate}
    full = found.get("float32", 0.0)
    return Ceilings(
        device=str(device),
        device_name=device.name,
        threads=threads,
        measured=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        matmul_tflops=found,
        bandwidth=moved,
        read_gib_per_s=read,
        launch_us=launch,
        fault_us=None if place.startswith("cuda") else _fault_us(),
        emulated=[name for name, rate in found.items() if name != "float32" and rate < EMULATED * full],
    )


class Timer:
    """Seconds of one call: the best of tries that each repeat it for a while."""

    def __init__(self, synchronise: Callable[[], None] | None) -> None:
        self._synchronise = synchronise

    def once(self, call: Callable[[], Any], times: int = 1) -> float:
        start = time.perf_counter()
        for _ in range(times):
            call()
        if self._synchronise:
            self._synchronise()
        return (time.perf_counter() - start) / times

    def seconds(self, call: Callable[[], Any], tries: int = TRIES) -> float:
        self.once(call)
        rough = max(self.once(call), 1e-7)
        if rough > _DEAR_S / 3:
            return rough
        times = max(1, int(TRY_S / rough))
        return min(self.once(call, times) for _ in range(tries))


def _launch_us(timer: Timer, place: str) -> float:
    """From one small operator to the next, on the host: without waiting for a device."""
    import torch

    a = torch.zeros(_TINY, device=place)

    def chain() -> None:
        x = a
        for _ in range(_CHAIN):
            x = x + a

    return timer.seconds(chain) / _CHAIN * 1e6


def _matmul_tflops(timer: Timer, place: str, name: str) -> float | None:
    """The best rate of square products; None where the device has none in this format."""
    import torch

    best = 0.0
    for n in CUDA_SIZES if place.startswith("cuda") else SIZES:
        try:
            a = torch.randn(n, n, device=place).to(getattr(torch, name))
            b = torch.randn(n, n, device=place).to(getattr(torch, name))
            out = torch.empty_like(a)
            once = timer.once(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))  # type: ignore[misc]
            if once > _DEAR_S:
                # The first call also sets its library up: it counts only if it is all there is.
                best = best or 2 * n**3 / once / 1e12
                break
            seconds = timer.seconds(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))  # type: ignore[misc]
        except RuntimeError:
            return best or None
        best = max(best, 2 * n**3 / seconds / 1e12)
        if seconds > _DEAR_S / 3:
            break
    return best or None


def _bandwidths(timer: Timer, place: str) -> tuple[list[Bandwidth], list[Bandwidth]]:
    """(read and written, read): by working set, the sizes in turn and the tries in rounds."""
    sets = [(mib, *_mover(place, mib), *_reader(place, mib)) for mib in _fitting(place)]
    moving: dict[float, list[float]] = {}
    reading: dict[float, list[float]] = {}
    for _ in range(TRIES):
        for mib, move, moved, read, through in sets:
            times = max(1, int(_PINNED_SET * 32 / mib))
            moving.setdefault(mib, []).append(moved / _GIB / timer.once(move, times))
            reading.setdefault(mib, []).append(through / _GIB / timer.once(read, times))
    return _best(moving), _best(reading)


def _best(found: dict[float, list[float]]) -> list[Bandwidth]:
    """The best try of each size, or of a larger one: no cache is slower than the memory behind it, and small
    sets suffer most where a neighbour keeps a thread from its share.
    """
    best: list[Bandwidth] = []
    rate = 0.0
    for mib, rates in sorted(found.items(), reverse=True):
        rate = max(rate, *rates)
        best.insert(0, Bandwidth(mib, rate))
    return best


def _fault_us() -> float | None:
    """A page of new memory, written for the first time and then again: the best of some tries."""
    count = _FAULTED_MIB * _MIB
    found = []
    for _ in range(TRIES):
        memory = mmap.mmap(-1, count)
        view = (ctypes.c_char * count).from_buffer(memory)
        times = []
        for _ in range(2):
            start = time.perf_counter()
            ctypes.memset(ctypes.addressof(view), 1, count)
            times.append(time.perf_counter() - start)
        del view
        memory.close()
        found.append((times[0] - times[1]) / (count / mmap.PAGESIZE) * 1e6)
    return min(found) if min(found) > 0 else None


def _fitting(place: str) -> Iterable[float]:
    import torch

    if place.startswith("cuda"):
        free = torch.cuda.mem_get_info(place)[0]
        return [m for m in SETS_MIB if m * _MIB * 3 < free]
    return SETS_MIB


def _mover(place: str, mib: float) -> tuple[Callable[[], Any], int]:
    """Adds one half of a working set onto the other: two reads and a write of each element.

    A write to a cached line reads it first; here the line was read anyway, so nothing is hidden.
    """
    import torch

    count = int(mib * _MIB / 8)
    a, b = torch.zeros(count, device=place), torch.zeros(count, device=place)
    return (lambda: a.add_(b)), 3 * 4 * count


def _reader(place: str, mib: float) -> tuple[Callable[[], Any], int]:
    """The inner product of two halves of a working set: each element read once, nothing written.

    Not a matrix times a vector, which is what weights are at a batch of one: libraries differ in how fast
    they do that, and none of them is the ceiling.
    """
    import torch

    count = int(mib * _MIB / 8)
    a, b = torch.zeros(count, device=place), torch.zeros(count, device=place)
    return (lambda: torch.dot(a, b)), 2 * 4 * count
