"""What a machine can do at most: matrix products in each number format, bandwidth, starting an operator.

Everything is tried in turns (see `harness.measure.tries`), with buffers that were made and written before.
On an accelerator products and bandwidth are timed behind a backlog, and starting an operator without
waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from harness import registry
from harness.channel import Channel
from harness.jobs import CeilingsJob
from harness.measure import devices, faults, peaks, state
from harness.measure.audit import Audit
from harness.measure.device_time import CudaStream, settle
from harness.measure.tries import Clock, DeviceClock, HostClock, Reached, Work, reached
from harness.records.ceilings import MOST_SUSPECT, Bandwidth, Ceilings

SIZES = (128, 256, 512, 1024, 2048, 4096)
"""Of square products, as far as one takes no longer than `DEAR_S`; the best size counts, since what a library
does best is the ceiling."""
CUDA_SIZES = (2048, 4096, 8192)
DEAR_S = 0.02
SETS_MIB = (0.5, 2.0, 8.0, 32.0, 128.0, 256.0)
"""Working sets: caches, and what is beyond them."""
CUDA_SETS_MIB = (2.0, 8.0, 32.0, 128.0, 512.0, 1024.0)
BUDGET_S = 2.2
FORMATS = ("float32", "bfloat16", "float16")
EMULATED = 0.4
"""A 16-bit format that is slower than float32 by this much is imitated.

