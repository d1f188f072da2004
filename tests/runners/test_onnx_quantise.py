"""ONNX Runtime's own integers, on this processor whatever it has."""

import numpy
import pytest

import harness
from plugins.runners.onnx_quantise import quantise_dynamic, saturates

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def file(path, weights):
    """A product with weights: (inputs, outputs)."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def answer(path, inputs):
    return onnxruntime.InferenceSession(path).run(None, {"x": inputs})[0]


def test_products_of_the_largest_numbers_do_not_overflow(tmp_path):
    """In pairs they need 17 bits: 255 * 127 * 2."""
    from harness.measure.devices import resolve

    weights = numpy.ones((64, 16), numpy.float32)
    inputs = numpy.ones((4, 64), numpy.float32)
    file(tmp_path / "net.onnx", weights)
    said = quantise_dynamic(tmp_path / "net.onnx", reduced=saturates(resolve("cpu")))
    assert answer(tmp_path / "net.onnx", inputs) == pytest.approx(inputs @ weights, rel=0.02)
    assert said["weight_bits"] == (7 if saturates(resolve("cpu")) else 8)


@pytest.mark.parametrize(
    ("type_", "features", "expected"),
    [
        ("cpu", {"avx2"}, True),
        ("cpu", {"avx2", "avx512_f"}, True),
        ("cpu", {"avx2", "avx512_vnni"}, False),
        ("cpu", {"avx2", "avx_vnni"}, False),
        ("cpu", {"neon"}, False),
        ("cuda", {"sm_90"}, False),
    ],
)
def test_which_processors_overflow(type_, features, expected):
    assert saturates(harness.Device(type_, features=frozenset(features))) == expected
