"""Numbers of the command line: NaN and infinity are in no range, though Python would let them through."""

from __future__ import annotations

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A finite number within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; a click error for what is none, or not in the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number) and isinstance(value, str):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number
