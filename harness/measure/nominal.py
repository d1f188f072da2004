"""Whether a precision is one in name only: its output has an error that its format cannot have."""

from __future__ import annotations

_BELOW = 100.0
"""The error of a format is some share of the distance between its neighbouring numbers, made larger by every
product it goes through: so far below it lies none."""
_INTEGERS = {"int8": 1 / 127, "uint8": 1 / 127, "int4": 1 / 7}
"""Distances of what is rounded to whole numbers, over its largest value."""


def floor(dtype: str) -> float | None:
    """The error that every format of this name leaves in the outputs of a model; None where it leaves as good
    as none.

    Args:
        dtype: as torch names it.
    """
    import torch

    if dtype in ("float32", "float64"):
        return None
    found = getattr(torch, dtype, None)
    if isinstance(found, torch.dtype) and found.is_floating_point:
        return float(torch.finfo(found).eps) / _BELOW
    step = _INTEGERS.get(dtype)
    return None if step is None else step / _BELOW


def in_name_only(dtype: str, error: float | None) -> str | None:
    """What to say of an output that is closer to the reference than its format can come; None otherwise.

    An error of exactly 0 says nothing: small whole numbers are the same in any format.
    """
    least = floor(dtype)
    if least is None or not error or error >= least:
        return None
    return (
        f"{dtype} perhaps in name only: its error of {error:.1g} is less than rounding to {dtype} leaves in "
        "nearly all models (not where outputs are saturated, or weights are numbers that it has exactly)"
    )
