"""What the system counts that disturbs a measurement, read as cheaply as it can be.

Every counter is one that only grows, so that the difference of two readings tells of the time between
them. None where this system does not count: that is no zero.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness import machine

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Reading:
    """All counters at one moment. Seconds unless the name says otherwise."""

    at_s: float
    own_cpu_s: float
    """Processor time of this process, all threads."""
    total_s: float | None = None
    """Processor time of the machine, idle included: processors times wall time."""
    busy_s: float | None = None
    """Of that, what processes and the kernel used."""
    steal_s: float | None = None
    """Of that, what the hypervisor gave to others though it was wanted here."""
    delays_s: dict[str, float] | None = None
    """For each thread of this process: time it was ready to run and waited for a processor."""
    throttled_s: float | None = None
    """Time the cgroups held their processes back, summed over processors."""
    pressure_s: float | None = None
    """Time in which something on the machine waited for a processor."""
    switches: int = 0
    """Times a thread of this process had to leave its processor."""
    major_faults: int = 0
    minor_faults: int = 0
    """Pages that the kernel provided without reading a disk."""


@dataclass(frozen=True)
class Sources:
    """Where the counters are; others in tests."""

    proc: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")
    clock: Callable[[], float] = time.perf_counter
    own_cpu: Callable[[], float] = time.process_time
    ticks: int = _TICKS
    """A second in the unit of /proc/stat."""
    throttles: list[Path] = field(default_factory=list)
    """The files that count throttling; found by `Sources.here`."""

    @classmethod
    def here(cls, proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> Sources:
        """With the throttling counters of the cgroups that have a limit."""
        found = [group / "cpu.stat" for group in machine.limited_groups(proc, cgroup)]
        return cls(proc, cgroup, throttles=[path for path in found if path.is_file()])


def read(sources: Sources) -> Reading:
    """Reads every counter. Well under a millisecond, most of it for /proc/stat and the threads."""
    total, busy, steal = _processors(sources)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return Reading(
        at_s=sources.clock(),
        own_cpu_s=sources.own_cpu(),
        total_s=total,
        busy_s=busy,
        steal_s=steal,
        delays_s=_delays(sources.proc),
        throttled_s=_throttled(sources.throttles),
        pressure_s=_pressure(sources.proc),
        switches=own.ru_nivcsw,
        major_faults=own.ru_majflt,
        minor_faults=own.ru_minflt,
    )


def _text(path: str | Path, most: int = 4096) -> str:
    """The beginning of a file, without what Python's own files cost."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(file, most).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)


def _processors(sources: Sources) -> tuple[float | None, float | None, float | None]:
    """(total, busy, steal) of all processors, from the first line of /proc/stat.

    Guest time is part of user time already (proc(5)).
    """
    words = _text(sources.proc / "stat", 512).partition("\n")[0].split()
    if len(words) < 9 or words[0] != "cpu":
        return None, None, None
    user, nice, system, idle, waiting, irq, softirq, steal = (int(w) / sources.ticks for w in words[1:9])
    busy = user + nice + system + irq + softirq
    return busy + idle + waiting + steal, busy, steal


def _delays(proc: Path) -> dict[str, float] | None:
    """Each thread's second number in its schedstat; None where the kernel does not count it.

    A kernel without CONFIG_SCHED_INFO has no such file or says 0 0 0 (Documentation/scheduler/sched-stats).
    """
    folder = f"{proc}/self/task"
    try:
        threads = os.listdir(folder)
    except OSError:
        return None
    delays = {}
    counts = False
    for thread in threads:
        words = _text(f"{folder}/{thread}/schedstat", 128).split()
        if len(words) == 3:
            delays[thread] = int(words[1]) / 1e9
            counts = counts or words[0] != "0"
    return delays if counts else None


def _throttled(files: list[Path]) -> float | None:
    if not files:
        return None
    found = 0.0
    for file in files:
        for line in _text(file).splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec":  # version 2
                found += int(value) / 1e6
            elif name == "throttled_time":  # version 1, ns
                found += int(value) / 1e9
    return found


def _pressure(proc: Path) -> float | None:
    """`some` of the processors' pressure stall information (Documentation/accounting/psi)."""
    for line in _text(proc / "pressure" / "cpu", 512).splitlines():
        if line.startswith("some"):
            total = line.rpartition("total=")[2]
            return int(total) / 1e6 if total.isdigit() else None
    return None
