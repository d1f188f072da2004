"""From what one replicate timed to its values."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from harness.analyse.statistics import block_medians
from harness.records.events import Timing
from harness.records.packed import unpack_ns

_MOST_MS = 1e12
"""Thirty years: no call took as long, whatever a file says."""


@dataclass(frozen=True)
class Values:
    """One replicate in milliseconds of a call."""

    value: float
    """The mean of its block medians."""
    calls: list[float]
    """Every timed call; where calls are timed many at once, the mean of each lot."""
    together: int
    """How many calls such a lot has; 1 for single calls."""
    blocks: list[float] = field(default_factory=list)
    """The block medians that count."""
    device: float | None = None
    """Device time: the mean over its own blocks."""


def values(timing: Timing) -> Values:
    """The values of a replicate.

    Blocks that the audit found suspect are left out as long as half of the blocks remain; they stay in
    the file, and the calls in them among the calls.

    Raises:
        ValueError: the times are damaged, or there are none.
    """
    together = timing.calls_per_stamp
    if together < 1:
        raise ValueError("a stamp has at least one call")
    calls = [(ns / together - timing.empty_ns) / 1e6 for ns in unpack_ns(timing.calls_ns)]
    medians = block_medians(calls, timing.blocks)
    if not medians or not all(0 < ms < _MOST_MS for ms in medians):
        raise ValueError("no usable call times")
    if not all(0 < ns / 1e6 < _MOST_MS for ns in timing.device_ns):
        raise ValueError("no usable device times")
    if len(timing.noise) == len(medians):
        quiet = [m for m, noise in zip(medians, timing.noise, strict=True) if not noise.flags]
        medians = quiet if 2 * len(quiet) >= len(medians) else medians
    device = statistics.fmean(timing.device_ns) / 1e6 if timing.device_ns else None
    return Values(math.fsum(medians) / len(medians), calls, together, medians, device)
