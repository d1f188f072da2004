"""The process-wide state of torch that changes numbers: set in one place, read back, stored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

STRICT = "ieee"
_FLOAT32 = "float32 mode of"
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


def modes() -> dict[str, str]:
    """Everything in force in this process that changes what is computed, how, or in which format."""
    import torch

    return {
        **{f"{_FLOAT32} {name}": mode for name, mode in float32_modes().items()},
        "default dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "default device": str(torch.get_default_device()),
        "grad mode": _on(torch.is_grad_enabled()),
        "inference mode": _on(torch.is_inference_mode_enabled()),
        "autocast": _on(torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")),
        "deterministic algorithms": _on(torch.are_deterministic_algorithms_enabled()),
        "cudnn.benchmark": _on(torch.backends.cudnn.benchmark),
        "cudnn.deterministic": _on(torch.backends.cudnn.deterministic),
        "oneDNN": _on(bool(torch.backends.mkldnn.enabled)),
        "flushing of subnormal numbers": _on(flushes()),
        "anomaly detection": _on(torch.is_anomaly_enabled()),
        "threads between operators": str(torch.get_num_interop_threads()),
    }


@contextmanager
def set_back(told: list[str], who: str, really: bool = True) -> Iterator[None]:
    """Around code of a plugin that makes something: what it changes for the whole process is told, and what
    would change the formats of all that is made later is set back.

    Args:
        told: gets a sentence for each change.
        who: the subject of the sentences.
        really: False to tell alone.
    """
    import torch

    before = modes()
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield
    finally:
        told += [c for c in changes(before, modes(), who) if c not in told]
        if really:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad)


def _on(is_so: bool) -> str:
    return "on" if is_so else "off"


def flushes() -> bool:
    """Whether this thread takes subnormal numbers for 0; torch only sets that."""
    import torch

    return float(torch.tensor(1e-40) * 1.0) == 0.0


def changes(before: dict[str, str], after: dict[str, str], who: str = "the model or runner") -> list[str]:
    """Warnings for every mode that is not what it was."""
    return [
        f"{who} changed the {name}: {before[name]} -> {after[name]}"
        for name in before
        if after.get(name) != before[name]
    ]
