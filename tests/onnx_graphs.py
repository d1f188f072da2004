"""Small ONNX graphs, written node by node."""

from __future__ import annotations

import numpy
from onnx import TensorProto, helper, numpy_helper, save

FLOAT16, FLOAT32, FLOAT64, BOOL = (
    TensorProto.FLOAT16,
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.BOOL,
)


def write(path, inputs, nodes, output, weights=(), opset=20, **saving):
    """A file of a graph with one output `y`.

    Args:
        inputs: (name, type, dims) of each.
        nodes: (operator, inputs, output), or the same with a domain.
        output: (type, dims).
        weights: name -> array.
    """
    made = [
        helper.make_node(op, list(takes), [gives], domain=(domain or [""])[0])
        for op, takes, gives, *domain in nodes
    ]
    graph = helper.make_graph(
        made,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info("y", *output)],
        [numpy_helper.from_array(numpy.asarray(a), n) for n, a in dict(weights).items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path, **saving)
    return path


def layers(path, dtype, size=16):
    """A few layers in one format, weights and all."""
    kind = {"float16": FLOAT16, "float32": FLOAT32, "float64": FLOAT64}[dtype]
    drawn = numpy.random.default_rng(0)
    weights = {n: drawn.standard_normal((size, size)).astype(dtype) for n in ("v", "w")}
    nodes = [("MatMul", ("x", "v"), "a"), ("Relu", ("a",), "b"), ("MatMul", ("b", "w"), "y")]
    return write(path, [("x", kind, ["batch", size])], nodes, (kind, ["batch", size]), weights)
