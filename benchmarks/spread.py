"""A median with its quartiles: how every ratio is reported here."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of some values with the lower and upper quartile, all in the unit of the values."""

    median: float
    low: float
    high: float
    count: int

    def text(self, digits: int = 2) -> str:
        """`1.23 (1.10 to 1.40)`."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles (linear interpolation, both ends included).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high, len(values))


def ratios(values: Sequence[float], against: Sequence[float]) -> Spread:
    """The spread of the ratios of pairs that were measured in the same round."""
    return spread([a / b for a, b in zip(values, against, strict=True)])
