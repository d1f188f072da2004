"""One row a case, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from typing import Any

import harness
from harness.catalogue.params import text_of
from harness.report.numbers import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


class Csv(harness.Reporter):
    name = "csv"
    summary = "one row a case, all numbers in full, units in the column names"
    extension = ".csv"
    one_document = True

    def render(self, report: harness.Report) -> str:
        out = io.StringIO()
        rows = [_row(report, r) for r in report.records]
        writer = csv.DictWriter(out, fieldnames=list(_COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in rows)
        return out.getvalue()


def _cell(value: Any) -> Any:
    """A text that could be taken for a formula gets an apostrophe, and control characters are made
    visible: a carriage return would start a row. Numbers stay as they are.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return text_of(value)
    if isinstance(value, str):
        shown = visible(value)
        return f"'{shown}" if value.lstrip(" ").startswith(_FORMULA) else shown
    return value


_COLUMNS = (
    "run",
    "started",
    "host",
    "device_name",
    "torch",
    "id",
    "model",
    "runner",
    "precision",
    "batch_size",
    "device",
    "threads",
    "status",
    "reason",
    "replicates",
    "calls",
    "warm_up",
    "latency_ms",
    "latency_ms_low",
    "latency_ms_high",
    "latency_ms_iqr",
    "latency_ms_min",
    "latency_ms_mean",
    "latency_ms_p90",
    "latency_ms_p99",
    "throughput",
    "throughput_unit",
    "sustained",
    "sustained_low",
    "sustained_high",
    "sustained_slowest",
    "sustained_callers",
    "speedup",
    "speedup_low",
    "speedup_high",
    "is_baseline",
    "best",
    "ready_s_cold",
    "ready_s_warm",
    "break_even_calls",
    "host_run_peak_mib",
    "host_ready_peak_mib",
    "weights_mib",
    "device_allocated_mib",
    "device_reserved_mib",
    "device_allocated_peak_mib",
    "device_reserved_peak_mib",
    "device_total_delta_mib",
    "verified",
    "error",
    "max_error",
    "max_abs_error",
    "cosine",
    "top1_agreement",
    "nonfinite",
    "tolerance",
    "warnings",
    "cause_key",
    "cause",
    "cause_state",
)


def _row(report: harness.Report, record: harness.Record) -> dict[str, Any]:
    case, latency, verification = record.case, record.latency_ms, record.verification
    throughput, speedup = record.throughput_per_s, record.speedup
    sustained = record.sustained_per_s
    ready, memory = record.ready_s, record.memory_mib
    why = record.explanation if record.explanation and record.explanation.explained else None
    values = [
        report.run.id,
        report.run.started,
        report.environment.host,
        report.environment.device_name or report.environment.cpu,
        report.environment.torch,
        record.id,
        record.label["model"],
        record.label["runner"],
        case.precision,
        case.batch_size,
        case.device,
        case.threads,
        record.status,
        record.reason,
        record.replicates,
        record.calls,
        record.warm_up,
        latency and latency.median,
        latency and latency.low,
        latency and latency.high,
        latency and latency.iqr,
        latency and latency.min,
        latency and latency.mean,
        latency and latency.p90 and latency.p90.value,
        latency and latency.p99 and latency.p99.value,
        throughput and throughput.value,
        throughput and throughput.unit,
        sustained and sustained.value,
        sustained and sustained.low,
        sustained and sustained.high,
        sustained and sustained.slowest,
        sustained and sustained.callers,
        speedup and speedup.ratio,
        speedup and speedup.low,
        speedup and speedup.high,
        record.is_baseline,
        record.best,
        ready and ready.cold,
        ready and ready.warm,
        record.break_even_calls,
        memory and memory.host_run_peak,
        memory and memory.host_ready_peak,
        memory and memory.weights,
        memory and memory.device_allocated,
        memory and memory.device_reserved,
        memory and memory.device_allocated_peak,
        memory and memory.device_reserved_peak,
        memory and memory.device_total_delta,
        verification and verification.passed,
        verification and verification.error,
        verification and verification.max_error,
        verification and verification.max_abs_error,
        verification and verification.cosine,
        verification and verification.top1_agreement,
        verification and verification.nonfinite,
        verification and verification.tolerance,
        "; ".join(record.warnings),
        why and why.key,
        why and why.text,
        why and why.state,
    ]
    return dict(zip(_COLUMNS, values, strict=True))
