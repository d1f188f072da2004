"""What executes a model: a runner loads a case into a session, and what passes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from harness.components import Component, Device, Inputs, Model, Precision
from harness.errors import Unsupported

if TYPE_CHECKING:
    import torch

    from harness.records.anatomy import KernelUse
    from harness.records.case import Case
    from harness.records.profile import Recording


class Work(Protocol):
    """What a runner gets to load a case: see `Runner.load`."""

    case: Case
    """The names and values that it was asked for by."""
    model: Model
    precision: Precision
    options: Any
    """An instance of the runner's Params."""
    device: Device
    """Where it is to run."""
    threads: int
    """How many threads a call may use, set for torch already: another runtime is to be told."""
    profiling: bool
    """True where the session is to be profiled and not timed: a runner may switch on what it needs."""
    in_passing: bool
    """With `profiling`: the profile is taken in passing, so nothing is to be built anew for its sake."""
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
    """A loaded case, called from one thread, unless its runner is `concurrent`. A process that measures
    holds one session; the service holds several, of one model, and calls one at a time.
    """

    on_torch_stream: ClassVar[bool] = True
    """Whether a call's work on an accelerator goes to torch's current stream; only then can its device
    time be told."""

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

    def kernels(self) -> list[KernelUse]:
        """Which kernels did the products of one call, where the runtime itself can say; read after the last
        call. Otherwise the libraries that torch calls are asked, and a device's own profiler.
        """
        return []

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
        """Releases what the session holds; a call afterwards raises."""


class Runner(Component):
    """What executes a model: loads a case into a session."""

    kind: ClassVar[str] = "runner"
    recipes: ClassVar[dict[str, Callable[..., Any]]] = {}
    """Precision name -> this runner's own way to it. With a recipe the module arrives unprepared."""
    batch: ClassVar[Literal["fixed", "any"]] = "any"
    """`fixed`: a session takes the batch size of its case and no other; `any`: it takes every batch
    size, though the first call at a new one may compile. Only the service asks."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Formats of files that it runs as they are; see `Model.format`."""
    concurrent: ClassVar[bool] = False
    """Whether several threads may call one session at once on the CPU, each with inputs bound before, and
    get their own outputs. Only sustained throughput asks, and it verifies outputs made that way."""
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
        raise Unsupported(f"runner {self.name} exports nothing: leave -r out for one that does")

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
