"""Any module to an ONNX file: inputs and outputs are flattened, and mapped by position afterwards."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

from .exporting import cause, flattened

if TYPE_CHECKING:
    import torch


def input_names(inputs: harness.Inputs) -> list[str]:
    """The names the exported graph's inputs get: `x` for one tensor, else `x0`, `x1`, ..."""
    return _names("x", len(harness.tensor_leaves((inputs.args, inputs.kwargs))))


def _names(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{k}" for k in range(count)]


def export(
    module: torch.nn.Module,
    inputs: harness.Inputs,
    path: Path,
    batch_size: int | None = None,
    options: harness.ExportOptions | None = None,
) -> list[str]:
    """Writes the module as ONNX with torch's dynamo exporter, its outputs named `output`, ...

    Args:
        batch_size: the batch size of `inputs`, for a dynamic export: the first axis of every tensor
            of that length stays open.
        options: the range of batch sizes; the shapes of `inputs` where it is left out.

    Returns:
        what the exporter had to say, each in one line.

    Raises:
        Unsupported: the model has no tensor inputs, or its batch size cannot be kept open.
    """
    import torch

    tensors = [t.clone() for t in harness.tensor_leaves((inputs.args, inputs.kwargs))]
    if not tensors:
        raise harness.Unsupported("the model has no tensor inputs, so nothing can be exported")
    flat = flattened(module, inputs)
    more: dict[str, Any] = {}
    open_axes: list[dict[int, Any] | None] = []
    dynamic = options is not None and options.dynamic
    if options is not None:
        with torch.inference_mode():
            more["output_names"] = _names("output", len(flat(*tensors)))
    if options is not None and options.dynamic:
        batch = torch.export.Dim("batch", min=options.smallest_batch, max=options.largest_batch)
        open_axes = [{0: batch} if t.dim() and t.shape[0] == batch_size else None for t in tensors]
        more["dynamic_shapes"] = (tuple(open_axes),)
    with torch.inference_mode(False), torch.no_grad(), _listening() as said:
        try:
            program = torch.onnx.export(
                flat,
                tuple(tensors),
                dynamo=True,
                input_names=input_names(inputs),
                optimize=True,
                verbose=False,
                **more,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            if dynamic:
                text = f"the exporter cannot keep the batch size open ({cause(error)}): try --static"
                raise harness.Unsupported(text) from error
            raise harness.Unsupported(f"the ONNX exporter cannot take it ({cause(error)})") from error
        assert program is not None
        program.save(str(path))
    if dynamic:
        _check_open(path, [name for name, axes in zip(input_names(inputs), open_axes, strict=True) if axes])
    return said


def _check_open(path: Path, names: list[str]) -> None:
    """The exporter may fix a batch size that the model's code depends on, without a word."""
    import onnx

    for value in onnx.load(path, load_external_data=False).graph.input:
        first = value.type.tensor_type.shape.dim[0] if value.name in names else None
        if first is not None and not first.dim_param:
            raise harness.Unsupported(
                f"the exporter fixed the batch size at {first.dim_value}, since the model's code depends on "
                "it: try --static"
            )


_NOISE = ("torchvision", "The axis name: batch will not be used", "LeafSpec", "is deprecated", "copyreg")
"""Nothing that concerns the model: extensions that are not installed, torch's own deprecations."""


class _Messages(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        _note(self.said, record.getMessage())


def _note(said: list[str], text: str) -> None:
    line = " ".join(text.split())[:300]
    if line and line not in said and not any(word in line for word in _NOISE):
        said.append(line)


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """What the exporter logs and warns of, instead of on the terminal; its chatter on stdout is dropped."""
    said: list[str] = []
    logger = logging.getLogger("torch.onnx")
    handler, propagate = _Messages(said), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("always")
            yield said
        for warning in caught:
            _note(said, str(warning.message))
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
