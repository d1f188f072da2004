"""The process-wide state of torch that changes numbers: set in one place, read back, stored."""

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

    cuDNN keeps an older flag beside the new one, and torch raises wherever it finds the two at odds
    (torch.export does look): so the older one goes first, and both read the same afterwards.
    """
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.fp32_precision = STRICT  # type: ignore[attr-defined]


def allow_tf32() -> None:
    """TF32 for matrix products, convolutions and recurrent layers on CUDA.

    Through the older flags, which set the newer ones too; the other way round they would disagree.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True


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
