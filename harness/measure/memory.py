"""What a case needs in memory, measured in a process that measures nothing else (see `tracker`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.answers import MemoryResult
from harness.channel import Channel
from harness.jobs import CaseJob
from harness.measure import devices
from harness.measure.tracker import MIB, MemoryTracker
from harness.records.events import Memory
from harness.records.inference import Usage

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

CALLS = 3


def take(work: CaseWork, _: CaseJob, channel: Channel) -> None:
    """Loads the case, calls it a few times, and sends what that took."""
    synchronise = devices.synchroniser(work.device)
    raw = [work.raw_inputs(k) for k in range(2)]
    place = devices.torch_device(work.device)
    free_before = _device_free(work) if work.device.type == "cuda" else None
    channel.send("stage", "load")

    with MemoryTracker(place) as loading:
        session = work.runner.load(work)
        feeds = [session.bind(work.ready_inputs(r)) for r in raw]

        def call(number: int) -> None:
            work.reset()
            session(feeds[number % len(feeds)])
            if synchronise:
                synchronise()

        call(0)
    with MemoryTracker(place) as running:
        for number in range(1, 1 + CALLS):
            call(number)
    weights = session.weights_bytes()
    memory = Memory(
        host_run_peak=_above(loading.host, running.host),
        host_ready_peak=_above(loading.host, loading.host),
        weights=None if weights is None else weights / MIB,
        **(_device_memory(work, free_before) if work.device.type == "cuda" else {}),
    )
    session.close()
    channel.send("result", MemoryResult(memory))


def _above(start: Usage | None, now: Usage | None) -> float | None:
    """How far a peak stands above what there was before the case."""
    return None if start is None or now is None else max(0.0, now.peak - start.before)


def _device_free(work: CaseWork) -> int:
    """Free memory of the device, its context already made: the context is no cost of the case."""
    import torch

    torch.zeros(1, device=devices.torch_device(work.device))
    torch.cuda.synchronize(work.device.index)
    return int(torch.cuda.mem_get_info(work.device.index)[0])


def _device_memory(work: CaseWork, free_before: int | None) -> dict[str, float | None]:
    import torch

    index = work.device.index
    free = torch.cuda.mem_get_info(index)[0]
    return {
        "device_allocated": torch.cuda.memory_allocated(index) / MIB,
        "device_reserved": torch.cuda.memory_reserved(index) / MIB,
        "device_allocated_peak": torch.cuda.max_memory_allocated(index) / MIB,
        "device_reserved_peak": torch.cuda.max_memory_reserved(index) / MIB,
        "device_total_delta": None if free_before is None else (free_before - free) / MIB,
    }
