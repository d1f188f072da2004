"""Prepares one case in a child process: its components, its inputs, and the module when asked for."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.catalogue import Catalogue, load
from harness.catalogue.params import fill, text_of
from harness.catalogue.specs import Spec
from harness.components import Inputs, Model, Precision
from harness.jobs import CaseJob
from harness.measure import devices, seeds, state, values
from harness.runner import Runner

if TYPE_CHECKING:
    import torch


class CaseWork:
    """A case made real: what `Runner.build` and `Runner.load` get (see `harness.runner.Work`)."""

    def __init__(self, job: CaseJob, profiling: bool = False, in_passing: bool = False) -> None:
        planned, case = job.planned, job.planned.case
        # Before anything compiles: the cache of this case.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = job.cache
        os.environ["TRITON_CACHE_DIR"] = os.path.join(job.cache, "triton")
        self.mode_changes: list[str] = []
        """What the import of a plugin, or what it makes, changes of torch for the whole process."""
        self.sets_back = True
        """Whether that is set back where it would change the formats of what is made later."""
        with state.set_back(self.mode_changes, "the import of a plugin"):
            catalogue = Catalogue(load(job.plugins, only={p.source for p in planned.providers}))
        owners = {p.kind: p.source for p in planned.providers}

        def component(kind: str, name: str) -> Any:
            return catalogue.get(kind, Spec(name, distribution=owners.get(kind))).component

        self.case = case
        self.profiling = profiling
        self.in_passing = in_passing
        self.file = Path(job.file) if job.file else None
        self.seed = job.seed
        self.model: Model = component("model", case.model)
        self.runner: Runner = component("runner", case.runner)
        self.precision: Precision = component("precision", case.precision)
        self.params = _filled(self.model, case.params)
        self.options = _filled(self.runner, case.options)
        self.device = devices.resolve(case.device)
        self.threads = case.threads
        self.dir = Path(job.folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.drawing_s = 0.0
        """Time spent on drawing random weights, which no real deployment does."""
        self._module: torch.nn.Module | None = None
        self._inputs: Inputs | None = None
        self.weights_digest: str | None = None
        self.subnormal_weights: str | None = None
        """What to say of weights that are too small for the processor."""
        self.configure()

    def configure(self) -> None:
        """Puts the process into this case's state: its threads and float32 modes.

        Done once where a process serves one case; one that holds several does it before it calls
        another case than the last.
        """
        state.set_threads(self.threads)
        state.strict_float32()
        self.precision.configure(self.device)

    @property
    def module(self) -> torch.nn.Module:
        """In eval mode, on the device, in the case's precision; built when first asked for."""
        if self._module is None:
            start = time.perf_counter()
            module = self.raw_module()
            weights = [*module.parameters(), *module.buffers()]
            self.weights_digest = seeds.digest(weights)
            self.subnormal_weights = values.subnormal("weights", weights)
            self.drawing_s += time.perf_counter() - start
            module = module.to(devices.torch_device(self.device))
            if self.case.precision not in self.runner.recipes:
                module = self.precision.prepare(module, self.inputs)
            self._module = module.eval()
        return self._module

    @property
    def inputs(self) -> Inputs:
        """The first set of inputs, on the device, in the case's precision."""
        if self._inputs is None:
            self._inputs = self.ready_inputs(self.raw_inputs(0))
        return self._inputs

    def reset(self) -> None:
        """Brings a stateful model back to its start, if the runner took the module at all."""
        if self._module is not None:
            self.model.reset(self._module)

    def raw_module(self) -> torch.nn.Module:
        """The module as the model builds it: on the CPU, in float32, under the run's seed."""
        import torch

        who = f"{self.case.model}.build()"
        with seeds.drawing(self.seed, "weights"), state.set_back(self.mode_changes, who, self.sets_back):
            module = self.model.build(self.params)
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"{self.case.model}.build() must return a torch.nn.Module, not {type(module).__name__}"
            )
        return module.eval()

    def raw_inputs(self, number: int, batch_size: int | None = None) -> Inputs:
        """One of the numbered sets of inputs: the same in every process of the run.

        Args:
            batch_size: another one than the case's.
        """
        who = f"{self.case.model}.inputs()"
        with (
            seeds.drawing(self.seed, f"inputs {number}"),
            state.set_back(self.mode_changes, who, self.sets_back),
        ):
            inputs = self.model.inputs(self.params, batch_size or self.case.batch_size)
        if not isinstance(inputs, Inputs):
            raise TypeError(
                f"{self.case.model}.inputs() must return harness.Inputs, not {type(inputs).__name__}"
            )
        return inputs

    def ready_inputs(self, raw: Inputs) -> Inputs:
        """Raw inputs on the device, in the case's precision."""
        place = devices.torch_device(self.device)
        moved = raw.map(lambda t: t.to(place))
        if self.case.precision in self.runner.recipes:
            return moved
        return self.precision.prepare_inputs(moved)


def _filled(component: Any, values: dict[str, Any]) -> Any:
    return fill(component.name, component.Params, {k: text_of(v) for k, v in values.items()})
