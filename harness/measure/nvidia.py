"""What the NVIDIA driver says of an accelerator, through NVML: needs the extra `nvidia`, works without.

Nothing here raises: what cannot be read is None. Read it outside of timed blocks.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

REASONS = {
    0x04: "power cap",
    0x08: "hw slowdown",
    0x20: "sw thermal",
    0x40: "hw thermal",
    0x80: "power brake",
}
"""Bits of nvmlClocksEventReasons (nvml.h) that slow a device; idle, a set clock and boost groups do not."""
_SM_CLOCK, _GPU_TEMPERATURE = 1, 0
"""Of nvmlClockType and nvmlTemperatureSensors (nvml.h)."""
SUSPECT = ("hw slowdown", "sw thermal", "hw thermal", "power brake")
"""Those that make a block suspect. A power cap is how a large device works under load; that it moves the
clock shows there.
"""


@dataclass(frozen=True)
class GpuReading:
    """A device at one moment."""

    clock_mhz: float | None = None
    """Of its multiprocessors."""
    throttle: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class GpuState:
    """What can disturb a measurement on a device, for `harness doctor`. None where the driver is silent."""

    index: int
    name: str
    clock_mhz: float | None = None
    clock_most_mhz: float | None = None
    persistence: bool | None = None
    temperature_c: float | None = None
    throttle: list[str] = field(default_factory=list)
    processes: list[int] | None = None
    """Ids of the processes that compute on it."""


def _library() -> Any | None:
    """NVML, started; None without the package or the driver."""
    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
    except Exception:
        return None
    return nvml


def _asked(nvml: Any, question: str, *about: Any) -> Any | None:
    """The driver's answer; None where it has none (an old card or package, no permission)."""
    try:
        return getattr(nvml, question)(*about)
    except Exception:
        return None


class NvidiaProbe:
    """One device. Make it with `open`."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    @classmethod
    def open(cls, uuid: str) -> NvidiaProbe | None:
        """The device of that id; None if it cannot be read here.

        Args:
            uuid: as torch.cuda.get_device_properties has it. An index would not do: CUDA and NVML count
                devices differently.
        """
        nvml = _library()
        if nvml is None:
            return None
        text = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
        handle = _asked(nvml, "nvmlDeviceGetHandleByUUID", text)
        return None if handle is None else cls(nvml, handle)

    def read(self) -> GpuReading:
        """Clock and reasons for a lower one, now."""
        clock = _asked(self._nvml, "nvmlDeviceGetClockInfo", self._handle, _SM_CLOCK)
        return GpuReading(None if clock is None else float(clock), self.throttle())

    def throttle(self) -> list[str]:
        """What slows the device now."""
        # The newer name came with driver 535; the older one goes.
        names = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
        bits = next((b for n in names if (b := _asked(self._nvml, n, self._handle)) is not None), 0)
        return [word for bit, word in REASONS.items() if bits & bit]

    def state(self, index: int) -> GpuState:
        """All that `harness doctor` tells of it."""
        nvml, handle = self._nvml, self._handle
        reading = self.read()
        name = _asked(nvml, "nvmlDeviceGetName", handle) or "unknown"
        most = _asked(nvml, "nvmlDeviceGetMaxClockInfo", handle, _SM_CLOCK)
        persistence = _asked(nvml, "nvmlDeviceGetPersistenceMode", handle)
        temperature = _asked(nvml, "nvmlDeviceGetTemperature", handle, _GPU_TEMPERATURE)
        running = _asked(nvml, "nvmlDeviceGetComputeRunningProcesses", handle)
        return GpuState(
            index=index,
            name=name.decode() if isinstance(name, bytes) else str(name),
            clock_mhz=reading.clock_mhz,
            clock_most_mhz=None if most is None else float(most),
            persistence=None if persistence is None else bool(persistence),
            temperature_c=None if temperature is None else float(temperature),
            throttle=reading.throttle,
            processes=None if running is None else [int(p.pid) for p in running],
        )


def states() -> list[GpuState] | None:
    """Every device the driver knows; None where NVML is not there."""
    nvml = _library()
    if nvml is None:
        return None
    found = []
    for index in range(_asked(nvml, "nvmlDeviceGetCount") or 0):
        handle = _asked(nvml, "nvmlDeviceGetHandleByIndex", index)
        if handle is not None:
            found.append(NvidiaProbe(nvml, handle).state(index))
    with contextlib.suppress(Exception):
        nvml.nvmlShutdown()
    return found
