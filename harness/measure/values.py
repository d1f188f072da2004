"""Values that make a measurement say less than it seems to: constant inputs, and numbers too small for the
processor.

On zeros a device draws less power and may run at a higher clock; a cache or a sparse kernel may skip work.
Subnormal numbers are handled in microcode on most CPUs: five to ten times slower and more, or, where a mode
flushes them to zero, something else than the model says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SUBNORMAL = 0.001
"""From this share of subnormal values on they are told."""
MOST = 4_000_000
"""So many values of a tensor are looked at, evenly spread."""


def constant(inputs: Iterable[torch.Tensor]) -> str | None:
    """What to say if every floating-point input has one value throughout; None otherwise."""
    several = [t for t in inputs if t.numel() > 1]
    floats = [t for t in several if t.is_floating_point()]
    if not floats or any(_varies(t) for t in floats):
        return None
    which = "every floating-point input" if any(_varies(t) for t in several) else "every input"
    value = float(floats[0].reshape(-1)[0])
    return (
        f"{which} is constant ({value:g} throughout): real data may be slower, since constants save "
        "power and may be skipped"
    )


def _varies(tensor: torch.Tensor) -> bool:
    return bool((tensor != tensor.reshape(-1)[0]).any())


def subnormal(what: str, tensors: Iterable[torch.Tensor]) -> str | None:
    """What to say if more than `SUBNORMAL` of the values are subnormal; None otherwise.

    Args:
        what: whose values they are: `weights`, `inputs`.
    """
    import torch

    small = total = 0
    for tensor in tensors:
        if not tensor.is_floating_point() or tensor.numel() == 0:
            continue
        flat = tensor.detach().reshape(-1)
        flat = flat[:: max(1, flat.numel() // MOST)]
        least = torch.finfo(tensor.dtype).tiny
        # Compared as float64, since a processor that flushes subnormals would compare zeros.
        sizes = flat.to(torch.float64).abs()
        small += int(((sizes > 0) & (sizes < least)).sum())
        total += flat.numel()
    if not total or small <= SUBNORMAL * total:
        return None
    return (
        f"{small / total:.1%} of its {what} are subnormal: arithmetic on them is many times slower on most "
        "CPUs, and where they are flushed to zero it is another model"
    )
