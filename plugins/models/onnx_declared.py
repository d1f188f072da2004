"""What an ONNX file says of itself: its inputs, and the formats that it has. No weights are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.catalogue.adopted import fixed_batch
from harness.errors import UsageError

_DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}
"""onnx.TensorProto.DataType -> torch's name."""


@dataclass(frozen=True)
class GraphInput:
    """An input as the file declares it."""

    name: str
    dtype: str
    dims: tuple[int | str, ...]
    """Sizes, and names of those that are open."""


@dataclass(frozen=True)
class Declared:
    """What an ONNX file says of itself."""

    inputs: tuple[GraphInput, ...]
    """What the graph takes, weights left out."""
    dtypes: frozenset[str]
    """Formats of what goes in, of weights and of what comes out."""
    firsts: frozenset[int]
    """First sizes of what comes out, where they are fixed."""
    operators: frozenset[tuple[str, str]]
    """(domain, name) of each that the file does not define itself; the domain of ONNX's own is empty."""
    beside: tuple[str, ...]
    """Files with weights, as seen from the file's folder."""

    def is_batch(self, axis: int, size: int | str) -> bool:
        """Whether a size of an input is the batch's: an open one that comes first, here or elsewhere."""
        names = {one.dims[0] for one in self.inputs if one.dims and one.dims[0] != "?"}
        return isinstance(size, str) and (axis == 0 or size in names)

    @property
    def fixed_batch(self) -> int | None:
        """The only batch that it takes; None if the batch is open."""
        if any(self.is_batch(k, d) for one in self.inputs for k, d in enumerate(one.dims)):
            return None
        return fixed_batch([int(one.dims[0]) for one in self.inputs if one.dims], self.firsts)


def read(path: Path, name: str) -> Declared:
    """What the file says; weights that lie beside it are not read.

    Args:
        name: what it is called in messages.

    Raises:
        UsageError: it is no ONNX file, or takes what is no tensor of a known type.
    """
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise UsageError(f"{name} cannot be read as ONNX: {error}") from error
    graph = model.graph
    if not graph.output:
        raise UsageError(f"{name} has no graph in it: it is empty, or no ONNX file")
    weights = {t.name: t.data_type for t in graph.initializer}
    types = [*weights.values(), *(v.type.tensor_type.elem_type for v in (*graph.input, *graph.output))]
    return Declared(
        inputs=tuple(_input(value, name) for value in graph.input if value.name not in weights),
        dtypes=frozenset(_DTYPES[t] for t in types if t in _DTYPES),
        firsts=frozenset(v.type.tensor_type.shape.dim[0].dim_value for v in graph.output if _has_axes(v)),
        operators=frozenset(map(_operator, graph.node)) - {(f.domain, f.name) for f in model.functions},
        beside=tuple(dict.fromkeys(e.value for t in graph.initializer for e in _stored_beside(t))),
    )


def _operator(node: Any) -> tuple[str, str]:
    return "" if node.domain == "ai.onnx" else node.domain, node.op_type


def _stored_beside(tensor: Any) -> list[Any]:
    """Where a tensor's numbers are, if they are not in the file."""
    import onnx

    is_beside = tensor.data_location == onnx.TensorProto.EXTERNAL
    return [entry for entry in tensor.external_data if is_beside and entry.key == "location"]


def _has_axes(value: Any) -> bool:
    return len(value.type.tensor_type.shape.dim) > 0


def _input(value: Any, name: str) -> GraphInput:
    tensor = value.type.tensor_type
    dtype = _DTYPES.get(tensor.elem_type)
    if dtype is None:
        raise UsageError(f"{name}: input {value.name} is no tensor of numbers")
    dims = tuple(d.dim_value or d.dim_param or "?" for d in tensor.shape.dim)
    return GraphInput(value.name, dtype, dims)
