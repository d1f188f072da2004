"""What a model takes: its input tensors by name, with their shapes and types, read off its examples."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.components import Inputs
from harness.measure.leaves import tensor_leaves

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Field:
    """One input tensor."""

    name: str
    shape: tuple[int, ...]
    """Without the batch axis, if it has one."""
    dtype: torch.dtype
    batched: bool
    """Whether its first axis is the batch."""

    def __str__(self) -> str:
        sizes = [*(["batch"] if self.batched else []), *map(str, self.shape)]
        return f"({', '.join(sizes)}) of {str(self.dtype).removeprefix('torch.')}"


@dataclass(frozen=True)
class Template:
    """All input tensors in order, and an example whose nesting real inputs are put into."""

    fields: tuple[Field, ...]
    example: Inputs

    def inputs(self, tensors: list[torch.Tensor]) -> Inputs:
        """The tensors, one for each field, in the model's own nesting."""
        waiting = iter(tensors)
        return self.example.map(lambda _: next(waiting))

    def padded(self, inputs: Inputs, count: int, size: int) -> Inputs:
        """Inputs of `count` samples with the last one repeated until they are `size`."""
        import torch

        batched = iter([f.batched for f in self.fields])

        def pad(tensor: torch.Tensor) -> torch.Tensor:
            if not next(batched):
                return tensor
            return torch.cat([tensor, tensor[-1:].expand(size - count, *tensor.shape[1:])])

        return inputs.map(pad)


def read(two: Inputs, three: Inputs, module: torch.nn.Module) -> Template:
    """The template behind a model's examples at batch sizes 2 and 3.

    A tensor whose first axis is 2 in the one and 3 in the other has the batch there.
    """
    names = _names(two, module)
    pairs = zip(_leaves(two), _leaves(three), strict=True)
    fields = []
    for name, (first, second) in zip(names, pairs, strict=True):
        batched = first.dim() > 0 and (first.shape[0], second.shape[0]) == (2, 3)
        shape = tuple(first.shape[1:] if batched else first.shape)
        fields.append(Field(name, shape, first.dtype, batched))
    return Template(tuple(fields), two)


def _leaves(inputs: Inputs) -> list[torch.Tensor]:
    return tensor_leaves((inputs.args, inputs.kwargs))


def _names(inputs: Inputs, module: torch.nn.Module) -> list[str]:
    """A name for each tensor: the parameter of `forward`, and within a container the way to it."""
    parameters = inspect.signature(module.forward).parameters.values()
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found: list[str] = []
    for k, value in enumerate(inputs.args):
        found += _paths(value, known[k] if k < len(known) else f"x{k}")
    for name, value in inputs.kwargs.items():
        found += _paths(value, name)
    return found


def _paths(value: Any, path: str) -> Iterator[str]:
    """The names of the tensors in `value`, in the order of `harness.measure.leaves.tensor_leaves`."""
    if isinstance(value, Mapping):
        parts = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", range(len(value)))
        parts = [(str(n), v) for n, v in zip(names, value, strict=True)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    else:
        if tensor_leaves(value):
            yield path
        return
    for name, part in parts:
        yield from _paths(part, f"{path}.{name}")
