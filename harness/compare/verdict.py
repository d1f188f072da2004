"""Verdicts: from one number a pair of processes to faster, slower, equivalent or inconclusive.

A value is log(time of new / time of base) of one pair. Everything is decided on this scale, where
swapping the two only changes the sign: the mirror image of a verdict is exact. The processes are the
unit of replication. With rounds or calls as the unit, two processes of the same code are called
different in 3 to 46 % of comparisons instead of 1 %, since each process has a speed of its own
(docs/benchmarks/virtual.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

from harness.analyse.statistics import t_p_value, t_quantile
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Verdict

LEVEL = 0.99
MARGIN = 0.01
POWER = 0.95
MOST_NEEDED = 1000
"""Nobody measures more pairs than this; `needed` is left out above it."""
_LARGEST = 690.0
"""The log of the largest ratio that is printed; a little more is beyond a double."""


def verdict(
    values: Sequence[float],
    level: float = LEVEL,
    margin: float = MARGIN,
    *,
    freedom: int | None = None,
    noisy: str | None = None,
) -> Verdict:
    """The verdict on one new side: the t-interval of the mean of `values`, read as a ratio.

    Args:
        values: log(time new / time base), one for each pair of processes.
        level: of the interval; 0.99 lets chance alone call 1 in 100 different.
        margin: what is too little to matter, as a share: 0.01 reaches from 1 / 1.01 to 1.01.
        freedom: degrees of freedom of t, `len(values) - 1` if None. Where the number of pairs followed
            from their spread, one less than at the first look (`harness.compare.rule`).
        noisy: what to say of a machine that was too noisy. A material difference is called one all the
            same, since noise makes the interval wide and never narrow; anything else is inconclusive. The
            verdict has this reason.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError("a verdict needs finite values")
    mean, error = mean_and_error(values)
    pairs = len(values)
    if error is None:
        reason = "one pair has no interval"
        return Verdict(INCONCLUSIVE, False, _ratio(mean), None, None, level, margin, pairs, reason=reason)
    found = judge(mean, error, freedom or pairs - 1, pairs, level, margin)
    return on_noisy(found, noisy) if noisy else found


def on_noisy(found: Verdict, said: str) -> Verdict:
    """A verdict from a noisy machine: a material difference is one all the same, anything else none."""
    if found.material:
        return replace(found, reason=said)
    return replace(found, word=INCONCLUSIVE, needed=None, reason=said)


def verdicts(
    values: Sequence[Sequence[float]],
    level: float = LEVEL,
    margin: float = MARGIN,
    *,
    freedom: int | None = None,
    noisy: str | None = None,
) -> list[Verdict]:
    """The verdicts on several new sides against one base, in their order: `verdict` with Holm's levels.

    The chance that any side that is no different is called faster or slower stays at 1 - `level`.

    Raises:
        ValueError: a side without values, or one that is not finite.
    """
    levels = holm([p_value(v, freedom) for v in values], level)
    return [
        verdict(v, adjusted, margin, freedom=freedom, noisy=noisy)
        for v, adjusted in zip(values, levels, strict=True)
    ]


def judge(mean: float, error: float, freedom: float, pairs: int, level: float, margin: float) -> Verdict:
    """The verdict on an estimate of a log-ratio and its standard error, however it was made."""
    half = t_quantile(0.5 + level / 2, freedom) * error if error else 0.0
    edge = math.log1p(margin)
    low, high = mean - half, mean + half
    if low > 0 or high < 0:
        word, material = (SLOWER, low > edge) if low > 0 else (FASTER, high < -edge)
    else:
        word, material = (EQUIVALENT if low > -edge and high < edge else INCONCLUSIVE), False
    needed = None
    if word == INCONCLUSIVE:
        needed = pairs_needed(mean, error * math.sqrt(pairs), pairs, level, margin)
    return Verdict(word, material, _ratio(mean), _ratio(low), _ratio(high), level, margin, pairs, needed)


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[float]:
    """The level of each side's interval, so that the intervals that leave 1 out are those Holm rejects.

    The smallest p of k is held against (1 - level) / k, the next against (1 - level) / (k - 1), and so
    on until one is too large; the rest stay at the level of that one (S. Holm, Scandinavian Journal of
    Statistics 6, 1979).
    """
    levels = [level] * len(p_values)
    alpha = 1 - level
    left, stopped = len(p_values), False
    for index in sorted(range(len(p_values)), key=lambda i: p_values[i]):
        levels[index] = 1 - alpha / left
        stopped = stopped or p_values[index] > alpha / left
        left -= not stopped
    return levels


def p_value(values: Sequence[float], freedom: int | None = None) -> float:
    """How often chance alone gives a mean at least this far from 0; 1 for a single pair."""
    mean, error = mean_and_error(values)
    if error is None or mean == 0:
        return 1.0
    return t_p_value(mean / error, freedom or len(values) - 1) if error else 0.0


def pairs_needed(mean: float, sd: float, pairs: int, level: float, margin: float) -> int | None:
    """How many pairs in all would probably settle it, if what was seen so far is the truth.

    Two ways lead out of an inconclusive verdict, and the shorter one counts: the difference seen is
    real and becomes clear of 1, or it is inside the margin and so becomes the whole interval. Each
    takes ((z(1 - alpha/2) + z(power)) * sd / distance)^2 + 2 pairs, the sample size of a normal test
    plus 2 for t, where distance is |mean| the one way and margin - |mean| the other; the factor is 4.22
    at 99 % and a power of 95 %. At least one more than there are; None above 1000.
    """
    distance = max(abs(mean), math.log1p(margin) - abs(mean))
    if distance <= 0:
        return None
    normal = NormalDist()
    factor = normal.inv_cdf(0.5 + level / 2) + normal.inv_cdf(POWER)
    wanted = (factor * sd / distance) ** 2 + 2
    return max(math.ceil(wanted), pairs + 1) if wanted <= MOST_NEEDED else None


def half_width(values: Sequence[float], level: float = LEVEL, freedom: int | None = None) -> float:
    """Of the interval, on the log scale; infinite for a single pair."""
    _, error = mean_and_error(values)
    return math.inf if error is None else t_quantile(0.5 + level / 2, freedom or len(values) - 1) * error


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and its standard error, None for a single value.

    If all values change their sign, so does the mean and nothing else: the sums are exact.
    """
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (count - 1) / count)


def _ratio(log: float) -> float:
    """Two pairs that are far apart have an interval beyond all numbers, and JSON has no infinity."""
    return math.exp(max(-_LARGEST, min(_LARGEST, log)))
