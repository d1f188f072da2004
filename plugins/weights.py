"""The weights that can be rounded to 8 bits, and what that does to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    import torch

STEPS = 127
"""The largest int8 weight: a weight below half a step becomes zero."""


REDUCED_STEPS = 63
"""The same of weights in 7 bits."""


def lost_in_int8(
    matrices: Iterable[tuple[str, Any]], per_channel: bool = True, steps: int = STEPS
) -> dict[str, Any]:
    """Of the matrix that loses most: the share of its weights that become zero though they are not, and how
    large the largest is beside their root mean square; and how many matrices there are.

    Args:
        matrices: names, and numpy arrays with a row for each output.
        per_channel: one scale for each row, or one for a whole matrix.
        steps: the largest whole number that a weight becomes.
    """
    import numpy

    found: list[tuple[float, float, str]] = []
    for name, weights in matrices:
        matrix = weights.astype(numpy.float64)
        sizes = numpy.abs(matrix)
        step = sizes.max(axis=1, keepdims=True) if per_channel else sizes.max()
        zeroed = float(((sizes > 0) & (sizes < step / steps / 2)).sum() / max(1, (sizes > 0).sum()))
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
    """The linear layers that can be quantised, by name; not those whose weights others read.

    Raises:
        Unsupported: there are none; it says whether there are some of the other kind.
    """
    import torch

    kept = torch.nn.modules.linear.NonDynamicallyQuantizableLinear
    every = {name: m for name, m in module.named_modules() if isinstance(m, torch.nn.Linear)}
    found = {name: layer for name, layer in every.items() if not isinstance(layer, kept)}
    if found:
        return found
    attention = [n for n, m in module.named_modules() if isinstance(m, torch.nn.MultiheadAttention)]
    if attention:
        where = attention[0] or type(module).__name__
        raise harness.Unsupported(
            f"int8 is of linear layers, and those of this model are inside of MultiheadAttention ({where}), "
            "which reads their weights itself and is left as it is: try -p fp32, or -r onnxruntime"
        )
    raise harness.Unsupported("int8 is of linear layers, and this model has none: try -p fp32")
