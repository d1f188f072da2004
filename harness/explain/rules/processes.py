"""Why the processes of one row differ: those that page faults made slow."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from harness.explain.rules.pages import PAGE, least_us
from harness.explain.said import bytes_text, finding, ms_text, times_text
from harness.explain.scene import Row
from harness.records.finding import Finding

_SPREAD = 1.3
"""From this ratio of the slowest to the quickest process on it is worth a cause."""
_LEAST = 3
"""Fewer processes would agree with anything."""
_ACCOUNTED = 0.85
"""Of the variance over processes, that a straight line through faults and latencies must account for."""
_PART = 0.25
"""Of the difference, that the faults account for even at what one costs at least."""


def uneven(row: Row) -> Iterator[Finding]:
    """Processes of the same code, of which some get their memory anew from the kernel in every call.

    Whether an allocator gives a large piece back or keeps it depends on what lies beside it, which is not
    the same in two processes. Latency must go with the faults, and they must be able to cost so much: a
    line through three points alone would prove nothing.
    """
    record = row.record
    faults, latency = record.page_faults_each, record.latency_ms
    if latency is None or record.case.device != "cpu" or len(faults) != len(latency.replicates):
        return
    times = latency.replicates
    if len(times) < _LEAST or min(times) <= 0 or max(times) / min(times) < _SPREAD:
        return
    more, longer = max(faults) - min(faults), max(times) - min(times)
    if more <= 0 or more * least_us(row) / 1e3 < _PART * longer:
        return
    r = statistics.correlation(faults, times)
    if r <= 0 or r * r < _ACCOUNTED:
        return
    slope_us = statistics.linear_regression(faults, times).slope * 1e3
    yield finding(
        "uneven-faults",
        "doubt",
        row,
        f"its processes differ by {times_text(max(times) / min(times))}",
        f"those that take up to {ms_text(max(times))} and not {ms_text(min(times))} get memory anew from the "
        f"kernel in every call: up to {max(faults):.0f} page faults ({bytes_text(max(faults) * PAGE)}) and "
        f"not {min(faults):.0f}, {ms_text(slope_us / 1e3)} for each; whether the allocator keeps large "
        "pieces or gives them back differs from process to process",
        {
            "latency_ms": latency.median,
            "replicates_ms": times,
            "page_faults_each": [round(f, 1) for f in faults],
            "each_us": slope_us,
            "variance_accounted": r * r,
        },
    )
