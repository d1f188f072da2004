"""Numbers as people read them: three significant digits, a space between thousands."""

from __future__ import annotations

import math

NOTHING = "-"


def significant(value: float | None, digits: int = 3) -> str:
    """4.02, 0.148, 12.3, 1 230; `-` for nothing. Never an exponent between 1e-3 and 1e15."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 < magnitude < 15:
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
    rounded = round(value, digits - 1 - magnitude)
    # Rounding up may have gained a digit: 9.996 is 10.0 and not 10.00.
    magnitude = math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(0, digits - 1 - magnitude)}f}".replace(",", " ")


def small(value: float | None) -> str:
    """An error: 8e-6, 0.03; two digits are one too many for what it says."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if value >= 0.001:
        return significant(value, 2)
    return f"{value:.0e}".replace("e-0", "e-")


def seconds(value: float | None) -> str:
    """0.1, 2.5, 73: tenths below ten."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def duration(value: float) -> str:
    """45 s, 3 min 20 s, 1 h 5 min."""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def half_width(low: float | None, high: float | None) -> float | None:
    """The relative half-width of an interval on the log scale: half of 4 % from end to end is 2 %."""
    if low is None or high is None or not 0 < low <= high:
        return None
    return math.sqrt(high / low) - 1


def percent(share: float | None) -> str:
    """A share as per cent: 0.4 %, 2 %, 30 %."""
    if share is None or not math.isfinite(share):
        return NOTHING
    value = 100 * share
    if value > 100:
        return ">100 %"
    return f"{value:.1f} %" if value < 0.95 else f"{value:.0f} %"


LONGEST = 2000
"""Characters of a stranger's text that are shown; a table would be as wide as its longest cell."""


def safe(text: str) -> str:
    """Text of a stranger on one line: control characters, escape sequences among them, made visible, and of
    a very long one the beginning.
    """
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} ... ({len(text) - LONGEST} more characters)"
    return visible(text)


def visible(text: str) -> str:
    """The same in full."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
