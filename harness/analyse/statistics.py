"""The statistics of the report, in plain Python: t-intervals, quantiles and their bounds.

A replicate, not a call, is the unit of replication: under 0.5 % of drift a "99 %" interval over
consecutive calls covers the truth in 57 % of cases.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

LEVEL = 0.95


_EXACT = 1e-12
"""Relative width at which the bisection ends; the distribution function is no more exact."""
_NORMAL_FROM = 1e6
"""Degrees of freedom from which on t is the normal distribution to six digits."""


@cache
def t_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t: by bisection of its distribution function.

    The distribution function is the regularised incomplete beta function, by the continued fraction
    of Lentz's method (Numerical Recipes, section 6.4). `freedom` is any number from 1 on, infinity
    included: Welch's interval has a fraction of a degree.
    """
    if not 0 < probability < 1 or not freedom >= 1:
        raise ValueError(f"no quantile of t at {probability} with {freedom} degrees of freedom")
    if probability == 0.5:
        return 0.0
    if freedom > _NORMAL_FROM:
        return statistics.NormalDist().inv_cdf(probability)
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    low, high = 0.0, 1.0
    while _t_cdf(high, freedom) < probability:
        high *= 2
    while high - low > _EXACT * high:
        middle = (low + high) / 2
        if _t_cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_cdf(t: float, freedom: float) -> float:
    """P(T <= t) for t >= 0."""
    return 1 - 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def t_p_value(t: float, freedom: float) -> float:
    """P(|T| >= |t|): how often chance alone goes at least this far, in either direction.

    Computed from the tail itself, so that a very small one is not lost in 1 - P.
    """
    if not freedom >= 1:
        raise ValueError(f"no t with {freedom} degrees of freedom")
    if freedom > _NORMAL_FROM:
        return math.erfc(abs(t) / math.sqrt(2))
    return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): the distribution function of Beta(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + term / c
            c = c if abs(c) > tiny else tiny
            value *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return value


FEW = 10
"""From so many values on their own spread is known well enough."""


def log_interval(
    values: Sequence[float], level: float = LEVEL, least_sd: float = 0.0
) -> tuple[float, float | None, float | None]:
    """(centre, low, high) of positive values: geometric mean and t-interval on the log scale.

    One value has no interval: low and high are None.

    Args:
        least_sd: standard deviation of the logarithms that is known from elsewhere. A few values may lie
            close together by luck: fewer than `FEW` get an interval no narrower than this one gives.
    """
    logs = [math.log(v) for v in values]
    centre = math.fsum(logs) / len(logs)
    if len(logs) < 2:
        return math.exp(centre), None, None
    spread = statistics.stdev(logs) / math.sqrt(len(logs))
    half = t_quantile(0.5 + level / 2, len(logs) - 1) * spread
    if len(logs) < FEW:
        usual = statistics.NormalDist().inv_cdf(0.5 + level / 2) * least_sd / math.sqrt(len(logs))
        half = max(half, usual)
    return math.exp(centre), math.exp(centre - half), math.exp(centre + half)


def quantile(ordered: Sequence[float], share: float) -> float:
    """A quantile of sorted values, linear between neighbours."""
    if not ordered:
        raise ValueError("no values")
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def quantile_bound(ordered: Sequence[float], share: float, confidence: float = 0.99) -> float | None:
    """An upper bound of the quantile that holds with `confidence`; None with too few values.

    With n values of which t lie above L, "quantile <= L" holds at confidence c if
    P(Binomial(n, 1 - share) <= t) <= 1 - c. The bound is the value with the largest such t above it
    (MLPerf LoadGen's rule, early_stopping.cc), at least one: at 99 % that takes 64 calls for the 90th
    percentile and 662 for the 99th.
    """
    n = len(ordered)
    tail, allowed = 0.0, -1
    for t in range(n):
        tail += _binomial(n, t, 1 - share)
        if tail > 1 - confidence:
            break
        allowed = t
    return ordered[n - 1 - allowed] if allowed >= 1 else None


def _binomial(n: int, k: int, p: float) -> float:
    log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log + k * math.log(p) + (n - k) * math.log1p(-p))


def block_medians(values: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """The median of each run of consecutive values; `sizes` says how long each is."""
    edges = [0]
    for size in sizes:
        edges.append(edges[-1] + size)
    return [statistics.median(values[a:b]) for a, b in pairwise(edges) if a < b <= len(values)]
