"""What disturbed a timed block, from channels that know nothing of the times themselves.

None where the system does not say. A flag says which channel found a block suspect; whether a block
was slow never does, since leaving out slow blocks would make every result too fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TOO_MUCH = 0.5
"""A larger share of suspect blocks than this is no measurement of the machine, but of its other work, too."""
UNTOLD = "which row is fastest, and whether a slow start pays off, cannot be told: "
"""How a warning of a record begins whose run was disturbed too much."""


@dataclass(frozen=True)
class BlockNoise:
    """The audit of one block: deltas from just before to just after its timed calls."""

    wall_s: float
    """From the first reading to the second."""
    steal: float | None = None
    """Share of this machine's processor time that the hypervisor gave to others."""
    run_delay: float | None = None
    """Time this process's threads were ready and waited for a processor, summed, over wall time."""
    throttled_s: float | None = None
    """Seconds that the cgroup held its processes back, summed over processors; None without a quota."""
    pressure: float | None = None
    """Share of the time in which something on the machine waited for a processor (PSI, some)."""
    others_cpu: float | None = None
    """Processors' worth of time that other processes used. The kernel counts in ticks: in a block of
    0.1 s it is known to about 0.2.
    """
    switches: int | None = None
    """Involuntary context switches of this process."""
    major_faults: int | None = None
    minor_faults: int | None = None
    """Pages that the kernel provided in its timed calls, without reading a disk: no disturbance, but part of
    what the calls took. None in files of earlier versions.
    """
    canary: float | None = None
    """Time of a fixed integer loop just before the block, over that loop's usual time here."""
    clock_mhz: float | None = None
    """The accelerator's clock by its own probe."""
    throttle: list[str] = field(default_factory=list)
    """What the accelerator's driver says slowed it: power cap, thermal, ..."""
    flags: list[str] = field(default_factory=list)
    """The channels that find the block suspect; empty for a quiet one."""


@dataclass(frozen=True)
class NoiseSummary:
    """The audits of all timed blocks of a run."""

    blocks: int
    """How many were audited."""
    suspect: int
    """How many of them have a flag."""
    flags: dict[str, int] = field(default_factory=dict)
    """How many blocks each channel found suspect, the most frequent first."""

    @property
    def busy(self) -> str | None:
        """How busy the machine was, if it was too busy to say what is faster; None if not."""
        if self.suspect <= TOO_MUCH * self.blocks:
            return None
        return f"the machine was busy ({self.suspect} of {self.blocks} blocks suspect)"
