"""What the samples of one case come to: latency, page faults, the worst verification."""

from __future__ import annotations

import math
import statistics

from harness.analyse.statistics import LEVEL, log_interval, quantile, quantile_bound
from harness.records.events import Sample, Verification
from harness.records.noise import BlockNoise
from harness.records.report import Latency, Percentile


def latency_of(values: list[float], calls: list[float], percentiles: bool, least_sd: float = 0.0) -> Latency:
    """From the values of replicates, and the sorted times of single calls (or blocks)."""
    centre, low, high = log_interval(values, least_sd=least_sd)
    return Latency(
        median=centre,
        low=low,
        high=high,
        level=LEVEL,
        iqr=quantile(calls, 0.75) - quantile(calls, 0.25),
        min=calls[0],
        mean=statistics.fmean(calls),
        replicates=values,
        p90=_percentile(calls, 0.90) if percentiles else None,
        p99=_percentile(calls, 0.99) if percentiles else None,
    )


def audits(samples: list[Sample]) -> list[BlockNoise]:
    """Of every timed block."""
    return [block for s in samples if s.timing is not None for block in s.timing.noise]


def page_faults(samples: list[Sample]) -> float | None:
    """In one timed call: the median over blocks, so that first uses and the audit count for nothing."""
    found = [
        audit.minor_faults / (calls * s.timing.calls_per_stamp)
        for s in samples
        if s.timing is not None
        for audit, calls in zip(s.timing.noise, s.timing.blocks, strict=False)
        if audit.minor_faults is not None and calls
    ]
    return statistics.median(found) if found else None


def _percentile(ordered: list[float], share: float) -> Percentile | None:
    bound = quantile_bound(ordered, share)
    return None if bound is None else Percentile(quantile(ordered, share), bound)


def worst_of(several: list[Verification]) -> Verification:
    """The least right of some verifications of the same case: a failed one, else the largest error."""
    return max(
        several,
        key=lambda v: (not v.passed, math.inf if v.error is None else v.error),
    )
