"""Int8 by ONNX Runtime's own quantisers: weights alone, or weights once and activations at every call."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness

from ..weights import REDUCED_STEPS, STEPS, lost_in_int8

OPERATORS = ("MatMul", "Gemm")
"""What is quantised. Not convolutions: their integer kernels are slower than float ones on CPUs."""
BLOCK = 128
"""Weights in a row that share a scale, of weights that are quantised alone."""
IN_FLOAT32 = 1
"""Of `MatMulNBits`: the format it multiplies in. Left to itself it may round activations to int8, too."""


def saturates(device: harness.Device) -> bool:
    """Whether the processor adds products of 8 bits in pairs in 16 bits, which is one too few: AVX2 and
    AVX-512 without VNNI. What overflows is cut off.
    """
    vnni = {"avx512_vnni", "avx_vnni"}
    return device.type == "cpu" and "avx2" in device.features and not vnni & device.features


def quantise_dynamic(path: Path, per_channel: bool = True, reduced: bool = False) -> dict[str, Any]:
    """Replaces the file's matrix products by integer ones, and says what that does to their weights.

    Args:
        per_channel: one scale for each output channel, or one for a whole matrix.
        reduced: weights in 7 bits, whose products do not overflow.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    said = _known_loss(path, per_channel, REDUCED_STEPS if reduced else STEPS)
    beside = path.with_suffix(".quantised")
    with _quiet():
        quantize_dynamic(
            path,
            beside,
            op_types_to_quantize=list(OPERATORS),
            weight_type=QuantType.QInt8,
            per_channel=per_channel,
            reduce_range=reduced,
        )
    _replace(path, beside)
    bits = 7 if reduced else 8
    return {"by": "onnxruntime.quantization.quantize_dynamic", "weight_bits": bits, **said}


def quantise_weights(path: Path, per_channel: bool = True) -> dict[str, Any]:
    """Replaces the file's matrix products by ones with weights in int8, multiplied in float32.

    Raises:
        Unsupported: a scale for a whole matrix is asked for, which this quantiser does not have.
    """
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.onnx_model import ONNXModel

    if not per_channel:
        raise harness.Unsupported(f"its weights have a scale for {BLOCK} in a row: leave per_channel out")
    said = _known_loss(path, per_channel)
    model = ONNXModel(onnx.load(path))
    model.replace_gemm_with_matmul()
    beside = path.with_suffix(".quantised")
    with _quiet():
        quantiser = MatMulNBitsQuantizer(
            model.model, bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=IN_FLOAT32
        )
        quantiser.process()
        quantiser.model.save_model_to_file(str(beside))
    _replace(path, beside)
    return {"by": f"MatMulNBits of 8 bits, a scale for {BLOCK} in a row", **said}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantisers log advice on preprocessing, and each step that they take."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _replace(path: Path, beside: Path) -> None:
    """Puts a file in the place of another, and of the weights that lay beside it."""
    for data in path.parent.glob(f"{path.name}.*"):
        data.unlink()
    beside.replace(path)


def _known_loss(path: Path, per_channel: bool, steps: int = STEPS) -> dict[str, Any]:
    """What is lost; with nothing to quantise it would be float32 under another name: Unsupported."""
    said = weight_loss(path, per_channel, steps)
    if not said["matrices"]:
        raise harness.Unsupported("int8 is of linear layers, and this model has none: try -p fp32")
    return said


def weight_loss(path: Path, per_channel: bool, steps: int = STEPS) -> dict[str, Any]:
    """What int8 does to the weights of the file's matrix products; see `lost_in_int8`."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    weights = {t.name: t for t in model.graph.initializer}

    def matrices() -> Iterator[tuple[str, Any]]:
        for node in model.graph.node:
            if node.op_type not in OPERATORS or len(node.input) < 2 or node.input[1] not in weights:
                continue
            matrix = numpy_helper.to_array(weights[node.input[1]])
            if matrix.ndim == 2:
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                yield node.input[1], matrix if transposed else matrix.T

    return lost_in_int8(matrices(), per_channel, steps)
