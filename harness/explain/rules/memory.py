"""Why reduced precision does or does not save memory."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.said import bytes_text, finding
from harness.explain.scene import Row
from harness.records.finding import Finding

_SAME, _HALF = 0.1, 0.65
_MIB = 1 << 20


def memory(row: Row) -> Iterator[Finding]:
    """Weights that are kept in the wide format and cast in every call; or weights of half the size."""
    base = row.baseline
    if base is None or row.same("precision"):
        return
    mine, theirs = row.record.memory_mib, base.record.memory_mib
    if mine is None or theirs is None or not mine.weights or not theirs.weights:
        return
    peak, base_peak = _peak(row), _peak(base)
    evidence = {
        "weights_mib": mine.weights,
        "baseline_weights_mib": theirs.weights,
        "peak_mib": peak,
        "baseline_peak_mib": base_peak,
    }
    demand = row.demand
    casts = demand.weight_casts if demand else 0
    if abs(mine.weights / theirs.weights - 1) < _SAME and casts:
        yield finding(
            "weights-kept",
            "no gain",
            row,
            f"needs as much memory for weights as {base.words} ({bytes_text(mine.weights * _MIB)})",
            f"the weights stay as they are, and {casts} of them are cast in every call; weights "
            "that are cast once "
            "save the memory",
            {**evidence, "weight_casts": casts},
        )
    elif mine.weights / theirs.weights < _HALF:
        yield finding(
            "weights-cast",
            "gain",
            row,
            f"needs {bytes_text(mine.weights * _MIB)} for weights, {base.words} "
            f"{bytes_text(theirs.weights * _MIB)}",
            "the weights themselves are in the smaller format",
            evidence,
        )


def _peak(row: Row) -> float | None:
    found = row.record.memory_mib
    if found is None:
        return None
    return found.device_allocated_peak if found.device_allocated_peak is not None else found.host_run_peak
