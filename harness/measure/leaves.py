"""Walks through any nesting of containers to the tensors in it.

Tuples, named tuples, lists, mappings (transformers' ModelOutput is one) and dataclasses are opened,
in the order they hold their items; None and plain Python values are passed over.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def tensor_leaves(value: Any) -> list[torch.Tensor]:
    """All tensors in `value`, in order. numpy arrays count as tensors."""
    import torch

    found: list[torch.Tensor] = []

    def visit(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, Mapping):
            for part in item.values():
                visit(part)
        elif isinstance(item, (tuple, list)):
            for part in item:
                visit(part)
        elif dataclasses.is_dataclass(item) and not isinstance(item, type):
            for field in dataclasses.fields(item):
                visit(getattr(item, field.name))
        elif type(item).__module__ == "numpy" and hasattr(item, "dtype"):
            found.append(torch.as_tensor(item))

    visit(value)
    return found


def copied(tensor: torch.Tensor) -> torch.Tensor:
    """A copy on the CPU of the numbers alone, without the gradients and the class that they come with."""
    import torch

    return tensor.detach().to("cpu", copy=True).as_subclass(torch.Tensor)


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nesting with every tensor replaced; containers are rebuilt, never changed in place."""
    import torch

    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        items = {k: map_tensors(v, change) for k, v in value.items()}
        if type(value) is dict:
            return items
        if isinstance(value, dict) and not dataclasses.is_dataclass(value):
            rebuilt = copy.copy(value)  # keeps what else it has: a default factory, say
            rebuilt.update(items)
            return rebuilt
        # A mapping may be a dataclass, too: transformers' ModelOutput is.
        return type(value)(**items) if hasattr(value, "__dataclass_fields__") else type(value)(items)  # type: ignore[call-arg]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(v, change) for v in value))
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(v, change) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: map_tensors(getattr(value, f.name), change) for f in dataclasses.fields(value) if f.init
        }
        return dataclasses.replace(value, **changed)
    return value


def stored_bytes(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes of the tensors: what several share is counted once, a quantised one by what it is made of."""
    sizes: dict[int, int] = {}

    def visit(tensor: torch.Tensor) -> None:
        flatten = getattr(tensor, "__tensor_flatten__", None)
        if flatten is not None:  # a wrapper has no numbers of its own
            for name in flatten()[0]:
                visit(getattr(tensor, name))
            return
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()

    for tensor in tensors:
        visit(tensor)
    return sum(sizes.values())
