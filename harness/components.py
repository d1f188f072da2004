"""The four kinds of component that plug into the harness, and what passes between them.

A plugin author subclasses `Model`, `Precision`, `Runner` (with its `Session`) or `Reporter` and
yields an instance from the hook of that kind (see `harness.hookspecs`). Everything without a
`raise NotImplementedError` has a default and may be left out. Nothing here imports torch, so that
names and options can be shown without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from harness.errors import Unsupported

if TYPE_CHECKING:
    import torch

    from harness.records.case import Case
    from harness.records.profile import Recording
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
    summary: ClassVar[str]
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


class Work(Protocol):
    """What a runner gets to load a case: see `Runner.load`."""

    case: Case
    precision: Precision
    options: Any
    """An instance of the runner's Params."""
    device: Device
    threads: int
    profiling: bool
    """True where the session is to be profiled and not timed: a runner may switch on what it needs."""
    dir: Path
    """A folder of the case's own: what `build` writes there, `load` finds in every replicate."""
    file: Path | None
    """A file that `export` wrote: `load` takes it in place of what `build` would have made."""

    @property
    def module(self) -> torch.nn.Module:
        """The module: in eval mode, on the device, in the case's precision.

        Made when first asked for, so a runner that loads a file never pays for it.
        """
        ...

    @property
    def inputs(self) -> Inputs:
        """Example inputs of the case, on the device, in the case's precision."""
        ...


@dataclass(frozen=True)
class ExportOptions:
    """How `Runner.export` is to write a model."""

    dynamic: bool = True
    """Whether the batch size may change; otherwise it is fixed at the example's."""
    smallest_batch: int = 1
    largest_batch: int = 256


@dataclass(frozen=True)
class Exported:
    """What `Runner.export` wrote."""

    facts: dict[str, Any]
    """JSON-compatible: version of the format, operators, inputs and outputs, ..."""
    warnings: list[str] = field(default_factory=list)
    """What the exporter had to say, each in one line."""


@dataclass(frozen=True)
class Profiling:
    """What a session is asked to profile: see `Session.profile`."""

    calls: int
    """How many whole inferences."""
    inferences: Callable[[int], Iterator[Callable[[], None]]]
    """Yields so many inferences to call, each to the end of its work on the device. What comes before
    an inference and is no part of it is done between them.
    """
    device: Device
    trace: Path
    """Where the trace is to be written, as Chrome trace events in JSON."""
    lines: bool
    """Source lines are asked for: mark them where you can, at a price."""
    about: dict[str, str]
    """What is profiled, for the trace."""


class Session:
    """A loaded case, called from one thread. A process that measures holds one session; the service
    holds several, of one model, and calls one at a time.
    """

    def bind(self, inputs: Inputs) -> Any:
        """Inputs (in the case's precision, on its device) as `__call__` takes them. Untimed."""
        raise NotImplementedError

    def __call__(self, feed: Any) -> Any:
        """One complete inference: what is timed. On an asynchronous device it may return early;
        the core synchronises.
        """
        raise NotImplementedError

    def leaves(self, raw: Any) -> list[Any]:
        """The tensors of one call's output, in the order of the model's own output. Untimed."""
        from harness.measure.leaves import tensor_leaves

        return tensor_leaves(raw)

    def facts(self) -> dict[str, Any]:
        """What really ran: JSON-compatible, read after the last call."""
        return {}

    def problems(self) -> list[str]:
        """What did not run as asked (a graph break, a node that fell back to another provider), one
        sentence each with its place and cause; read after the last call. `harness check` shows them.
        """
        return []

    def events(self) -> int:
        """How often this session has compiled, recompiled or tuned so far. A change while calls are
        timed fails the sample.
        """
        return 0

    def weights_bytes(self) -> int | None:
        """Bytes of weights the session holds, None if unknown."""
        return None

    def profile(self, asked: Profiling) -> Recording:
        """Calls `asked.inferences(asked.calls)` under a profiler, and writes `asked.trace`.

        By default with torch's profiler, which sees the work of any session that calls torch. Another
        runtime brings its own profiler's events into `harness.Span`s, and `harness.recording` sums them.
        """
        from harness.measure.torchprofile import profile_torch

        return profile_torch(asked)

    def close(self) -> None:
        """Releases what the session holds."""


