"""What a second of watching, and the accelerators' driver, say would disturb a measurement."""

from __future__ import annotations

from pathlib import Path

from harness.doctor.checks import text_of
from harness.doctor.live import Process
from harness.measure.audit import MOST_RUN_DELAY, MOST_STEAL
from harness.measure.nvidia import SUSPECT, GpuState
from harness.records.doctor import NOTE, OK, WARNING, Check, Live
from harness.report.numbers import percent

BUSY = 0.1
"""Processors' worth of time: less than this any machine uses for itself."""
PRESSURE = 0.05
SPREAD = 0.1
SHOWN = 3


def load(live: Live, processes: list[Process], usable: int, proc: Path = Path("/proc")) -> Check:
    """What else runs now."""
    words = (text_of(proc / "loadavg") or "").split()
    average = f"load average {' '.join(words[:3])}" if len(words) >= 3 else None
    busiest = [p for p in processes if p.cpu >= BUSY / 2][:SHOWN]
    others = live.others_cpu
    if others is None:
        others = sum(p.cpu for p in processes)
    named = ", ".join(f"{p.name} (pid {p.pid}) {percent(p.cpu)}" for p in busiest)
    text = f"other processes use {others:.1f} of {usable} processors"
    text += f": {named}" if named else ""
    text += f"; {average}" if average else ""
    if others < BUSY:
        return Check("load", OK, text)
    if busiest:
        advice = f"end them or wait, or look closer: top -p {','.join(str(p.pid) for p in busiest)}"
    else:
        advice = "no process seen from here is busy: they are in other containers, or live very shortly"
    return Check("load", WARNING, text, advice)


def disturbances(live: Live) -> list[Check]:
    """One for each channel that this system has."""
    found = []
    if live.pressure is not None:
        text = f"in {percent(live.pressure)} of the time something waited for a processor"
        high = live.pressure > PRESSURE
        advice = "more is running than there are processors: see load" if high else None
        found.append(Check("pressure", WARNING if high else OK, text, advice))
    if live.run_delay is not None:
        text = f"a busy thread waited {percent(live.run_delay)} of the time for a processor"
        high = live.run_delay > MOST_RUN_DELAY
        advice = "another process takes the same processor: see load" if high else None
        found.append(Check("run delay", WARNING if high else OK, text, advice))
    if live.steal is not None:
        text = f"the hypervisor gave {percent(live.steal)} of processor time to others"
        high = live.steal > MOST_STEAL
        advice = "a neighbour is busy: another time, another host, or a machine with dedicated processors"
        found.append(Check("steal", WARNING if high else OK, text, advice if high else None))
    if live.throttled_s is not None:
        text = f"the cgroup's quota held processes back for {live.throttled_s:.2f} s"
        high = live.throttled_s > 0
        advice = "raise the limit, or use fewer --threads"
        found.append(Check("throttled", WARNING if high else OK, text, advice if high else None))
    if live.canary_spread is not None:
        text = f"a fixed integer loop took up to {percent(live.canary_spread)} longer than at best"
        high = live.canary_spread > SPREAD
        advice = "the clock moves, or a neighbour shares the core: see governor, turbo and steal"
        found.append(Check("canary", WARNING if high else OK, text, advice if high else None))
    return found


def accelerators(states: list[GpuState] | None, names: list[str]) -> list[Check]:
    """One or more for each GPU.

    Args:
        states: what NVML says; None without it.
        names: the devices that the kernel knows.
    """
    if states is None:
        if not names:
            return []
        advice = "pip install 'pytorch-inference-lab[nvidia]' to have clock and throttling watched"
        return [Check("gpu", NOTE, f"{len(names)} GPU and no NVML to ask about it", advice)]
    return [check for state in states for check in _accelerator(state)]


def _accelerator(state: GpuState) -> list[Check]:
    clock = "" if state.clock_mhz is None else f", {state.clock_mhz:.0f} MHz"
    if state.clock_mhz is not None and state.clock_most_mhz is not None:
        clock += f" of {state.clock_most_mhz:.0f}"
    heat = "" if state.temperature_c is None else f", {state.temperature_c:.0f} °C"
    title = f"GPU {state.index} {state.name}{clock}{heat}"
    slow = [reason for reason in state.throttle if reason in SUSPECT]
    found = [Check("gpu", OK, title)]
    if slow:
        advice = "let it cool; nvidia-smi -q -d PERFORMANCE says more"
        found = [Check("gpu", WARNING, f"{title}: slowed by {', '.join(slow)}", advice)]
    if state.processes:
        pids = ", ".join(map(str, state.processes))
        advice = "end them, or choose another device with -d or CUDA_VISIBLE_DEVICES"
        found.append(Check("gpu load", WARNING, f"GPU {state.index} is used by pid {pids}", advice))
    if state.persistence is False:
        text = f"GPU {state.index}: persistence mode is off"
        advice = "the driver is loaded anew for each process: sudo nvidia-smi -pm 1"
        found.append(Check("gpu persistence", NOTE, text, advice))
    return found
