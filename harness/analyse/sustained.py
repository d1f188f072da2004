"""Sustained throughput of one case, from the windows of its processes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analyse.statistics import log_interval
from harness.records.events import OK, ThroughputMeasured
from harness.records.report import Sustained


def sustained_of(measured: Sequence[ThroughputMeasured], unit: str) -> tuple[Sustained | None, list[str]]:
    """(what a case sustains, None if it was not measured; what is to be said of it).

    Args:
        measured: of one case, in the order of time.
        unit: of what its calls process.
    """
    found = [
        (m, m.saturated)
        for m in measured
        if not m.probe and m.status == OK and m.saturated is not None and _mean(m.saturated.rates) > 0
    ]
    warnings = list(dict.fromkeys(w for m, _ in found for w in m.warnings))
    bad = [m for m in measured if m.status != OK]
    for one in bad[:1]:
        what = "" if found else "not measured"
        with_callers = f"with {one.callers} callers" if one.callers > 1 else ""
        about = " ".join(x for x in (what, with_callers) if x)
        warnings.append(f"sustained{' ' + about if about else ''}: {one.status}: {one.reason}")
    if not found:
        return None, warnings
    saturated = [s for _, s in found]
    value, low, high = log_interval([_mean(s.rates) for s in saturated])
    probes = [m for m in measured if m.probe and m.status == OK and m.saturated is not None]
    return (
        Sustained(
            value=value,
            low=low,
            high=high,
            unit=f"{unit}/s",
            callers=saturated[0].callers,
            threads=saturated[0].threads,
            processes=len(saturated),
            windows=sum(len(s.rates) for s in saturated),
            slowest=min(min(s.rates) for s in saturated),
            latency_ms=_mean([s.mean_latency_ms for s in saturated]),
            little=max((s.little for s in saturated), key=abs),
            tried={str(m.callers): _mean(m.saturated.rates) for m in probes if m.saturated is not None},
        ),
        warnings,
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
