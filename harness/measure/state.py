"""The process-wide state of torch that changes numbers: set through one API, read back, stored."""

from __future__ import annotations

import os

STRICT = "ieee"
_OPERATORS = (
    "cuda.matmul",
    "cudnn.conv",
    "cudnn.rnn",
    "mkldnn.matmul",
    "mkldnn.conv",
    "mkldnn.rnn",
)


def set_threads(count: int) -> None:
    """One number of threads for torch and for every runtime loaded later in this process."""
    import torch

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    torch.set_num_threads(count)


def strict_float32() -> None:
    """Turns every reduced float32 mode off, for matrix products and convolutions alike.

    Only the new API is used: mixing it with the older `allow_tf32` raises inside torch.
    """
    import torch

    torch.backends.fp32_precision = STRICT  # type: ignore[attr-defined]


def float32_modes() -> dict[str, str]:
    """What is in force now for each backend and operator: `ieee`, `tf32`, `bf16` or `none`."""
    import torch

    found: dict[str, str] = {}
    for path in _OPERATORS:
        place = torch.backends
        try:
            for part in path.split("."):
                place = getattr(place, part)
            found[path] = str(place.fp32_precision)  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError) as error:
            found[path] = f"unreadable: {error}"
    return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Warnings for every mode that is not what it was."""
    return [
        f"the model or runner changed the float32 mode of {name}: {before[name]} -> {after[name]}"
        for name in before
        if after.get(name) != before[name]
    ]
