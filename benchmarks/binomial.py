"""How sure a count of errors makes of their rate."""

from __future__ import annotations

from harness.analyse.statistics import incomplete_beta


def clopper_pearson(errors: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """(lower, upper) bound of a rate, each of which holds on its own with `confidence`.

    The exact bounds of C. Clopper and E. Pearson (Biometrika 26, 1934): the upper one is the rate at
    which so few errors or fewer have the probability 1 - confidence. 0 of 299 bounds a rate by 1 %.

    Raises:
        ValueError: no trials, or more errors than trials.
    """
    if not 0 <= errors <= trials or trials < 1:
        raise ValueError(f"{errors} errors in {trials} trials")
    lower = _solve(1 - confidence, errors, trials - errors + 1) if errors else 0.0
    upper = _solve(confidence, errors + 1, trials - errors) if errors < trials else 1.0
    return lower, upper


def _solve(probability: float, a: int, b: int) -> float:
    """The quantile of Beta(a, b)."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if incomplete_beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def share(errors: int, trials: int) -> str:
    """`12 of 1000, 1.20 %`."""
    return f"{errors} of {trials}, {100 * errors / trials:.2f} %"
