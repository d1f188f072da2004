"""The weights that can be rounded to 8 bits, and what that does to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

STEPS = 127
"""The largest int8 weight: a weight below half a step becomes zero."""


def lost_in_int8(matrices: Iterable[tuple[str, Any]], per_channel: bool = True) -> dict[str, Any]:
    """Of the matrix that loses most: the share of its weights that become zero though they are not, and how
    large the largest is beside their root mean square; and how many matrices there are.

    Args:
        matrices: names, and numpy arrays with a row for each output.
        per_channel: one scale for each row, or one for a whole matrix.
    """
    import numpy

    found: list[tuple[float, float, str]] = []
    for name, weights in matrices:
        matrix = weights.astype(numpy.float64)
        sizes = numpy.abs(matrix)
        step = sizes.max(axis=1, keepdims=True) if per_channel else sizes.max()
        zeroed = float(((sizes > 0) & (sizes < step / STEPS / 2)).sum() / max(1, (sizes > 0).sum()))
        rms = float(numpy.sqrt((matrix**2).mean())) or 1.0
        found.append((zeroed, float(sizes.max() / rms), name))
    if not found:
        return {"matrices": 0}
    zeroed, peak, name = max(found)
    return {
        "matrices": len(found),
        "worst": name,
        "zeroed_share": round(zeroed, 4),
        "peak_over_rms": round(peak, 1),
        "per_channel": per_channel,
    }


def linear_layers(module: torch.nn.Module) -> dict[str, torch.nn.Linear]:
    """The linear layers that can be quantised, by name; not those whose weights others read."""
    import torch

    kept = torch.nn.modules.linear.NonDynamicallyQuantizableLinear
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, torch.nn.Linear) and not isinstance(layer, kept)
    }
