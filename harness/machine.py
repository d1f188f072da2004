"""What this machine leaves to the harness: cores, quota, memory, names. Without torch."""

from __future__ import annotations

import math
import os
import platform
import socket
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "torch",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx",
    "onnxscript",
    "openvino",
    "torchao",
    "numpy",
    "triton",
    "pluggy",
)
"""Distributions whose version can change a number."""


def affinity() -> list[int]:
    """The logical CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def physical_cores(cpus: list[int], sysfs: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """How many physical cores carry these logical CPUs; None if the kernel does not say."""
    cores = set()
    for cpu in cpus:
        topology = sysfs / f"cpu{cpu}" / "topology"
        try:
            package = (topology / "physical_package_id").read_text().strip()
            cores.add((package, (topology / "core_id").read_text().strip()))
        except OSError:
            return None
    return len(cores)


def _cpu_groups(proc: Path, root: Path) -> list[Path]:
    """The folders of the cgroups that ration this process's processor time, from its own upwards.

    Of version 2 and of version 1's cpu controller, as far as they are mounted here.
    """
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    groups: list[Path] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base = root
        elif "cpu" in controllers.split(","):
            base = next((root / n for n in (controllers, "cpu") if (root / n).is_dir()), root)
        else:
            continue
        folder = base / path.lstrip("/")
        for step in (folder, *folder.parents):
            groups.append(step)
            if step == base:
                break
    return groups


def cpu_quota(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """CPUs' worth of time the cgroups grant, the smallest limit on the way up; None without a limit.

    Reads version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`).
    """
    limits = [limit for group in _cpu_groups(proc, root) if (limit := _limit_in(group)) is not None]
    return min(limits) if limits else None


def limited_groups(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> list[Path]:
    """The folders of those cgroups above this process that limit its processor time."""
    return [group for group in _cpu_groups(proc, root) if _limit_in(group) is not None]


def _limit_in(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        return None if quota in ("max", "-1") else int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None


def usable_cores() -> int:
    """The default number of threads: physical cores within affinity and cgroup quota, at least 1.

    torch and onnxruntime size their pools from the host and ignore the quota, which is why the
    harness decides once and sets it everywhere.
    """
    cpus = affinity()
    cores = physical_cores(cpus) or len(cpus)
    quota = cpu_quota()
    return max(1, min(cores, math.floor(quota)) if quota is not None else cores)


def memory_mib() -> int:
    """Physical memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    except (ValueError, OSError):
        return 0


def cpu_name() -> str:
    """The processor's product name, as well as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def is_virtual() -> bool | None:
    """Whether the processor says it runs under a hypervisor; None where it cannot say."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return None
    flags = next((x for x in text.splitlines() if x.startswith("flags")), None)
    return None if flags is None else "hypervisor" in flags.split()


def os_name() -> str:
    """The operating system as a person calls it."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def host() -> str:
    return socket.gethostname()


def versions(names: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Installed versions of some distributions, absent ones left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def threads_of(pid: int | str = "self") -> int:
    """How many threads a process has; 1 where the system does not say."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(int(x.split()[1]) for x in file if x.startswith("Threads:"))
    except (OSError, StopIteration):
        return 1
