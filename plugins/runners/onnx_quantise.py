"""Dynamic int8 by ONNX Runtime's own quantiser: weights once, activations at every call."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

OPERATORS = ("MatMul", "Gemm")
"""What is quantised. Not convolutions: their integer kernels are slower than float ones on CPUs."""


STEPS = 127
"""The largest int8 weight: a weight below half a step becomes zero."""


def quantise_dynamic(path: Path, per_channel: bool = True) -> dict[str, Any]:
    """Replaces the file's matrix products by integer ones, and says what that does to their weights.

    Args:
        per_channel: one scale for each output channel, or one for a whole matrix.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    said = weight_loss(path, per_channel)
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
            per_channel=per_channel,
        )
    finally:
        logger.setLevel(level)
    for data in path.parent.glob(f"{path.name}.*"):
        data.unlink()
    beside.replace(path)
    return said


def weight_loss(path: Path, per_channel: bool) -> dict[str, Any]:
    """Of the matrix that loses most: the share of its weights that become zero though they are not, and how
    large the largest is beside their root mean square; and how many matrices there are.
    """
    import numpy
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    weights = {t.name: t for t in model.graph.initializer}
    found: list[tuple[float, float, str]] = []
    for node in model.graph.node:
        if node.op_type not in OPERATORS or len(node.input) < 2 or node.input[1] not in weights:
            continue
        matrix = numpy_helper.to_array(weights[node.input[1]]).astype(numpy.float64)
        if matrix.ndim != 2:
            continue
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        sizes = numpy.abs(matrix)
        step = sizes.max(axis=1 if transposed else 0, keepdims=True) if per_channel else sizes.max()
        zeroed = float(((sizes > 0) & (sizes < step / STEPS / 2)).sum() / max(1, (sizes > 0).sum()))
        rms = float(numpy.sqrt((matrix**2).mean())) or 1.0
        found.append((zeroed, float(sizes.max() / rms), node.input[1]))
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
