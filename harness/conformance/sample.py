"""A report that reporters and listeners are tried on: every status, values that are missing, and names as a
stranger's file could have them.
"""

from __future__ import annotations

from dataclasses import replace

from harness.records.case import Case, Environment, PluginInfo, Scenario
from harness.records.events import STATUSES, Memory, Verification
from harness.records.report import (
    SCHEMA,
    Latency,
    Percentile,
    Ready,
    Record,
    Report,
    RunInfo,
    Speedup,
    Throughput,
)
from harness.records.settings import Settings

HOSTILE = (
    "esc\x1b[31m",
    "bell\x07",
    "line\nbreak",
    "return\rhere",
    "=1+1",
    "@cmd",
    "a|b",
    "<b>&",
    "$(id)`x`",
)
"""Names and texts that must reach no terminal, table, spreadsheet or page as they are."""
_TREES = ("alder", "birch", "cedar", "damson", "elder", "fig", "ginkgo", "hazel", "ivy", "juniper", "larch")
"""One model a record, so that each can be found in any output."""


def record(number: int, status: str = "ok", best: bool = False, model: str | None = None) -> Record:
    """A record of its own model; measured if its status says so."""
    name = model or f"{_TREES[number % len(_TREES)]}-{number}"
    case = Case(name, {}, "a-runner", {}, "a-format", 4, "cpu", 2)
    found = Record(
        id=case.id(Scenario()),
        case=case,
        label={"model": name, "runner": "a-runner"},
        status=status,
        reason=None if status == "ok" else f"{status.replace('_', ' ')} for a reason",
        detail=None if status == "ok" else "Traceback of nothing",
        replicates=0,
        calls=0,
        boundary=Scenario().boundary,
        warm_up=None,
    )
    if status not in ("ok", "incorrect"):
        return found
    median = 1.0 + number / 8
    return replace(
        found,
        replicates=3,
        calls=600,
        warm_up="flat",
        latency_ms=Latency(
            median, median * 0.98, median * 1.02, 0.95, 0.1, median * 0.9, median, [median] * 3
        ),
        throughput_per_s=Throughput(4000 / median, "samples/s"),
        ready_s=Ready(0.2, 0.1),
        verification=Verification(status == "ok", 2e-7 if status == "ok" else 0.3, 1e-4, 1e-6, 1e-6, 1.0),
        is_baseline=best,
        best=best,
    )


def report() -> Report:
    """One record of every status, the measured ones with all numbers that they can have or with few."""
    full = record(0, best=True)
    assert full.latency_ms is not None
    full = replace(
        full,
        latency_ms=replace(full.latency_ms, p90=Percentile(1.2, 1.3), p99=Percentile(1.4, 1.6)),
        memory_mib=Memory(host_run_peak=12.5, host_ready_peak=20.0, weights=8.0),
        speedup=None,
        facts={"graphs": 1, "nodes": {"CPUExecutionProvider": 7}},
        warnings=["a warning of this record"],
    )
    single = record(1)
    assert single.latency_ms is not None
    single = replace(
        single,
        replicates=1,
        latency_ms=replace(single.latency_ms, low=None, high=None, replicates=[1.1]),
        speedup=Speedup(full.id, 0.9, None, None),
        ready_s=Ready(None, None),
        verification=None,
    )
    statuses = [s for s in STATUSES if s != "ok"]
    return _of([full, single, *(record(2 + n, status) for n, status in enumerate(statuses))])


def empty() -> Report:
    """A run without a single record."""
    return _of([])


def hostile() -> Report:
    """The same records, every name and text in them as a stranger could have chosen it."""
    records = []
    for number, (one, text) in enumerate(zip(report().records, HOSTILE * 2, strict=False)):
        name = f"{text}{number}"
        records.append(
            replace(
                one,
                case=replace(one.case, model=name),
                label={"model": name, "runner": text},
                reason=one.reason and text,
                detail=one.detail and text,
                warnings=[text],
            )
        )
    whole = _of(records)
    return replace(
        whole,
        run=replace(whole.run, command="=run\x1b[2J", warnings=["\x1b]0;title\x07", "=1+1"]),
        environment=replace(whole.environment, host="\x1b[5mhost", cpu="a|b\ncpu"),
    )


def samples() -> dict[str, Report]:
    """Every sample, by what is special about it."""
    return {"records of every status": report(), "no record": empty(), "hostile names": hostile()}


def _of(records: list[Record]) -> Report:
    run = RunInfo(
        id="20261122-174126-0c1f",
        started="2026-11-22T17:41:26.123Z",
        ended="2026-11-22T17:45:00.000Z",
        status="finished",
        command="harness run",
        suite="default",
        seed=0,
        harness_version="0.1.0",
        settings=Settings(),
        plugins=[PluginInfo("sample.py", "file:/sample.py", digest="00", hooks=["harness_models"])],
    )
    environment = Environment(
        "lab", "Linux", "6.1", "3.11.7", "a CPU", "x86_64", 2, 2, 2, 16_000, torch="2.13.0"
    )
    return Report(SCHEMA, run, environment, records)
