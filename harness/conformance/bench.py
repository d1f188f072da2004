"""What a check has at hand in its child process: the plugin, one of its components, and cases made of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.loading import Loaded
from harness.catalogue.params import as_data
from harness.catalogue.provided import Origin
from harness.conformance import surroundings
from harness.hookspecs import CATALOGUE_HOOKS
from harness.jobs import CaseJob, ConformanceJob
from harness.measure import reference, seeds
from harness.measure.leaves import tensor_leaves
from harness.records.case import Case, PlannedCase, Provider, Scenario
from harness.records.settings import Settings

if TYPE_CHECKING:
    import torch

    from harness.components import Inputs, Model
    from harness.measure.loaded import LoadedCase
    from harness.measure.prepare import CaseWork


class Bench:
    """One check's process.

    Args:
        job: which check, on what.
        stage: told what is done next, so that the end of a process can be told from its beginning.
    """

    def __init__(self, job: ConformanceJob, stage: Callable[[str], None] = lambda _: None) -> None:
        self.job = job
        self.stage = stage
        self.data: dict[str, Any] = {}
        """What goes with the verdict."""
        self.session: Any = None
        """What the runner's load() gave, session or not."""

    # -- the plugin -------------------------------------------------------------------------------

    @cached_property
    def loaded(self) -> Loaded:
        """The box and the plugin, and nobody else."""
        return load(self.job.plugins, only={self.job.source})

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.loaded)

    @property
    def origin(self) -> Origin:
        return next(o for o in self.loaded.plugins() if o.source == self.job.source)

    @property
    def plugin(self) -> Any:
        """The plugin's module or object."""
        return self.loaded.manager.get_plugin(self.job.source)

    def yielded(self, kind: str) -> list[Any]:
        """What the plugin's hook of a kind gives, good or not; see `Catalogue` for what becomes of it."""
        caller = getattr(self.loaded.manager.hook, CATALOGUE_HOOKS[kind])
        ours = [i for i in caller.get_hookimpls() if i.plugin is self.plugin]
        found: list[Any] = []
        for implementation in ours:
            try:
                for count, one in enumerate(implementation.function() or ()):
                    if count >= _MOST:
                        break
                    found.append(one)
            except (Exception, SystemExit):  # told by the check of the hooks
                break
        return found

    @cached_property
    def component(self) -> Any:
        """The component that is checked."""
        return self.yielded(self.job.kind)[self.job.index]

    # -- a model ----------------------------------------------------------------------------------

    @property
    def model(self) -> Model:
        return self.component  # type: ignore[no-any-return]

    @cached_property
    def params(self) -> Any:
        """The component's parameters: as they are by default, until a check tries others."""
        return self.component.Params()

    def work(self, batch_size: int = 3, seed: int = 0) -> CaseWork:
        """The model as a case under the runner and precision of `registry/conformance.toml`."""
        from harness.measure.prepare import CaseWork

        return CaseWork(self._model_job(batch_size, seed))

    def _model_job(self, batch_size: int, seed: int) -> CaseJob:
        chosen = registry.conformance()["model"]
        rows = {(c["kind"], c["name"]): c["source"] for c in registry.components()}
        names = {"runner": chosen["runner"], "precision": chosen["precision"]}
        case = Case(
            model=self.component.name,
            params=as_data(self.params),
            runner=names["runner"],
            options={},
            precision=names["precision"],
            batch_size=batch_size,
            device="cpu",
            threads=1,
        )
        planned = PlannedCase(
            id=case.id(Scenario()),
            case=case,
            label={"model": case.model, "runner": case.runner},
            providers=[
                Provider("model", case.model, self.job.source),
                *(Provider(kind, name, rows[kind, name]) for kind, name in names.items()),
            ],
            tolerance=self.tolerance_of(names["precision"]),
            tolerance_source="precision",
            unit=self.component.unit,
            items=batch_size,
        )
        folder = Path(self.job.folder)
        return CaseJob(
            planned=planned,
            plugins=self.job.plugins,
            seed=seed,
            folder=str(folder / "case"),
            reference="",
            cache=str(folder / "cache"),
            replicate=0,
            settings=Settings(),
        )

    def tolerance_of(self, precision: str) -> float:
        """The model's own tolerance, where it is the tighter one."""
        general = self.catalogue.get("precision", precision).component.tolerance  # type: ignore[attr-defined]
        own = getattr(self.component, "tolerances", {}).get(precision, general)
        return float(min(own, general))

    def called(
        self, work: CaseWork, module: torch.nn.Module, inputs: Inputs, copied: bool = True
    ) -> list[torch.Tensor]:
        """The output of one call as a user makes it, from the initial state, copied.

        Args:
            copied: whether the module gets a copy of the inputs, to do with as it likes.
        """
        import torch

        with torch.inference_mode():
            inputs = inputs.map(torch.clone) if copied else inputs
            work.model.reset(module)
            raw = module(*inputs.args, **inputs.kwargs)
        return [t.detach().clone() for t in tensor_leaves(raw)]

    # -- a case of a runner -----------------------------------------------------------------------

    @property
    def planned(self) -> PlannedCase:
        assert self.job.case is not None
        return self.job.case.planned

    def unloaded(self) -> CaseWork:
        """The case of a runner's check before anything is loaded."""
        from harness.measure.prepare import CaseWork

        assert self.job.case is not None
        return CaseWork(self.job.case)

    def case(self, sets: int | None = None) -> LoadedCase:
        """The case of a runner's check, loaded and bound; what its state was before is `watch`."""
        from harness.measure.loaded import LoadedCase

        assert self.job.case is not None
        found = LoadedCase(self.unloaded(), self.job.case, sets)
        self.watch = surroundings.Watch()
        self.stage("loading")
        try:
            found.load()
        finally:
            self.session = getattr(found, "session", None)
        self.stage("calling")
        return found

    def references(self) -> list[list[torch.Tensor]]:
        """What the case's outputs are held against, set by set."""
        assert self.job.case is not None
        known = reference.read(self.job.case.reference)
        assert known is not None
        return known.outputs


_MOST = 10_000


def built(bench: Bench) -> LoadedCase:
    """The case loaded, its files made in this process."""
    if bench.planned.builds:
        bench.stage("building")
        work = bench.unloaded()
        work.runner.build(work)
    return bench.case()


def digest_of(inputs: Inputs) -> str:
    """A digest of all tensors of one set of inputs."""
    return seeds.digest(tensor_leaves((inputs.args, inputs.kwargs)))


def tensors_of(inputs: Inputs) -> list[torch.Tensor]:
    """All tensors of one set of inputs, in order."""
    return tensor_leaves((inputs.args, inputs.kwargs))


def reference_of(work: CaseWork, inputs: Inputs) -> list[torch.Tensor]:
    """The model's reference for some inputs, made in this process, in float64."""
    import torch

    module = work.raw_module().double()
    cast = inputs.map(lambda t: t.to(torch.float64) if t.is_floating_point() else t)
    with torch.inference_mode():
        work.model.reset(module)
        raw = work.model.reference(work.params, module, cast)
    return [t.detach().cpu().clone() for t in tensor_leaves(raw)]


def request_of(plugins: PluginRequest, *more: str) -> PluginRequest:
    """The same request with more plugins to load."""
    return PluginRequest((*plugins.extra, *more), plugins.blocked)
