"""Memory before, after and at its peak, around any piece of code: the public `MemoryTracker`.

Host, on Linux: what the process holds without file pages (code and data mapped in as they are first
used): VmRSS - RssFile. The peak is the kernel's own high-water mark (VmHWM), reset by writing 5 to
clear_refs, so no peak is too short to be seen and nothing is sampled. The heap is trimmed first, or
memory freed earlier would hide what the code takes.

Device: torch's allocator, what tensors hold (allocated) and what it keeps from the driver (reserved).
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.records.inference import Usage

MIB = float(1 << 20)
_KEYS = ("VmRSS", "VmHWM", "RssFile")


class HostMemory:
    """Sizes of this process as the kernel tells them; empty or None where it is silent."""

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
        """Sets the high-water mark to the present size; False where that cannot be done."""
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
                if key in _KEYS:
                    found[key] = int(value.split()[0]) * 1024
        except OSError:
            return {}
        return found

    def own(self, key: str = "VmRSS") -> float | None:
        """MiB of the process without file pages, now (`VmRSS`) or at its peak (`VmHWM`)."""
        now = self.read()
        if key not in now or "RssFile" not in now:
            return None
        return max(0.0, (now[key] - now["RssFile"]) / MIB)


_active: list[MemoryTracker] = []
"""Trackers that are open: a reset of the peak must not take it from those around."""


class MemoryTracker:
    """What a piece of code does to the memory of this process and of a device::

        with harness.MemoryTracker("cuda") as memory:
            output = model(x)
        print(memory.allocated.peak, memory.reserved.delta)

    After the block, `host`, `allocated` and `reserved` are `Usage(before, after, peak)` in MiB; each is
    None where it cannot be known (`host` off Linux, the others off CUDA). Trackers may be nested, in
    one thread; what other threads do meanwhile is counted, too.

    Args:
        device: `cpu`, `cuda`, `cuda:1` or a torch.device; the GPU if there is one where it is left out.

    Raises:
        ValueError: it is no device, or there is none of that kind here.
    """

    def __init__(self, device: Any = None) -> None:
        self.host: Usage | None = None
        self.allocated: Usage | None = None
        self.reserved: Usage | None = None
        self._index = _cuda_index(device)
        self._system = HostMemory()
        self._before: dict[str, float | None] = {}
        self._peaks: dict[str, float] = {}
        self._can_reset = False

    def __enter__(self) -> MemoryTracker:
        self._system.trim()
        for tracker in _active:
            tracker.note_peaks()
        self._can_reset = self._system.reset_peak()
        self._before["host"] = self._system.own()
        if self._index is not None:
            import torch

            torch.cuda.synchronize(self._index)
            torch.cuda.reset_peak_memory_stats(self._index)
            self._before["allocated"] = torch.cuda.memory_allocated(self._index) / MIB
            self._before["reserved"] = torch.cuda.memory_reserved(self._index) / MIB
        self._peaks = {}
        _active.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._index is not None and kind is None:
            import torch

            torch.cuda.synchronize(self._index)
        self.note_peaks()
        _active.remove(self)
        after: dict[str, float | None] = {"host": self._system.own()}
        if self._index is not None:
            import torch

            after["allocated"] = torch.cuda.memory_allocated(self._index) / MIB
            after["reserved"] = torch.cuda.memory_reserved(self._index) / MIB
        self.host = self._usage("host", after)
        self.allocated = self._usage("allocated", after)
        self.reserved = self._usage("reserved", after)

    def _usage(self, what: str, after: dict[str, float | None]) -> Usage | None:
        before, now = self._before.get(what), after.get(what)
        if before is None or now is None or what not in self._peaks:
            return None
        return Usage(before, now, max(before, now, self._peaks[what]))

    def note_peaks(self) -> None:
        """Keeps the peaks seen so far; called whenever another tracker is about to reset them."""
        peaks = {"host": self._system.own("VmHWM") if self._can_reset else None}
        if self._index is not None:
            import torch

            peaks["allocated"] = torch.cuda.max_memory_allocated(self._index) / MIB
            peaks["reserved"] = torch.cuda.max_memory_reserved(self._index) / MIB
        for what, peak in peaks.items():
            if peak is not None:
                self._peaks[what] = max(self._peaks.get(what, 0.0), peak)


def _cuda_index(device: Any) -> int | None:
    """The CUDA device's number; None for a device whose memory is the host's."""
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{device!r} is no device") from error
    if place.type != "cuda":
        return None
    index = place.index if place.index is not None else 0
    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        raise ValueError(f"there is no device {place} here")
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return index
