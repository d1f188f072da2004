"""The child's side: makes checks on one component, and says what came of them."""

from __future__ import annotations

import resource
from importlib import import_module
from typing import Any

from harness.channel import Channel
from harness.conformance.bench import Bench
from harness.conformance.contract import CHECKS, Check, Failed, NotApplicable
from harness.jobs import ConformanceJob
from harness.records.case import PlannedCase
from harness.records.conformance import FAILED, NOT_APPLICABLE, OK, Verdict, Verdicts

_SHARE = 0.8
"""Of the memory that is free when a check begins, it gets this much."""


def take(job: ConformanceJob, channel: Channel) -> None:
    """Makes the checks and sends their verdicts. What else the plugin's code raises is the caller's."""
    _limit_memory()
    channel.send("stage", "loading the plugin")
    import_module("harness.conformance.table")  # which fills the table
    found: dict[str, Verdict] = {}
    bench = Bench(job, lambda text: channel.send("stage", text))
    closed: set[str] = set()
    for name in job.checks:
        check = CHECKS[name]
        if closed.intersection(check.needs):
            closed.add(name)
        else:
            bench.data = {}
            channel.send("check", name)
            found[name] = verdict(check, bench, label_of(job, bench))
            # At once: the process may not live to the end of the next one.
            channel.send("result", Verdicts(found))
            if found[name].status == FAILED:
                break
            if not lets(found[name]):
                closed.add(name)


def verdict(check: Check, bench: Bench, label: str) -> Verdict:
    """What the check finds out, in this process."""
    try:
        note = check.run(bench)
    except Failed as error:
        reason = sentence(label, error.expected or check.expected, error.found)
        return Verdict(FAILED, reason, error.hint or check.hint, data=bench.data)
    except NotApplicable as error:
        return Verdict(NOT_APPLICABLE, str(error), data={**bench.data, "blocks": error.blocks})
    return Verdict(OK, note=note, data=bench.data)


def lets(verdict: Verdict) -> bool:
    """Whether a check that needs another one has something to say after this verdict on it."""
    return verdict.status == OK or (verdict.status == NOT_APPLICABLE and not verdict.data.get("blocks", True))


def sentence(label: str, expected: str, found: str) -> str:
    """How every failure is told: of what, what was expected, what was found."""
    return _one_line(f"{label}: expected {expected}, found {found}")


def ended(label: str, expected: str, why: str) -> str:
    """The same where a child came to no end of its own."""
    return _one_line(f"{label}: expected {expected}; instead: {why}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def label_of(job: ConformanceJob, bench: Bench) -> str:
    """The component as failures name it."""
    if not job.kind:
        return f"plugin {name_of(job.source)}"
    try:
        name: Any = getattr(bench.component, "name", None)
    except Exception:
        name = None
    label = f"{job.kind} {name if isinstance(name, str) else type(bench.component).__name__}"
    return f"{label} on {case_text(job.case.planned)}" if job.case is not None else label


def case_text(planned: PlannedCase) -> str:
    """A case as failures name it."""
    case = planned.case
    place = "" if case.device == "cpu" else f" on {case.device}"
    return f"{planned.label['model']} in {case.precision} at batch {case.batch_size}{place}"


def name_of(source: str) -> str:
    """A plugin as a person calls it: the entry point, module or file name."""
    return source.partition(":")[2].rpartition("/")[2]


def _limit_memory() -> None:
    """A check that eats memory fails by itself, before the kernel chooses whom to kill."""
    try:
        with open("/proc/meminfo") as file:
            free = next(int(x.split()[1]) * 1024 for x in file if x.startswith("MemAvailable:"))
        with open("/proc/self/status") as file:
            held = next(int(x.split()[1]) * 1024 for x in file if x.startswith("VmData:"))
    except (OSError, StopIteration):
        return
    limit = held + int(free * _SHARE)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard < 0 else min(limit, hard), hard))
