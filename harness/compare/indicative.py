"""Verdicts on two stored runs: Welch's interval on the logarithms of the replicates' values.

They are indicative only. Two sessions on one machine differ by more than their replicates do: what the
neighbours, the clock and the kernel do from one hour to the next is in neither run's spread. Where that
is known from a calibration, it belongs into the variance (`session_sd`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analyse.statistics import t_quantile, t_tails
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Verdict

POWER = 0.95
"""With how many replicates an inconclusive comparison would end in a verdict, in 95 of 100 times."""
MOST = 10_000
"""More replicates than this nobody makes."""
_SHORTEST, _LONGEST = 1e-7, 1e12
"""Milliseconds: a tenth of a nanosecond, and thirty years."""
_LARGEST = 690.0
"""The logarithm of the largest ratio that is printed; a little more is beyond a double."""


@dataclass(frozen=True)
class Values:
    """What is compared: the value of every replicate (ms), each from a process of its own; at least one."""

    base: Sequence[float]
    new: Sequence[float]

    def usable(self) -> bool:
        """Whether these can be times of calls at all: a stranger's file may hold anything."""
        sides = (self.base, self.new)
        return all(sides) and all(_SHORTEST < v < _LONGEST for side in sides for v in side)


@dataclass(frozen=True)
class _Estimate:
    """The logarithm of new over base, with what its interval needs."""

    centre: float
    error: float
    """The standard error of `centre`."""
    freedom: float
    spread: float
    """Standard deviation of one replicate of each side together."""
    pairs: int

    def half(self, level: float) -> float:
        return self.error and t_quantile(0.5 + level / 2, self.freedom) * self.error

    @property
    def p(self) -> float:
        """The probability of a difference as large as this one between equals."""
        if self.error == 0:
            return float(self.centre == 0)
        return t_tails(self.centre / self.error, self.freedom)


def verdicts(
    compared: Sequence[Values], level: float, margin: float, session_sd: float | None = None
) -> list[Verdict]:
    """A verdict on each of several comparisons; `level` holds for all of them together (Holm).

    Args:
        session_sd: standard deviation, on the log scale, of a session's effect on all its replicates;
            None if it is not known, which is not the same as none.

    Every one of `compared` must be usable.
    """
    estimates = [_estimate(values, session_sd or 0.0) for values in compared]
    levels = _holm([None if e is None else e.p for e in estimates], level)
    return [
        _single(values, level, margin) if e is None else _verdict(e, own, margin, session_sd or 0.0)
        for values, e, own in zip(compared, estimates, levels, strict=True)
    ]


def _estimate(values: Values, session_sd: float) -> _Estimate | None:
    """Welch's test with Satterthwaite's degrees of freedom; None with too few values.

    The sessions' variance counts as known: it takes no degree of freedom.
    """
    sides = (values.base, values.new)
    if any(len(side) < 2 for side in sides):
        return None
    logs = [[math.log(v) for v in side] for side in sides]
    variances = [statistics.variance(side) for side in logs]
    parts = [v / len(side) for v, side in zip(variances, logs, strict=True)]
    total = math.fsum(parts) + 2 * session_sd**2
    uncertain = math.fsum(part**2 / (len(side) - 1) for part, side in zip(parts, logs, strict=True))
    return _Estimate(
        centre=statistics.fmean(logs[1]) - statistics.fmean(logs[0]),
        error=math.sqrt(total),
        freedom=total**2 / uncertain if uncertain > 0 else math.inf,
        spread=math.sqrt(math.fsum(variances)),
        pairs=min(map(len, sides)),
    )


def _holm(p_values: Sequence[float | None], level: float) -> list[float]:
    """The level of each interval so that all verdicts together err with 1 - `level` at most.

    Holm's procedure (1979): the smallest of k p-values is held against alpha / k, the next against
    alpha / (k - 1), and so on; from the first that fails on, all are held against what it failed.
    """
    levels = [level] * len(p_values)
    known = [(p, k) for k, p in enumerate(p_values) if p is not None]
    own, failed = level, False
    for rank, (p, k) in enumerate(sorted(known)):
        if not failed:
            alpha = (1 - level) / (len(known) - rank)
            own, failed = 1 - alpha, p > alpha
        levels[k] = own
    return levels


def _verdict(estimate: _Estimate, level: float, margin: float, session_sd: float) -> Verdict:
    centre, half, edge = estimate.centre, estimate.half(level), math.log1p(margin)
    low, high = centre - half, centre + half
    word = INCONCLUSIVE
    if low > 0 or high < 0:
        word = SLOWER if low > 0 else FASTER
    elif -edge < low and high < edge:
        word = EQUIVALENT
    needed, reason = None, None
    if word == INCONCLUSIVE:
        needed = _needed(estimate, level, edge, session_sd)
        if needed is None:
            reason = "no number of replicates would tell: sessions differ too much"
    return Verdict(
        word=word,
        material=word in (FASTER, SLOWER) and (low > edge or high < -edge),
        ratio=math.exp(centre),
        low=_exp(low),
        high=_exp(high),
        level=level,
        margin=margin,
        pairs=estimate.pairs,
        needed=needed,
        reason=reason,
    )


def _needed(estimate: _Estimate, level: float, edge: float, session_sd: float) -> int | None:
    """Replicates of each side that would decide, if the difference is as large as it looks.

    What is to be seen is the difference itself, or that it is inside the margin, whichever is easier:
    n = (z * spread / that)^2 + 2 with z of the level and of the power; None if no number is enough.
    """
    normal = statistics.NormalDist()
    z = normal.inv_cdf(0.5 + level / 2) + normal.inv_cdf(POWER)
    easier = max(abs(estimate.centre), edge - abs(estimate.centre))
    left = easier**2 - 2 * (z * session_sd) ** 2
    if left <= 0:
        return None
    needed = math.ceil((z * estimate.spread) ** 2 / left) + 2
    return min(MOST, max(needed, estimate.pairs + 1))


def _single(values: Values, level: float, margin: float) -> Verdict:
    sides = (("base", values.base), ("new", values.new))
    few = [name for name, side in sides if len(side) < 2]
    where = "base and new have" if len(few) == 2 else f"{few[0]} has"
    centre = math.fsum(map(math.log, values.new)) / len(values.new)
    centre -= math.fsum(map(math.log, values.base)) / len(values.base)
    return Verdict(
        word=INCONCLUSIVE,
        material=False,
        ratio=math.exp(centre),
        low=None,
        high=None,
        level=level,
        margin=margin,
        pairs=min(len(values.base), len(values.new)),
        reason=f"{where} a single replicate, and so no interval",
    )


def _exp(log: float) -> float:
    """A ratio that JSON can hold: two replicates far apart have an interval beyond all numbers."""
    return math.exp(max(-_LARGEST, min(_LARGEST, log)))
