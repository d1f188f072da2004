"""Why two cases of a claim differ: the row explained against the other case, and not against its table's
baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.claims.metrics import Interval, quotients
from harness.explain.explain import explained
from harness.records.report import Record, Report, Speedup


def against(
    case: Record,
    other: Record | None,
    report: Report,
    interval: Callable[[Sequence[float], Record], Interval],
) -> Record:
    """The record whose explanation says why the two differ.

    That is the case itself if it has the other one as its baseline already; the other one, if the case is
    its baseline; and else the case as it would be explained in a report of the two.

    Args:
        interval: of ratios that were measured pass by pass, for a record.
    """
    if other is None or case.latency_ms is None or other.latency_ms is None or _based(case, other):
        return case
    if _based(other, case):
        return other
    ratios = quotients(other.latency_ms.replicates, case.latency_ms.replicates)
    if not ratios:
        return case
    speedup = Speedup(other.id, *interval(ratios, case))
    pair = [replace(other, is_baseline=True, speedup=None), replace(case, is_baseline=False, speedup=speedup)]
    return explained(replace(report, records=pair)).records[1]


def _based(record: Record, on: Record) -> bool:
    return record.speedup is not None and record.speedup.baseline == on.id
