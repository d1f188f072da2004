"""What a case needs in memory, measured in a process that measures nothing else.

Host, on Linux: the kernel's own high-water mark (VmHWM), reset by writing 5 to clear_refs, minus the
resident size before, minus the growth of file pages (code that is mapped in as it is first used).
The heap is trimmed first, or memory freed earlier would hide what the case takes. No sampling, so no
peak is too short to be seen.

Device: torch's allocator, now and at its peak, and what the whole device lost.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from harness.jobs import Channel, MemoryResult
from harness.measure import devices
from harness.records.events import Memory

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

MIB = float(1 << 20)
CALLS = 3


class HostMemory:
    """Peaks of this process since a reset, in bytes. All methods give None where the kernel is silent."""

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._proc = proc

    def trim(self) -> None:
        """Gives free heap back to the system."""
        gc.collect()
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):
            return

    def reset_peak(self) -> bool:
        """Sets the high-water mark to the present size."""
        try:
            (self._proc / "clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def read(self) -> dict[str, int]:
        """VmRSS, VmHWM and RssFile in bytes, as far as they are told."""
        found = {}
        try:
            for line in (self._proc / "status").read_text().splitlines():
                key, _, value = line.partition(":")
                if key in ("VmRSS", "VmHWM", "RssFile"):
                    found[key] = int(value.split()[0]) * 1024
        except OSError:
            return {}
        return found


def _growth(start: dict[str, int], now: dict[str, int]) -> float | None:
    """Peak above the start without file pages, in MiB."""
    if not {"VmRSS", "VmHWM", "RssFile"} <= now.keys() or "VmRSS" not in start:
        return None
    grown = now["VmHWM"] - start["VmRSS"] - (now["RssFile"] - start["RssFile"])
    return max(0.0, grown / MIB)


def take(work: CaseWork, channel: Channel) -> None:
    """Loads the case, calls it a few times, and sends what that took."""
    synchronise = devices.synchroniser(work.device)
    raw = [work.raw_inputs(k) for k in range(2)]
    on_device = work.device.type == "cuda"
    free_before = _device_free(work) if on_device else None
    channel.send("stage", "load")
    host = HostMemory()
    host.trim()
    can_reset = host.reset_peak()
    start = host.read()

    session = work.runner.load(work)
    feeds = [session.bind(work.ready_inputs(r)) for r in raw]

    def call(number: int) -> None:
        work.reset()
        session(feeds[number % len(feeds)])
        if synchronise:
            synchronise()

    call(0)
    ready = host.read()
    host.trim()
    host.reset_peak()
    if on_device:
        import torch

        torch.cuda.reset_peak_memory_stats(work.device.index)
    for number in range(1, 1 + CALLS):
        call(number)
    run = host.read()
    weights = session.weights_bytes()
    memory = Memory(
        host_run_peak=_growth(start, run) if can_reset else None,
        host_ready_peak=_growth(start, ready) if can_reset else None,
        weights=None if weights is None else weights / MIB,
        **(_device_memory(work, free_before) if on_device else {}),
    )
    session.close()
    channel.send("result", MemoryResult(memory))


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
