"""Any module as a program of torch.export: inputs and outputs are flat, and mapped by position afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import harness

if TYPE_CHECKING:
    import torch


def flattened(module: torch.nn.Module, inputs: harness.Inputs) -> torch.nn.Module:
    """The module as one that takes the tensors of `inputs` in order and returns those of its output.

    Nested and keyword inputs become positional, so their order cannot change; a dataclass output,
    which exporters would refuse, becomes the tensors in it.
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


def exported(module: torch.nn.Module, inputs: harness.Inputs) -> tuple[Any, tuple[torch.Tensor, ...]]:
    """The module as `torch.export.ExportedProgram` at the shapes of `inputs`, and what it was traced with.

    Raises:
        Unsupported: the model has no tensor inputs, or torch.export cannot trace it.
    """
    import torch

    tensors = tuple(t.clone() for t in harness.tensor_leaves((inputs.args, inputs.kwargs)))
    if not tensors:
        raise harness.Unsupported("the model has no tensor inputs, so nothing can be exported")
    flat = flattened(module, inputs)
    with torch.inference_mode(False), torch.no_grad():
        try:
            return torch.export.export(flat, tensors), tensors
        except Exception as error:
            raise harness.Unsupported(
                f"torch.export cannot trace it ({cause(error)}): try -r compile"
            ) from error


def cause(error: BaseException) -> str:
    """What an exporter found, out of the pages of its message."""
    text = str(error.__cause__ or error)
    lines = [line.strip(" -") for line in text.splitlines() if line.strip()]
    telling = [x for x in lines if "batch" in x and ("specialized" in x or "constant" in x or "must" in x)]
    return (telling or lines or [type(error).__name__])[0][:200]
