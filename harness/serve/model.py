"""The served model: planned, loaded, verified and called; all of it in the gate's one thread."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from harness.catalogue import Catalogue
from harness.catalogue import load as load_plugins
from harness.catalogue.specs import Spec, split_list
from harness.errors import HarnessError, NothingMeasured, Unsupported, UsageError
from harness.execute.temporary import TemporaryFolder
from harness.execute.worker import failure_of
from harness.jobs import Matrix, PlanJob
from harness.plan.planner import make_plan
from harness.records.case import PlannedCase, Scenario
from harness.records.settings import Settings
from harness.serve.gate import Gate
from harness.serve.loading import Loader
from harness.serve.settings import ServeSettings
from harness.serve.template import Template, read
from harness.serve.variant import Answered, Variant

if TYPE_CHECKING:
    import torch

_CLEANUPS, _CLEANUP_S = 5, 0.1
T = TypeVar("T")
log = logging.getLogger("harness.serve")


@dataclass(frozen=True)
class Service:
    """A loaded model with the thread that calls it."""

    gate: Gate
    model: ServedModel

    def close(self, timeout_s: float) -> bool:
        """Lets queued work finish and gives everything back; False where a call would not end."""
        done = self.gate.close(timeout_s)
        self.model.close(quietly=not done)
        return done


def load(settings: ServeSettings) -> Service:
    """Plans, loads, verifies and warms the model in a thread of its own.

    Raises:
        HarnessError: a name is wrong, the case cannot run here, or its output is wrong.
    """
    gate = Gate(settings.queue)
    folder = TemporaryFolder("serve")
    stopped = threading.Event()
    try:
        return Service(gate, gate.submit(lambda: ServedModel(settings, folder, stopped)).result())
    except BaseException as error:  # a signal may come as any
        stopped.set()
        # Again while the thread comes to its end: it may be about to write a file.
        for _ in range(_CLEANUPS):
            folder.close()
            if gate.close(_CLEANUP_S):
                break
        folder.close()
        if isinstance(error, Exception):
            raise as_harness_error(error) from error
        raise


def as_harness_error(error: Exception) -> HarnessError:
    """What went wrong with a model, as the line that a command ends with."""
    if isinstance(error, HarnessError):
        return error
    failure = failure_of(error)
    return NothingMeasured(f"{failure.status.replace('_', ' ')}: {failure.reason}", detail=failure.detail)


class ServedModel:
    """One model and runner, in the service's own precision and in those that requests ask for.

    Every method but `close` is called in the gate's thread.
    """

    def __init__(self, settings: ServeSettings, folder: TemporaryFolder, stopped: threading.Event) -> None:
        self.settings = settings
        self._folder = folder
        self._catalogue = Catalogue(load_plugins(settings.plugins))
        self._loader = Loader(settings, str(self._folder.path), stopped)
        self._variants: dict[str, Variant] = {}
        self._refused: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.broken: str | None = None
        """Why nothing can be called any more: a GPU whose context an error has spoiled."""
        own = self._plan(settings.precision, [1])[1]
        self.planned = own
        """The case at batch size 1: for names, parameters, device and threads."""
        self.own = self._load(own.case.precision)
        self._active: Variant | None = self.own
        work = self.own.base.work
        self.params = work.params
        self.device = work.device
        self.template: Template = read(work.raw_inputs(0, 2), work.raw_inputs(0, 3), work.module)
        for name in settings.also:
            self.variant(name)
        self._activate(self.own)

    # -- precisions -------------------------------------------------------------------------------

    def precision_name(self, text: str) -> str:
        """A precision's own name, from any word for it.

        Raises:
            UsageError: there is none.
        """
        return self._catalogue.get("precision", Spec(text)).name

    def variant(self, text: str | None) -> Variant:
        """The model in a precision; loaded and verified where it is asked for the first time.

        Raises:
            UsageError: there is no such precision.
            Unsupported: it cannot run here, or its output is wrong. It is not tried again.
        """
        if text is None:
            return self.own
        name = self.precision_name(text)
        if name in self._refused:
            raise Unsupported(self._refused[name])
        if name not in self._variants:
            log.info("loading precision %s, asked for the first time", name)
            try:
                self._load(name)
            except (Unsupported, HarnessError) as error:
                self._refused[name] = str(error)
                raise Unsupported(str(error)) from error
            except Exception:
                self._refused[name] = f"precision {name} failed to load; the log has it"
                raise
            finally:
                self._active = None
        return self._variants[name]

    def _load(self, precision: str) -> Variant:
        variant = self._loader.variant(lambda sizes: self._plan(precision, sizes))
        self._variants[precision] = variant
        return variant

    def _plan(self, precision: str | None, sizes: list[int]) -> dict[int, PlannedCase]:
        """The case at some batch sizes, as `harness run` would plan it.

        Raises:
            UsageError: a name is wrong, or several are given.
            Unsupported: it cannot run here.
        """
        wanted = self.settings
        matrix = Matrix(
            model=_one("model", wanted.model),
            runner=_one("runner", wanted.runner),
            precision=_one("precision", precision),
            batch_size=sizes,
            device=_one("device", wanted.device),
            threads=[] if wanted.threads is None else [wanted.threads],
        )
        job = PlanJob([matrix], wanted.plugins, Scenario(), Settings(passes=1), baseline="none")
        plan = make_plan(job)
        for text in plan.warnings:
            self._loader.note(text)
        for text in plan.notes:
            self._loader.note(text, logging.INFO)
        for planned in plan.cases:
            if planned.unsupported:
                raise Unsupported(planned.unsupported)
        return {p.case.batch_size: p for p in plan.cases}

    # -- calls ------------------------------------------------------------------------------------

    def infer(self, tensors: list[torch.Tensor] | None, count: int, precision: str | None) -> Answered:
        """One call: with real inputs, one tensor for each field of the template, or with random ones.

        Raises:
            UsageError, Unsupported: the precision cannot be served.
        """
        variant = self.variant(precision)
        self._activate(variant)
        work = variant.base.work
        if tensors is None:
            inputs = work.raw_inputs(1000 + next(self._numbers), count)
        else:
            inputs = self.template.inputs(tensors)
        return self._watched(lambda: variant.run(inputs, count, self.template))

    def _activate(self, variant: Variant) -> None:
        """Puts the process's modes right for a precision, if another one was called last."""
        if self._active is not variant:
            variant.base.work.configure()
            self._active = variant

    def own_at(self, count: int) -> Any:
        """The service's own precision with example inputs of `count` samples, as the engine takes it."""
        self._activate(self.own)
        if self.own.fixed or count in self.own.cases:
            return self.own.cases[count]
        planned = replace(self.planned, case=replace(self.planned.case, batch_size=count))
        return self._loader.adopted(self.own, planned)

    def _watched(self, call: Callable[[], T]) -> T:
        """A call; after one that failed on a GPU it is found out whether the GPU still answers."""
        try:
            return call()
        except Exception:
            if self.device.type == "cuda":
                self._check_device()
            raise

    def _check_device(self) -> None:
        import torch

        try:
            torch.cuda.synchronize(self.device.index)
            torch.cuda.empty_cache()
        except Exception as error:
            self.broken = f"the GPU's context is spoiled: {type(error).__name__}"
            log.critical("%s; restart the service", self.broken)

    def close(self, quietly: bool = False) -> None:
        """Closes the sessions (not where one of them still runs) and removes the files."""
        if not quietly:
            while self._variants:
                self._variants.popitem()[1].close()
        self._folder.close()


def _one(axis: str, text: str | None) -> list[str]:
    if text is None:
        return []
    parts = split_list(text)
    if len(parts) != 1 or parts == ["all"]:
        raise UsageError(f"this command takes one {axis}, not {text!r}", "`harness run` sweeps")
    return parts
