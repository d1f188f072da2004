"""Chooses, groups and sorts the records of a report. Pure functions; the report is never changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from harness import registry
from harness.analyse.analyse import analyse, group_key, mark_best
from harness.catalogue.params import text_of
from harness.catalogue.specs import parse
from harness.catalogue.suggest import listing, suggestion
from harness.errors import UsageError
from harness.plan.selectors import parse_selector
from harness.records.case import Case
from harness.records.events import STATUSES
from harness.records.report import Record, Report
from harness.store.runfile import StoredRun


def _latency(record: Record) -> float:
    return record.latency_ms.median if record.latency_ms else math.inf


def _error(record: Record) -> float:
    found = record.verification
    return found.error if found and found.error is not None else math.inf


def _memory(record: Record) -> float:
    memory = record.memory_mib
    if memory is None:
        return math.inf
    peak = memory.device_allocated_peak
    return peak if peak is not None else (memory.host_run_peak or math.inf)


KEYS: dict[str, Callable[[Record], Any]] = {
    "latency": _latency,
    "throughput": lambda r: -(r.throughput_per_s.value if r.throughput_per_s else 0.0),
    "speedup": lambda r: -(r.speedup.ratio if r.speedup else 0.0),
    "error": _error,
    "memory": _memory,
    "model": lambda r: r.label["model"],
    "runner": lambda r: r.label["runner"],
    "precision": lambda r: r.case.precision,
    "batch_size": lambda r: r.case.batch_size,
    "device": lambda r: r.case.device,
    "threads": lambda r: r.case.threads,
    "status": lambda r: STATUSES.index(r.status),
}
"""What records can be sorted by; numbers of merit come best first."""


@cache
def _precision_names() -> dict[str, str]:
    """Other words for the precisions in the box, as `run` accepts them."""
    rows = [row for row in registry.components() if row["kind"] == "precision"]
    return {alias: row["name"] for row in rows for alias in row.get("aliases", ())}


def grouped(records: Iterable[Record]) -> list[list[Record]]:
    """Groups of model, batch size, device and threads, in the order of their first record."""
    groups: dict[Any, list[Record]] = {}
    for record in records:
        groups.setdefault(group_key(record), []).append(record)
    return list(groups.values())


def standard_order(records: list[Record]) -> list[Record]:
    """Within each group the baseline first, then the fastest first, then what was not measured."""
    found: list[Record] = []
    for group in grouped(records):
        found += sorted(
            group,
            key=lambda r: (r.latency_ms is None, not r.is_baseline, _latency(r), STATUSES.index(r.status)),
        )
    return found


def ordered(report: Report, key: str | None) -> Report:
    """The report in the standard order, or sorted over all groups by `key`."""
    if key is None:
        return replace(report, records=standard_order(report.records))
    if key not in KEYS:
        raise UsageError(f"nothing to sort by {key!r}{suggestion(key, KEYS)}", f"keys are {', '.join(KEYS)}")
    return replace(report, records=sorted(report.records, key=KEYS[key]))


def filtered(report: Report, axes: dict[str, tuple[Any, ...]], statuses: tuple[str, ...]) -> Report:
    """Only the records whose axes have one of the given values; an axis without values admits all."""
    for status in statuses:
        if status not in STATUSES:
            raise UsageError(
                f"there is no status {status!r}{suggestion(status, STATUSES)}",
                f"statuses are {', '.join(STATUSES)}",
            )
    for axis, values in axes.items():
        for value in values:
            _check_present(report, axis, value)
    kept = [
        r
        for r in report.records
        if (not statuses or r.status in statuses)
        and all(any(_has(r, axis, value) for value in values) for axis, values in axes.items())
    ]
    return replace(report, records=kept)


def _check_present(report: Report, axis: str, value: Any) -> None:
    """A value that no case of the run has is a slip of the hand, and no reason for an empty table."""
    if not report.records or any(_has(record, axis, value) for record in report.records):
        return
    if axis == "precision":
        value = _precision_names().get(str(value), value)
    names = [record.label.get(axis, str(getattr(record.case, axis))) for record in report.records]
    there = list(dict.fromkeys(names))
    raise UsageError(
        f"no case of run {report.run.id} has the {axis.replace('_', ' ')} {value}"
        f"{suggestion(str(value), there)}",
        f"it has {listing(there)}",
    )


def _has(record: Record, axis: str, value: Any) -> bool:
    if axis in ("model", "runner"):
        spec, case = parse(str(value), axis), record.case
        name, values = (case.model, case.params) if axis == "model" else (case.runner, case.options)
        return spec.name == name and all(k in values and text_of(values[k]) == v for k, v in spec.values)
    if axis == "precision":
        return bool(record.case.precision == _precision_names().get(str(value), value))
    return bool(getattr(record.case, axis) == value)


def _without(case: Case, axes: Iterable[str]) -> dict[str, Any]:
    """A case with everything about it, some axes left out; parameters belong to their model or runner."""
    left_out = {*axes, *(p for a, p in (("model", "params"), ("runner", "options")) if a in axes)}
    return {k: v for k, v in vars(case).items() if k not in left_out}


def with_baseline(run: StoredRun, selector: str) -> Report:
    """The report with speed-ups counted from other cases: `runner=compile,precision=fp32`, or none."""
    plan = run.header.plan
    wanted = {} if selector == "none" else parse_selector(selector)
    first = analyse(run)
    by_id = {r.id: r for r in first.records}
    cases = []
    for planned in plan.cases:
        found = None
        if wanted:
            own = _without(planned.case, wanted)
            matching = [
                c
                for c in plan.cases
                if _without(c.case, wanted) == own and all(_has(by_id[c.id], a, v) for a, v in wanted.items())
            ]
            found = matching[0].id if matching else None
        cases.append(replace(planned, baseline_id=found))
    if wanted and not any(c.baseline_id for c in cases):
        there = dict.fromkeys(
            f"runner={r.label['runner']},precision={r.case.precision}" for r in first.records
        )
        raise UsageError(
            f"no case of this run matches the baseline {selector}", f"it has {'; '.join(list(there)[:8])}"
        )
    changed = replace(run.header, plan=replace(plan, cases=cases))
    return analyse(replace(run, header=changed))


__all__ = ["filtered", "grouped", "mark_best", "ordered", "standard_order", "with_baseline"]
