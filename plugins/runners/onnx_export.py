"""Any module to an ONNX file: inputs and outputs are flattened, and mapped by position afterwards."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    import torch


def input_names(inputs: harness.Inputs) -> list[str]:
    """The names the exported graph's inputs get: `x` for one tensor, else `x0`, `x1`, ..."""
    count = len(harness.tensor_leaves((inputs.args, inputs.kwargs)))
    return ["x"] if count == 1 else [f"x{k}" for k in range(count)]


def flattened(module: torch.nn.Module, inputs: harness.Inputs) -> torch.nn.Module:
    """The module as one that takes the tensors of `inputs` in order and returns those of its output.

    Nested and keyword inputs become positional, so their order cannot change; a dataclass output,
    which the exporter would refuse, becomes the tensors in it.
    """
    import torch

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
            waiting = iter(tensors)
            rebuilt = inputs.map(lambda _: next(waiting))
            output = self.module(*rebuilt.args, **rebuilt.kwargs)
            return tuple(harness.tensor_leaves(output))

    return Flat().eval()


def export(module: torch.nn.Module, inputs: harness.Inputs, path: Path) -> None:
    """Writes the module as ONNX, at the shapes of `inputs`, with torch's dynamo exporter.

    Raises:
        Unsupported: the model has no tensor inputs, or the exporter cannot take it.
    """
    import torch

    tensors = harness.tensor_leaves((inputs.args, inputs.kwargs))
    if not tensors:
        raise harness.Unsupported("the model has no tensor inputs, so nothing can be exported")
    with torch.inference_mode(False), torch.no_grad(), _silence():
        program = torch.onnx.export(
            flattened(module, inputs),
            tuple(t.clone() for t in tensors),
            dynamo=True,
            input_names=input_names(inputs),
            optimize=True,
            verbose=False,
        )
        assert program is not None
        program.save(str(path))


@contextlib.contextmanager
def _silence() -> Any:
    """The exporter's chatter on stdout and in warnings, kept out of the log's last lines."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