class Runner(Component):
    """What executes a model: loads a case into a session."""

    kind: ClassVar[str] = "runner"
    recipes: ClassVar[dict[str, Callable[..., Any]]] = {}
    """Precision name -> this runner's own way to it. With a recipe the module arrives unprepared."""
    batch: ClassVar[Literal["fixed", "any"]] = "any"
    """`fixed`: a session takes the batch size of its case and no other; `any`: it takes every batch
    size, though the first call at a new one may compile. Only the service asks."""
    ready_estimate_s: ClassVar[float] = 0.2
    """About how long a first, cold load takes; only `--plan`'s time estimate uses it."""

    def supports(self, case: Combination) -> str | None:
        """None, or one sentence: why this combination cannot run, and what would."""
        return None

    def preload(self, devices: frozenset[str]) -> None:
        """Imports worth doing once, before processes are forked: must leave one thread, touch no device.

        `devices` has the types of device (`cpu`, `cuda`) that the plan's cases of this runner use.
        """

    def build(self, work: Work) -> None:
        """Makes the files of a case in `work.dir`, once; every replicate loads them. Optional."""

    def export(self, work: Work, target: Path, options: ExportOptions) -> Exported:
        """Writes the case's model to `target`, for others to run; `load` must be able to take it
        (`work.file`) at every batch size in the range. Optional; for `harness export`.

        Raises:
            Unsupported: this runner writes no files, or cannot write this model.
        """
        raise Unsupported(f"runner {self.name} exports nothing")

    def load(self, work: Work) -> Session:
        """A session for the case, ready for its first call."""
        raise NotImplementedError(f"runner {self.name!r} does not implement load()")


@dataclass(frozen=True)
class Combination:
    """What `Runner.supports` is asked about."""

    model: Model
    params: Any
    options: Any
    precision: Precision
    batch_size: int
    device: Device
    threads: int


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


CLASSES: dict[str, type[Component]] = {
    "model": Model,
    "precision": Precision,
    "runner": Runner,
    "reporter": Reporter,
}


@dataclass(frozen=True)
class Origin:
    """Where a component comes from."""

    plugin: str
    """How the plugin is named: its entry point, module or file."""
    source: str
    """How a process loads it again: `builtin:MODULE`, `entry:DISTRIBUTION/NAME`,
    `module:NAME` or `file:PATH`."""
    distribution: str | None = None
    version: str | None = None
    digest: str | None = None
    """For a plugin file: the first 16 hex digits of its sha256."""

    def __str__(self) -> str:
        if self.distribution:
            return f"{self.distribution} {self.version}"
        return self.plugin


@dataclass(frozen=True)
class Provided:
    """One component with its origin, as the catalogue keeps it."""

    component: Component
    origin: Origin

    @property
    def kind(self) -> str:
        return self.component.kind

    @property
    def name(self) -> str:
        return self.component.name


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one component of it, was left out."""

    plugin: str
    distribution: str | None
    version: str | None
    reason: str
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        who = f"{self.distribution} {self.version}" if self.distribution else self.plugin
        return f"plugin {who} left out: {self.reason}"


def fields_of(cls: type) -> Iterator[tuple[str, Any, Any]]:
    """(name, type, default) of each field of a parameter dataclass, types resolved."""
    import dataclasses
    import typing

    hints = typing.get_type_hints(cls)
    for f in dataclasses.fields(cls):
        default = f.default
        if default is dataclasses.MISSING and f.default_factory is not dataclasses.MISSING:
            default = f.default_factory()
        yield f.name, hints[f.name], default
