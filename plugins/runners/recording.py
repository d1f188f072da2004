"""A recording of the operators that a model runs on its example inputs, as a graph without any Python.

Branches on data went the way they went then, and loops ran as often. On other data that may be wrong, which
the verification on several inputs shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness


def record(module: Any, inputs: harness.Inputs, work: harness.Work) -> Callable[..., Any]:
    """A module that takes what `module` takes and returns the tensors of its output, in order.

    Raises:
        Unsupported: the output does not come from operators that can be recorded.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    tape = _Tape()
    places = harness.tensor_leaves((inputs.args, inputs.kwargs))
    found = _tensors((inputs.args, inputs.kwargs))
    if [id(t) for t in found] != [id(t) for t in places]:
        raise harness.Unsupported(
            "its inputs hold tensors where a recording does not look for them (a class of their own, "
            "numpy): try recorded=false"
        )
    for number, tensor in enumerate(places):
        tape.add_input(number, tensor)

    class Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            tape.add(func, args, kwargs or {}, out)
            return out

    context = work.precision.context(work.device)
    mode: Any = Mode()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        if context is None:
            with mode:
                output = module(*inputs.args, **inputs.kwargs)
        else:
            with context, mode:
                output = module(*inputs.args, **inputs.kwargs)
    leaves = harness.tensor_leaves(output)
    if not leaves or not tape.count:
        raise harness.Unsupported("no operator of it was recorded: try recorded=false")
    graph = tape.finish(leaves)

    class Recorded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.graph = graph

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return self.graph(*_tensors((args, kwargs)))

    return Recorded().eval()


def _tensors(value: Any) -> list[Any]:
    """The tensors of any nesting of lists, tuples and dicts, as a compiler can follow it."""
    import torch
    from torch.utils import _pytree as pytree

    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


class _Tape:
    """Operators with what they were given, as the nodes of a graph."""

    def __init__(self) -> None:
        import torch

        self._root = torch.nn.Module()
        self._graph = torch.fx.Graph()
        self._nodes: dict[int, Any] = {}
        self._alive: list[Any] = []
        """A tensor's id stands for it only as long as it lives."""
        self._constants = 0
        self.count = 0

    def add_input(self, number: int, tensor: Any) -> None:
        self._know(tensor, self._graph.placeholder(f"input_{number}"))

    def add(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """One operator. What gives no tensor and changes none (a number read from one) has run, and is a
        constant.
        """
        import operator

        import torch
        from torch.utils import _pytree as pytree

        made = [t for t in pytree.tree_leaves(out) if isinstance(t, torch.Tensor)]
        changes = getattr(func, "_schema").is_mutable  # noqa: B009  torch says it nowhere else
        if not made and not changes:
            return
        known = pytree.tree_map(self._node, (args, kwargs))
        node = self._graph.call_function(func, known[0], known[1])
        self.count += 1
        if isinstance(out, torch.Tensor):
            self._know(out, node)
        elif isinstance(out, (tuple, list)):
            for number, one in enumerate(out):
                if isinstance(one, torch.Tensor):
                    self._know(one, self._graph.call_function(operator.getitem, (node, number)))

    def finish(self, leaves: list[Any]) -> Any:
        import torch

        self._graph.output(tuple(self._node(leaf) for leaf in leaves))
        return torch.fx.GraphModule(self._root, self._graph)

    def _know(self, tensor: Any, node: Any) -> None:
        self._alive.append(tensor)
        self._nodes[id(tensor)] = node

    def _node(self, value: Any) -> Any:
        """The node that stands for a tensor; any other value is itself."""
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        found = self._nodes.get(id(value))
        if found is None:
            name = f"constant_{self._constants}"
            self._constants += 1
            self._root.register_buffer(name, value.detach())
            found = self._graph.get_attr(name)
            self._know(value, found)
        return found
