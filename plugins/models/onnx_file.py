"""A graph that an exporter wrote: `-m net.onnx`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from harness.catalogue.adopted import Adopted, coarsest
from harness.catalogue.drawn import BATCH
from harness.errors import UsageError

from . import onnx_declared
from .onnx_declared import GraphInput

if TYPE_CHECKING:
    import torch


class OnnxFile(Adopted):
    """A file that runners run which read its format; the reference is ONNX Runtime's own, unoptimised."""

    format = "onnx"
    takes_all = True

    @property
    def path(self) -> Path:
        return Path(self.target.where).expanduser()

    @cached_property
    def declared(self) -> onnx_declared.Declared:
        """What the file says of itself.

        Raises:
            UsageError: it is no ONNX file, or takes what is no tensor of a known type.
        """
        return onnx_declared.read(self.path, self.name)

    @property
    def graph_inputs(self) -> tuple[GraphInput, ...]:
        return self.declared.inputs

    @property
    def dtype(self) -> str:
        return coarsest(self.declared.dtypes)

    def takes(self, params: Any) -> tuple[list[str], bool]:
        return [i.name for i in self.graph_inputs], False

    def check(self) -> None:
        """Raises UsageError if sizes other than the batch's are open and nobody says them."""
        super().check()
        self._check_runnable()
        if self.is_described:
            return
        for one in self.graph_inputs:
            sizes = [(d, self.declared.is_batch(k, d)) for k, d in enumerate(one.dims)]
            unknown = [d for d, is_batch in sizes if isinstance(d, str) and not is_batch]
            if unknown:
                words = [BATCH if is_batch else "N" if d in unknown else str(d) for d, is_batch in sizes]
                whole = ",".join(words)
                raise UsageError(
                    f"{self.name}: the sizes {', '.join(unknown)} of input {one.name} are open",
                    f"say them: --input {one.name}={one.dtype}[{whole}]",
                )

    def _check_runnable(self) -> None:
        """Raises UsageError if the runtime that makes the reference could not load the file."""
        gone = [name for name in self.declared.beside if not (self.path.parent / name).is_file()]
        if gone:
            raise UsageError(
                f"{self.name}: its weights are in {', '.join(gone)}, and there is no such file",
                f"put it beside {self.name}, or export with the weights in one file",
            )
        known = _known_operators()
        lacking = sorted(".".join(filter(None, o)) for o in self.declared.operators - known if known)
        if lacking:
            raise UsageError(
                f"{self.name} has operators that ONNX Runtime does not have: {', '.join(lacking)}",
                "export it with operators of ONNX's own, or with their definition as functions in the file",
            )

    def unfit(self, batch_size: int) -> tuple[str, str] | None:
        fixed = self.declared.fixed_batch
        if not self.is_batched or fixed in (None, batch_size):
            return None
        return f"{self.name} was exported for batch {fixed} alone", f"-b {fixed}"

    def example(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(**{one.name: self._drawn(one, batch_size) for one in self.graph_inputs})

    def _drawn(self, one: GraphInput, batch_size: int) -> torch.Tensor:
        """Standard normal numbers; 0 and 1 where a range would have to be known."""
        import torch

        shape = [batch_size if self.declared.is_batch(k, d) else int(d) for k, d in enumerate(one.dims)]
        dtype = getattr(torch, one.dtype)
        return (
            torch.randn(shape).to(dtype) if dtype.is_floating_point else torch.randint(0, 2, shape).to(dtype)
        )

    def input_names(self, inputs: harness.Inputs) -> list[str]:
        """The graph's name of each tensor, in order."""
        return [*[i.name for i in self.graph_inputs[: len(inputs.args)]], *inputs.kwargs]

    def build(self, params: Any) -> torch.nn.Module:
        import torch

        own = self

        class Unoptimised(torch.nn.Module):
            """The graph as it was written, node by node, in the formats that it declares."""

            def __init__(self) -> None:
                super().__init__()
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
                options.log_severity_level = 3
                providers = ["CPUExecutionProvider"]
                self.session = onnxruntime.InferenceSession(str(own.path), options, providers=providers)

            def forward(self, *args: Any, **kwargs: Any) -> Any:
                inputs = harness.Inputs(*args, **kwargs)
                names = own.input_names(inputs)
                tensors = harness.tensor_leaves((args, kwargs))
                feed = {name: t.detach().cpu().numpy() for name, t in zip(names, tensors, strict=True)}
                found = [torch.from_numpy(a) for a in self.session.run(None, feed)]
                return found[0] if len(found) == 1 else tuple(found)

        return Unoptimised()


def _known_operators() -> frozenset[tuple[str, str]]:
    """(domain, name) of each operator that this ONNX Runtime has; none if it was built without a list."""
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    listed = getattr(runtime, "get_all_operator_schema", list)
    return frozenset((schema.domain, schema.name) for schema in listed())
