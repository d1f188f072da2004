"""Selectors: `axis=value,...`, which pick cases out of a plan or a report."""

from __future__ import annotations

import re

from harness.catalogue.suggest import suggestion
from harness.errors import UsageError
from harness.records.case import AXES


def parse_selector(text: str) -> dict[str, str | int]:
    """`runner=eager,precision=fp32` as axes and values.

    Raises:
        UsageError: a part is no `axis=value`, or the axis is unknown.
    """
    chosen: dict[str, str | int] = {}
    for part in _parts(text):
        axis, equals, value = part.partition("=")
        axis = {"batch": "batch_size"}.get(axis.strip(), axis.strip())
        if not equals or not value.strip():
            raise UsageError(f"{part!r} is no axis=value", f"axes are {', '.join(AXES)}")
        if axis not in AXES:
            raise UsageError(
                f"there is no axis {axis!r}{suggestion(axis, AXES)}", f"axes are {', '.join(AXES)}"
            )
        if axis in ("batch_size", "threads"):
            number = int(value) if re.fullmatch(r"\s*\d{1,7}\s*", value) else 0
            if not 1 <= number <= 1_000_000:
                raise UsageError(f"{axis}={value} is no whole number", "a whole number from 1 to 1000000")
            chosen[axis] = number
        else:
            chosen[axis] = value.strip()
    return chosen


def _parts(text: str) -> list[str]:
    """`runner=compile:mode=x,precision=fp32` is two: a comma continues the parameters of a component
    unless an axis follows it.
    """
    parts: list[str] = []
    for piece in text.split(","):
        key, equals, _ = piece.partition("=")
        if parts and ":" in parts[-1] and equals and key.strip() not in (*AXES, "batch"):
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return [p.strip() for p in parts]