Measured, not looked up: names of processor features differ and lag behind processors, and what counts is
what a library makes of them. Arithmetic of its own is at least as fast as float32's; conversions around
float32 that are quicker than this do no harm as a ceiling.
"""
_TINY, _CHAIN = 16, 100
_PROBE_S = 0.01
_MIB, _GIB = 1 << 20, 1 << 30
_PIECE = 1 << 20
"""Elements of each half that a call goes through: 4 MiB."""
_APART = 16 * 17
"""Elements between the halves of a working set, so that they do not lie the same way in their pages."""


def take(job: CeilingsJob, channel: Channel) -> None:
    """Measures and sends them."""
    channel.send("stage", "measure")
    channel.send("result", measure_ceilings(job.device, job.threads))


def measure_ceilings(device_name: str, threads: int, budget_s: float = BUDGET_S) -> Ceilings:
    """The ceilings of a device with so many threads, in some three seconds.

    Raises:
        UsageError, Unsupported: see `harness.measure.devices.resolve`.
    """
    import torch

    device = devices.resolve(device_name)
    state.set_threads(threads)
    state.strict_float32()
    place = devices.torch_device(device)
    host = HostClock(after=devices.synchroniser(device))
    clock: Clock = host
    audit = Audit()
    with torch.inference_mode():
        if device.type == "cuda":
            stream = CudaStream(device.index)
            settle(stream.clock_mhz, products(place, "float32", CUDA_SIZES[0]).call)
            clock = DeviceClock(stream)
        works = [(clock, work) for work in (*_sized(place, threads, host), *_bandwidths(place))]
        turns = reached([(host, _chain(place)), *works], budget_s, audit)
        rates = dict(turns.rates)
        if place == "cpu" and threads > 1 and _disturbed(turns):
            rates = _at_least(rates, works, budget_s / 3, audit)
            torch.set_num_threads(threads)
        products_at = _best(rates)
        if devices.TF32 in device.features:
            products_at[devices.TF32] = _tf32(clock, place, budget_s / 5, audit)
    tflops = {name: rate / 1e12 for name, rate in products_at.items()}
    moved = _by_set(rates, "move")
    return Ceilings(
        device=str(device),
        device_name=device.name,
        threads=threads,
        measured=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        matmul_tflops=tflops,
        bandwidth=moved,
        read_gib_per_s=_by_set(rates, "read"),
        launch_us=1e6 / rates["launch"],
        emulated=emulated(tflops),
        fault_us=None if place.startswith("cuda") else faults.fault_us(),
        suspect=turns.suspect / turns.rounds,
        notes=[*_noise(turns), *peaks.notes(tflops, moved, peaks.published(device.name, registry.devices()))],
    )


def emulated(tflops: Mapping[str, float]) -> list[str]:
    """Formats that are slower than float32 by so much that the device cannot have them."""
    full = tflops.get("float32", 0.0)
    return [name for name, rate in tflops.items() if name in FORMATS and rate < EMULATED * full]


def _disturbed(turns: Reached) -> bool:
    return turns.suspect > MOST_SUSPECT * turns.rounds


def _noise(turns: Reached) -> list[str]:
    if not _disturbed(turns):
        return []
    flags = sorted(turns.flags, key=lambda flag: -turns.flags[flag])
    return [
        f"measured beside a neighbour: {turns.suspect} of {turns.rounds} rounds were disturbed "
        f"({', '.join(flags)})"
    ]


def _at_least(
    rates: Mapping[Hashable, float], works: Sequence[tuple[Clock, Work]], budget_s: float, audit: Audit
) -> dict[Hashable, float]:
    """No less than one thread reaches: where others compute, several threads wait for each other and one
    does not, and several can do what one can.
    """
    import torch

    torch.set_num_threads(1)
    alone = reached(works, budget_s, audit).rates
    return {key: max(rate, alone.get(key, 0.0)) for key, rate in rates.items()}


# ---- matrix products ----------------------------------------------------------------------------


def products(place: str, name: str, n: int) -> Work:
    """A square product of `n` in a format: two operations for each multiply-add."""
    import torch

    a, b = (torch.randn(n, n, device=place).to(getattr(torch, name)) for _ in range(2))
    out = torch.empty_like(a)
    return Work(("mm", name, n), lambda: torch.mm(a, b, out=out), 2.0 * n**3)


def _sized(place: str, threads: int, host: HostClock) -> list[Work]:
    """Ever larger products of each format, until one is dear; of an imitated one only the smallest.

    On the host they are found with one thread, which no neighbour holds up, and would take less with more.
    """
    import torch

    sizes = CUDA_SIZES if place.startswith("cuda") else SIZES
    share = 1 if place.startswith("cuda") else threads
    torch.set_num_threads(1)
    works: list[Work] = []
    full = 0.0
    for name in FORMATS:
        rate = 0.0
        for n in sizes:
            try:
                if rate and 2 * n**3 / rate / share > DEAR_S:
                    break
                work = products(place, name, n)
                rate = max(rate, work.amount / min(host.seconds(work.call, _PROBE_S)))
            except RuntimeError:
                break
            works.append(work)
            if rate < EMULATED * full:
                break
        full = full or rate
    torch.set_num_threads(threads)
    return works


def _tf32(clock: Clock, place: str, budget_s: float, audit: Audit) -> float:
    """Last of all, since the mode stays on."""
    state.allow_tf32()
    works = [(clock, products(place, "float32", n)) for n in CUDA_SIZES]
    return max(reached(works, budget_s, audit).rates.values())


def _best(rates: Mapping[Hashable, float]) -> dict[str, float]:
    """By format, over its sizes."""
    best: dict[str, float] = {}
    for key, rate in rates.items():
        if isinstance(key, tuple) and key[0] == "mm":
            best[key[1]] = max(rate, best.get(key[1], 0.0))
    return best


# ---- bandwidth, and starting an operator --------------------------------------------------------


def _bandwidths(place: str) -> Iterable[Work]:
    """Two works for each working set, all in one buffer.

    `move` adds one half of the set onto the other: two reads and a write of each element. A write to a line
    that is not cached reads it first; here the line was read anyway, so no traffic is hidden.

    `read` is the inner product of the two halves: each element read once, nothing written. Not a matrix
    times a vector, which is what weights are at a batch of one: libraries differ in how fast they do that
    (MKL does it with one thread), and none of them is the ceiling.

    On the host a call goes through the next piece of the set, round and round: a try through all of a large
    one is too long to fall between two disturbances.
    """
    import torch

    sets = _fitting(place)
    # Written, not only made: pages that nobody wrote are all the same one, and lie in the cache.
    whole = torch.ones(int(sets[-1] * _MIB / 4) + _APART, device=place)
    for mib in sets:
        count = int(mib * _MIB / 8)
        piece = count if place.startswith("cuda") else min(count, _PIECE)
        halves = (torch.split(whole[at : at + count], piece) for at in (0, count + _APART))
        pairs = list(zip(*halves, strict=True))
        yield Work(("move", mib), _in_turn(_move, pairs), 12.0 * piece)
        yield Work(("read", mib), _in_turn(_read, pairs), 8.0 * piece)


def _in_turn(call: Callable[[Any, Any], Any], pairs: Sequence[tuple[Any, Any]]) -> Callable[[], Any]:
    if len(pairs) == 1:
        (a, b) = pairs[0]
        return lambda: call(a, b)
    turns = cycle(pairs)
    return lambda: call(*next(turns))


def _move(a: Any, b: Any) -> Any:
    return a.add_(b, alpha=1e-9)


def _read(a: Any, b: Any) -> Any:
    return a.dot(b)


def _fitting(place: str) -> Sequence[float]:
    """The working sets for which there is room."""
    import torch

    if not place.startswith("cuda"):
        return SETS_MIB
    free = torch.cuda.mem_get_info(place)[0]
    return [m for m in CUDA_SETS_MIB if m * _MIB * 2 < free] or CUDA_SETS_MIB[:1]


def _by_set(rates: Mapping[Hashable, float], kind: str) -> list[Bandwidth]:
    """The rate of each working set, or of a larger one: no cache is slower than the memory behind it, and
    small sets suffer most where a neighbour keeps a thread from its share.
    """
    found = {key[1]: rate for key, rate in rates.items() if isinstance(key, tuple) and key[0] == kind}
    best: list[Bandwidth] = []
    rate = 0.0
    for mib in sorted(found, reverse=True):
        rate = max(rate, found[mib])
        best.insert(0, Bandwidth(mib, rate / _GIB))
    return best


def _chain(place: str) -> Work:
    """Small operators one after the other: the time from one to the next, on the host."""
    import torch

    a = torch.zeros(_TINY, device=place)

    def chain() -> Any:
        x = a
        for _ in range(_CHAIN):
            x = x + a
        return x

    return Work("launch", chain, float(_CHAIN))
