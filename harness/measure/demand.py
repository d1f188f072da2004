"""What a model asks for in one inference: operators, operations, bytes, casts; counted by watching one call.

The call is made in eager mode, with every operator seen as it reaches its kernel, whatever runner the case
has: so the demand is the model's and the precision's, and no runner's merit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.measure.categories import category
from harness.measure.leaves import tensor_leaves
from harness.records.anatomy import ATTENTION, CAST, CONVOLUTION, COPY, LOOKUP, MATMUL, Demand

if TYPE_CHECKING:
    import torch

    from harness.components import Inputs
    from harness.measure.prepare import CaseWork

PRODUCTS = (MATMUL, CONVOLUTION, ATTENTION)
_MAKES_NOTHING = (
    "empty",
    "new_empty",
    "empty_like",
    "empty_strided",
    "_unsafe_view",
    "detach",
    "alias",
    "lift_fresh",
)


class Watch:
    """Sums up the operators that it sees: `seeing()` around a call in `torch.no_grad()`.

    Args:
        weights: parameters and buffers of the model.
    """

    def __init__(self, weights: list[torch.Tensor]) -> None:
        self._weights = {_storage(t): t for t in weights}
        self._read: dict[int, int] = {}
        """Storage of each weight that was read -> bytes."""
        self.operators = self.moved = self.largest = self.casts = self.cast_bytes = self.weight_casts = 0
        self.formats: Counter[str] = Counter()
        self.flops: Counter[str] = Counter()
        self.counted = True
        """Whether every product's operations are known."""
        self.cast_shapes: Counter[str] = Counter()

    def seeing(self) -> AbstractContextManager[Any]:
        """While it lasts, every operator that reaches its kernel is counted."""
        import torch
        from torch.utils._python_dispatch import TorchDispatchMode

        count = self._operator

        class Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
            def __torch_dispatch__(
                self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
            ) -> Any:
                kwargs = kwargs or {}
                if torch.is_inference_mode_enabled():
                    # A model that enters inference mode itself: what is composed of others comes whole.
                    with self:
                        out = func.decompose(*args, **kwargs)
                    if out is not NotImplemented:
                        return out
                out = func(*args, **kwargs)
                count(func, args, kwargs, out)
                return out

        mode: AbstractContextManager[Any] = Mode()  # type: ignore[no-untyped-call]
        return mode

    def _operator(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        name = func.overloadpacket.__name__
        if not _is_view(func) and name not in _MAKES_NOTHING:
            self._count(func, name, args, kwargs, out)

    def _count(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        ins, outs = tensor_leaves((args, kwargs)), tensor_leaves(out)
        if not outs:
            return
        if name == "copy_":
            ins = ins[1:]  # what it writes to is not read
        what = category(name)
        made = sum(_bytes(t) for t in outs)
        read = [_bytes(t) for t in ins]
        if what == LOOKUP and ins:
            read[0] = min(read[0], _looked_up(name, ins, made))
        for tensor, size in zip(ins, read, strict=True):
            if _storage(tensor) in self._weights:
                self._read[_storage(tensor)] = max(size, self._read.get(_storage(tensor), 0))
        moved = sum(read) + made
        self.operators += 1
        self.moved += moved
        self.largest = max(self.largest, *(_bytes(t) for t in outs))
        if ins and what in (CAST, COPY) and ins[0].dtype != outs[0].dtype:
            self.casts += 1
            self.cast_bytes += moved
            self.weight_casts += _storage(ins[0]) in self._weights
            self.cast_shapes["x".join(map(str, outs[0].shape))] += 1
            return
        if outs[0].is_floating_point():
            kind = str(outs[0].dtype).removeprefix("torch.")
            if what != COPY:
                self.formats[kind] += 1
            count = _flops(func, args, kwargs, out)
            if count:
                self.flops[kind] += count
            elif count is None and (what in PRODUCTS or name.endswith("_layer_fwd")):
                self.counted = False

    def demand(self, weights_bytes: int, inputs: Inputs, output: Any) -> Demand:
        """What was seen, with the bytes that nobody can save."""
        own = [*tensor_leaves((inputs.args, inputs.kwargs)), *tensor_leaves(output)]
        return Demand(
            flops=sum(self.flops.values()) if self.counted else None,
            operators=self.operators,
            moved_bytes=self.moved,
            least_bytes=sum(self._read.values()) + sum(_bytes(t) for t in own),
            weights_bytes=weights_bytes,
            largest_bytes=self.largest,
            casts=self.casts,
            cast_bytes=self.cast_bytes,
            weight_casts=self.weight_casts,
            formats=dict(self.formats),
            flops_by_format=dict(self.flops),
        )


def watch(work: CaseWork, weights_bytes: int | None) -> tuple[Demand, Counter[str]]:
    """The demand of a case, and the shapes of what it casts.

    Where the runner has a way of its own to the precision, or the weights are quantised, the model as it is
    built is watched, in float32.

    Args:
        weights_bytes: what the session says of its weights; None for those of the module.
    """
    import torch

    own_way = work.case.precision in work.runner.recipes or work.precision.how == "quantised"
    module = work.raw_module() if own_way else work.module
    inputs = work.raw_inputs(0) if own_way else work.ready_inputs(work.raw_inputs(0))
    weights = [*module.parameters(), *module.buffers()]

    def watched() -> tuple[Watch, Any]:
        seen = Watch(weights)
        context = None if own_way else work.precision.context(work.device)
        work.model.reset(module)
        with torch.no_grad(), context or nullcontext(), seen.seeing():
            return seen, module(*inputs.args, **inputs.kwargs)

    seen, output = watched()
    if not seen.counted:
        with _taken_apart():
            again, _ = watched()
        if again.counted:
            seen.flops, seen.counted = again.flops, True
    sizes = {_storage(t): t.untyped_storage().nbytes() for t in weights}
    found = seen.demand(weights_bytes or sum(sizes.values()), inputs, output)
    if own_way:
        found = replace(found, stand_in=True)
    return found, seen.cast_shapes


@contextmanager
def _taken_apart() -> Iterator[None]:
    """While it lasts, torch's own layers of transformers run as the operators that they are made of: as one
    operator nobody counts their operations.
    """
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _is_view(func: Any) -> bool:
    """Whether an operator only looks at its input in another way: its result aliases it, unwritten."""
    returns = func._schema.returns  # noqa: SLF001  torch has no other way to it
    aliases = [r.alias_info for r in returns if r.alias_info is not None]
    return bool(aliases) and not any(a.is_write for a in aliases)


def _storage(tensor: torch.Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # a sparse or quantised tensor has none
        return id(tensor)


def _bytes(tensor: torch.Tensor) -> int:
    """Of the elements, or of what stands behind them where a tensor is expanded."""
    size = tensor.numel() * tensor.element_size()
    try:
        return min(size, tensor.untyped_storage().nbytes())
    except (NotImplementedError, RuntimeError):
        return size


def _looked_up(name: str, ins: list[torch.Tensor], made: int) -> int:
    """Bytes of the rows that a lookup reads."""
    table = ins[0]
    if "embedding" in name and len(ins) > 1 and table.dim() == 2:
        return ins[1].numel() * table.shape[1] * table.element_size()
    return made


def _flops(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """By torch's flop counter, and for some operators that it does not know; None for all others."""
    from torch.utils import flop_counter

    packet = func.overloadpacket
    name = packet.__name__
    formula = flop_counter.flop_registry.get(packet)
    if formula is not None:
        return int(formula(*args, **kwargs, out_val=out))
    if "scaled_dot_product" in name:
        # The CPU's own attention is not in the registry; its products are those of any other.
        query, key, value = args[:3]
        return int(flop_counter.sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]
    if name in ("mv", "dot", "vdot"):
        return 2 * int(args[0].numel())
    if name == "addmv":
        return 2 * int(args[1].numel())
    if name in ("mkldnn_rnn_layer", "_cudnn_rnn"):
        # Every step of every sequence meets every matrix once.
        matrices = args[1:3] if name == "mkldnn_rnn_layer" else [w for w in args[1] if w.dim() == 2]
        steps = args[0].numel() // args[0].shape[-1]
        return 2 * int(steps) * sum(int(w.numel()) for w in matrices)
    return None
