"""Dynamic int8 by ONNX Runtime's own quantiser: weights once, activations at every call."""

from __future__ import annotations

import logging
from pathlib import Path

OPERATORS = ("MatMul", "Gemm")
"""What is quantised. Not convolutions: their integer kernels are slower than float ones on CPUs."""


def quantise_dynamic(path: Path) -> None:
    """Replaces the file's matrix products by integer ones, with one scale for each output channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # it logs advice on preprocessing to the root logger
    beside = path.with_suffix(".quantised")
    try:
        quantize_dynamic(
            path,
            beside,
            op_types_to_quantize=list(OPERATORS),
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    finally:
        logger.setLevel(level)
    for data in path.parent.glob(f"{path.name}.*"):
        data.unlink()
    beside.replace(path)
