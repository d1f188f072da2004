"""The kinds of component that plug into the harness; runners, with what they load, are in `harness.runner`.

A plugin author subclasses `Model`, `Precision`, `Runner` (with its `Session`) or `Reporter` and
yields an instance from the hook of that kind (see `harness.hookspecs`). Everything without a
`raise NotImplementedError` has a default and may be left out. Nothing here imports torch, so that
names and options can be shown without it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.errors import Unsupported

if TYPE_CHECKING:
    import torch

    from harness.records.report import Report

KINDS = ("model", "precision", "runner", "reporter")
Kind = Literal["model", "precision", "runner", "reporter"]


@dataclass(frozen=True)
class NoParams:
    """The parameters of a component that takes none."""


class Inputs:
    """The example inputs of one call: `Inputs(x, mask=m)` is passed as `module(x, mask=m)`.

    Any nesting of tuples, lists, dicts and dataclasses, any dtype; tensors are batch first.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def __repr__(self) -> str:
        parts = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"Inputs({', '.join(parts)})"

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Inputs:
        """The same inputs with every tensor replaced by `change(tensor)`."""
        from harness.measure.leaves import map_tensors

        return Inputs(*map_tensors(self.args, change), **map_tensors(self.kwargs, change))


@dataclass(frozen=True)
class Device:
    """Where a case runs.

    `features` names what the hardware does natively ("avx512_bf16", "amx_bf16", "sm_90", ...), in
    torch's own words; `name` is the product's name.
    """

    type: str
    index: int = 0
    features: frozenset[str] = frozenset()
    name: str = ""

    def __str__(self) -> str:
        return self.type if self.index == 0 else f"{self.type}:{self.index}"


class Component:
    """What all four kinds share: a name to select it by and a line that says what it is."""

    kind: ClassVar[str]
    name: ClassVar[str]
    """What it is selected by on the command line, and called in records and tables."""
    summary: ClassVar[str]
    """What it is, in one line of `harness list`."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other words that are accepted for the name; records and tables print the name."""
    requires: ClassVar[str | None] = None
    """The extra to install for it, if it needs one."""
    Params: ClassVar[type] = NoParams
    """A frozen dataclass with a default for every field: `name:field=value,...` on the command line."""

    def available(self) -> str | None:
        """None if it can be used in this installation, else one sentence saying why not."""
        return None


class Model(Component):
    """A named builder of a module, with its example inputs.

    `build` and `inputs` are called with the run's seed in force: drawing from torch's, numpy's or
    Python's global generators gives the same weights and inputs in every process of a run.
    """

    kind: ClassVar[str] = "model"
    unit: ClassVar[str] = "samples"
    """What `items` counts; throughput is printed as `<unit>/s`."""
    tolerances: ClassVar[dict[str, float]] = {}
    """Precision name -> a tolerance tighter than the precision's own."""
    format: ClassVar[str] = ""
    """The format of a file that is the model, where no module can be made of it: then only runners that read
    this format run it."""

    def build(self, params: Any) -> torch.nn.Module:
        """The module on the CPU in float32, freshly made at each call."""
        raise NotImplementedError(f"model {self.name!r} does not implement build()")

    def inputs(self, params: Any, batch_size: int) -> Inputs:
        """Example inputs for one call, on the CPU, batch first, drawn under the seed in force."""
        raise NotImplementedError(f"model {self.name!r} does not implement inputs()")

    def reference(self, params: Any, module: torch.nn.Module, inputs: Inputs) -> Any:
        """The output to hold every case against, in float64 or as near as the model can.

        `module` and `inputs` arrive in float64 (float32 where that failed, and the record says so).
        Return None if there is no reference: the record then says that nothing was verified.
        """
        return module(*inputs.args, **inputs.kwargs)

    def items(self, params: Any, batch_size: int) -> int:
        """How many `unit`s one call processes; throughput counts them."""
        return batch_size

    def reset(self, module: torch.nn.Module) -> None:
        """Brings a stateful module back to its initial state; called untimed, before every call."""


class Precision(Component):
    """A numeric format and how it is applied to a model.

    Before a case the core turns every reduced float32 mode off ("ieee") and calls `configure`; then
    `prepare` changes the module once, `prepare_inputs` each set of inputs, and `context` is entered
    around every call. The defaults do what `how` says, so a cast or an autocast to another dtype
    needs no code.
    """

    kind: ClassVar[str] = "precision"
    how: ClassVar[Literal["native", "autocast", "cast", "quantised"]] = "native"
    """`cast`: weights and inputs once; `autocast`: by torch in every call; `quantised`: by what `prepare` or
    a runner brings; `native`: the module stays as it is."""
    dtype: ClassVar[str] = "float32"
    """The format of the arithmetic, as torch names it."""
    tolerance: ClassVar[float]
    """The largest error of an output that still counts as right (see harness.measure.verify)."""

    def supports(self, device: Device) -> str | None:
        """None, or one sentence: why this device cannot run it."""
        return None

    def emulated(self, device: Device) -> str | None:
        """None, or one sentence: the device has no arithmetic of this kind and imitates it slowly."""
        return None

    def configure(self, device: Device) -> None:
        """Sets the process-wide state this precision needs. The process serves one case only."""

    def prepare(self, module: torch.nn.Module, example: Inputs) -> torch.nn.Module:
        """The module in this precision. It is fresh, on its device, and may be changed in place;
        `example` is one prepared set of inputs, for precisions that calibrate.
        """
        import torch

        if self.how == "quantised":
            raise Unsupported(f"{self.name} has no general way to it; a runner must bring its own")
        return module.to(getattr(torch, self.dtype)) if self.how == "cast" else module

    def facts(self) -> dict[str, Any]:
        """What `prepare` did, for the record: JSON-compatible, read after the last call."""
        return {}

    def prepare_inputs(self, inputs: Inputs) -> Inputs:
        """One set of inputs in this precision; integers stay as they are."""
        import torch

        if self.how != "cast":
            return inputs
        dtype = getattr(torch, self.dtype)
        return inputs.map(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def context(self, device: Device) -> AbstractContextManager[Any] | None:
        """What is entered around every call, anew each time, as a user would; None for nothing."""
        import torch

        if self.how != "autocast":
            return None
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))


class Reporter(Component):
    """Turns stored results into text, a file or a page."""

    kind: ClassVar[str] = "reporter"
    extension: ClassVar[str | None] = None
    """The usual extension of its files, with the dot."""
    one_document: ClassVar[bool] = False
    """True if its output is a document of its own, so that two runs cannot follow one another in it."""

    def render(self, report: Report) -> str | bytes:
        """The whole report as text or bytes, for a pipe or a file."""
        raise NotImplementedError(f"reporter {self.name!r} does not implement render()")

    def display(self, report: Report, width: int, colour: bool) -> str | bytes:
        """The same for a terminal of `width` columns, with ANSI colour if `colour`."""
        return self.render(report)
