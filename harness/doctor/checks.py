"""What would disturb a measurement: settings of the machine, one check each, with what to do.

Each takes where it reads from, so that a test can have any machine. None where the system does not say.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from harness.execute.lock import Holder
from harness.records.doctor import FAULT, NOTE, OK, WARNING, Check

LOW_MEMORY_MIB = 2048
LOW_DISK_MIB = 512
SLOW_CLOCK_NS = 1000
"""Reading the clock twice around a call of 0.1 ms would be a percent of it."""


def text_of(path: Path) -> str | None:
    """The content of a small file of the kernel; None where there is none."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def governor(sysfs: Path) -> Check | None:
    """Which rule sets the processors' clock."""
    paths = sorted((sysfs / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    found = sorted({text for path in paths if (text := text_of(path))})
    if not found:
        return None
    text = f"CPU governor {', '.join(found)}"
    if found == ["performance"]:
        return Check("governor", OK, text)
    advice = "the clock follows the load with a delay: sudo cpupower frequency-set -g performance"
    return Check("governor", WARNING, text, advice)


def turbo(sysfs: Path) -> Check | None:
    """Whether the clock may rise above its nominal one as long as the heat allows."""
    cpu = sysfs / "devices/system/cpu"
    no_turbo, boost = text_of(cpu / "intel_pstate/no_turbo"), text_of(cpu / "cpufreq/boost")
    if no_turbo is None and boost is None:
        return None
    if no_turbo == "1" or (no_turbo is None and boost == "0"):
        return Check("turbo", OK, "turbo is off: the clock does not depend on heat")
    path, value = ("intel_pstate/no_turbo", 1) if no_turbo is not None else ("cpufreq/boost", 0)
    advice = f"for the steadiest numbers: echo {value} | sudo tee /sys/devices/system/cpu/{path}"
    return Check(
        "turbo", NOTE, "turbo is on: the clock depends on heat and on how many cores are busy", advice
    )


def smt(sysfs: Path) -> Check | None:
    """Whether two logical processors share a core."""
    active = text_of(sysfs / "devices/system/cpu/smt/active")
    if active is None:
        return None
    if active != "1":
        return Check("smt", OK, "no two logical processors share a core, as far as this system says")
    advice = "the harness uses one thread per physical core; keep other work off the machine"
    return Check("smt", NOTE, "two logical processors share each core", advice)


def affinity(usable: list[int], online: int) -> Check:
    """Whether this process may use every processor."""
    if len(usable) >= online:
        return Check("affinity", OK, f"all {online} logical processors may be used")
    text = f"this process may use {len(usable)} of {online} logical processors"
    return Check("affinity", NOTE, text, "the others' load still shares caches and memory")


def quota(limit: float | None) -> Check:
    """Whether a cgroup rations processor time."""
    if limit is None:
        return Check("quota", OK, "no cgroup limits processor time")
    text = f"a cgroup grants {limit:g} processors' worth of time"
    advice = (
        "threads are chosen to fit; where the limit is used up everything stands still for a part of 0.1 s. "
        "Prefer whole processors (docker --cpuset-cpus) to a share of them (--cpus)"
    )
    return Check("quota", NOTE if limit >= 1 else WARNING, text, advice)


def memory(proc: Path) -> list[Check]:
    """Free memory, and whether swap is in use."""
    found = {}
    for line in (text_of(proc / "meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) // 1024
    checks = []
    if "MemAvailable" in found:
        free = found["MemAvailable"]
        low = free < LOW_MEMORY_MIB
        advice = "end what uses it: a case that does not fit is killed or swaps" if low else None
        checks.append(Check("memory", WARNING if low else OK, f"{free} MiB of memory are free", advice))
    used = found.get("SwapTotal", 0) - found.get("SwapFree", 0)
    if used > 0:
        advice = "pages that come back from disk are slow calls: free memory, then sudo swapoff -a"
        checks.append(Check("swap", NOTE, f"{used} MiB are swapped out", advice))
    elif "SwapTotal" in found:
        checks.append(Check("swap", OK, "nothing is swapped out"))
    return checks


def disk(results: Path) -> Check:
    """Room where results are kept: in the folder, or in what it will be made in."""
    folder = next((p for p in (results.absolute(), *results.absolute().parents) if p.is_dir()), Path("/"))
    try:
        free = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        return Check("disk", WARNING, f"{folder} cannot be asked for room: {error.strerror}")
    advice = "make room, or name another folder with --results"
    if free < 1:
        return Check("disk", FAULT, f"no room is left for {results}: nothing could be kept", advice)
    found = f"{free} MiB of disk are free for {results}"
    return Check("disk", WARNING, found, advice) if free < LOW_DISK_MIB else Check("disk", OK, found)


def clock(sysfs: Path) -> Check:
    """How finely time can be told: the median of how far two readings are apart."""
    steps = []
    for _ in range(1001):
        start = time.perf_counter_ns()
        steps.append(time.perf_counter_ns() - start)
    step = sorted(steps)[len(steps) // 2]
    source = text_of(sysfs / "devices/system/clocksource/clocksource0/current_clocksource")
    text = f"reading the clock takes {step} ns" + (f" (source {source})" if source else "")
    if step <= SLOW_CLOCK_NS:
        return Check("clock", OK, text)
    advice = (
        "short calls are measured roughly: a slow clock source is a matter of the kernel or the hypervisor"
    )
    return Check("clock", WARNING, text, advice)


def layout(proc: Path) -> Check | None:
    """Whether each process has its memory at other addresses."""
    value = text_of(proc / "sys/kernel/randomize_va_space")
    if value is None:
        return None
    if value == "2":
        return Check("aslr", OK, "address layout differs from process to process, as replicates should")
    text = f"address layout is {'not' if value == '0' else 'partly'} randomised"
    advice = "replicates share one layout, and its luck: sudo sysctl kernel.randomize_va_space=2"
    return Check("aslr", NOTE, text, advice)


def huge_pages(sysfs: Path) -> Check | None:
    """Whether the kernel hands out large pages unasked."""
    value = text_of(sysfs / "kernel/mm/transparent_hugepage/enabled")
    if not value or "[" not in value:
        return None
    chosen = value.partition("[")[2].partition("]")[0]
    if chosen != "always":
        return Check("huge pages", OK, f"transparent huge pages: {chosen}")
    advice = "memory may grow in steps of 2 MiB: compare memory only between machines with the same setting"
    return Check("huge pages", NOTE, "transparent huge pages: always", advice)


def power(sysfs: Path) -> Check | None:
    """Whether the machine runs on its battery. None for a machine without one."""
    supplies = sorted((sysfs / "class/power_supply").glob("*"))
    batteries = [s for s in supplies if text_of(s / "type") == "Battery"]
    if not batteries:
        return None
    if any(text_of(s / "status") == "Discharging" for s in batteries):
        return Check("power", WARNING, "on battery", "plug it in: on battery the clock is lower and moves")
    return Check("power", OK, "on mains")


def locks(held: dict[str, Holder | None]) -> Check:
    """Whether another measurement runs here."""
    if not held:
        return Check("lock", OK, "no other measurement runs on this machine")
    text = "; ".join(f"{device}: {holder or 'another process'}" for device, holder in held.items())
    return Check("lock", WARNING, f"another measurement runs: {text}", "wait for it: harness run --wait")
