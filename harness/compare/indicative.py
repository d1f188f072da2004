"""Verdicts on two stored runs: Welch's interval on the logarithms of the replicates' values.

They are indicative only. Two sessions on one machine differ by more than their replicates do: what the
neighbours, the clock and the kernel do from one hour to the next is in neither run's spread. Where that
is known from a calibration, it belongs into the variance (`session_sd`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analyse.statistics import t_p_value
from harness.compare.verdict import POWER, holm, judge
from harness.records.comparison import INCONCLUSIVE, Verdict

MOST = 100
"""More passes than this `harness run` does not make."""
SESSIONS = "no number of replicates would tell: sessions differ too much"
MANY = "it would take more than a hundred passes of each: compare them live, without --runs"
_SHORTEST, _LONGEST = 1e-7, 1e12
"""Milliseconds: a tenth of a nanosecond, and thirty years."""


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

    @property
    def p(self) -> float:
        """The probability of a difference as large as this one between equals."""
        if self.error == 0:
            return float(self.centre == 0)
        return t_p_value(self.centre / self.error, self.freedom)


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
    adjusted = iter(holm([e.p for e in estimates if e is not None], level))
    levels = [level if e is None else next(adjusted) for e in estimates]
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
        freedom=max(1.0, total**2 / uncertain) if uncertain > 0 else math.inf,
        spread=math.sqrt(math.fsum(variances)),
        pairs=min(map(len, sides)),
    )


def _verdict(estimate: _Estimate, level: float, margin: float, session_sd: float) -> Verdict:
    found = judge(estimate.centre, estimate.error, estimate.freedom, estimate.pairs, level, margin)
    if found.word != INCONCLUSIVE:
        return found
    needed = _needed(estimate, level, math.log1p(margin), session_sd)
    reason = None
    if needed is None:
        lost = _left(estimate, level, math.log1p(margin), session_sd) <= 0
        reason = SESSIONS if lost else MANY
    return replace(found, needed=needed, reason=reason)


def _needed(estimate: _Estimate, level: float, edge: float, session_sd: float) -> int | None:
    """Replicates of each side that would decide, if the difference is as large as it looks.

    What is to be seen is the difference itself, or that it is inside the margin, whichever is easier:
    n = (z * spread / that)^2 + 2 with z of the level and of the power; None if no number is enough.
    """
    left = _left(estimate, level, edge, session_sd)
    if left <= 0:
        return None
    needed = math.ceil((_z(level) * estimate.spread) ** 2 / left) + 2
    return max(needed, estimate.pairs + 1) if needed <= MOST else None


def _z(level: float) -> float:
    normal = statistics.NormalDist()
    return normal.inv_cdf(0.5 + level / 2) + normal.inv_cdf(POWER)


def _left(estimate: _Estimate, level: float, edge: float, session_sd: float) -> float:
    """The square of what is to be seen, less what sessions take of it."""
    easier = max(abs(estimate.centre), edge - abs(estimate.centre))
    return easier**2 - 2 * (_z(level) * session_sd) ** 2


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
