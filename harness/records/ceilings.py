"""What a machine can do at most: measured once per device and number of threads, kept with the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_SUSPECT = 0.25
"""Ceilings of which a larger share was disturbed are kept only until there are quieter ones."""


@dataclass(frozen=True)
class Bandwidth:
    """How fast a working set of one size is read and written."""

    working_set_mib: float
    gib_per_s: float
    """Bytes read plus bytes written."""


@dataclass(frozen=True)
class Ceilings:
    """The ceilings of one device with so many threads."""

    device: str
    device_name: str
    threads: int
    measured: str
    """UTC, ISO 8601."""
    matmul_tflops: dict[str, float]
    """Number format (`float32`, `bfloat16`, ...) -> 10^12 floating-point operations per second of the best
    of several large matrix products; formats that are only imitated here are in `emulated`."""
    bandwidth: list[Bandwidth]
    """By size of the working set, ascending: caches are faster than memory."""
    launch_us: float
    """What one small operator costs the host, from call to call, in inference mode: on an accelerator
    without waiting for it."""
    emulated: list[str] = field(default_factory=list)
    """Number formats that the device has no arithmetic for."""
    read_gib_per_s: list[Bandwidth] = field(default_factory=list)
    """The same for reading alone, which is what a call does to weights at small batches."""
    fault_us: float | None = None
    """What it costs at least to get one new page of memory from the kernel and to clear it, on a CPU; null:
    not measured."""
    suspect: float = 0.0
    """The share of the measurement in which the audit found the machine disturbed."""
    attempts: int = 1
    """How often they were measured on this machine. Where each time was disturbed each number is the best."""
    notes: list[str] = field(default_factory=list)
    """What is odd about them: above a published peak, measured beside a neighbour."""

    @property
    def quiet(self) -> bool:
        """Whether nothing disturbed the measurement that would lower a ceiling."""
        return self.suspect <= MOST_SUSPECT
