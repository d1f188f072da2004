"""Makes the plan, in a child process: names become components, points become identified cases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from harness import registry
from harness.catalogue import Catalogue, load
from harness.catalogue.adopted import Adopted
from harness.catalogue.loading import describe, idle_blocks
from harness.catalogue.params import as_data, default_of, text_of
from harness.catalogue.provided import Provided
from harness.catalogue.specs import Spec
from harness.catalogue.targets import SCHEME
from harness.components import Device, Model, Precision
from harness.errors import UsageError, placed
from harness.jobs import PlanJob
from harness.plan.environment import describe_machine, plugin_infos
from harness.plan.estimate import case_estimate_s
from harness.plan.points import Points
from harness.plan.selectors import parse_selector
from harness.plan.ways import runners_with_way
from harness.records.case import AXES, Case, Plan, PlannedCase, Provider
from harness.runner import Combination, Runner


def make_plan(job: PlanJob) -> Plan:
    """The plan for some matrices: unique cases, baselines added, each checked against this machine.

    Raises:
        UsageError: a name, parameter or value in the matrices is wrong.
    """
    planner = _Planner(job)
    points: dict[tuple[Any, ...], tuple[dict[str, Any], str]] = {}
    for matrix in job.matrices:
        with placed(matrix.where):
            expanded = list(planner.points.expand(matrix))
        for point in expanded:
            points.setdefault(tuple(str(point[a]) for a in AXES), (point, matrix.where))
    cases: dict[str, PlannedCase] = {}
    for point, where in points.values():
        with placed(where):
            planned = planner.case(point)
        first = cases.setdefault(planned.id, planned)
        if first.providers != planned.providers:
            what = f"{first.label['model']} x {first.label['runner']} x {first.case.precision}"
            raise UsageError(
                f"{what} is asked for from two providers of one name",
                "measure each in a run of its own",
            )
    _check_inputs(job, cases.values())
    if cases and planner.unfit.keys() >= cases.keys():
        raise UsageError(*planner.unfit[next(iter(cases))])
    with_baselines = planner.add_baselines(cases)
    return Plan(
        cases=with_baselines,
        plugins=plugin_infos(planner.catalogue.loaded),
        environment=describe_machine(planner.points.any_device(c.case.device for c in with_baselines)),
        warnings=[str(p) for p in planner.catalogue.problems],
        notes=[*idle_blocks(job.plugins), *planner.points.notes],
    )


def _check_inputs(job: PlanJob, cases: Iterable[PlannedCase]) -> None:
    """Raises UsageError if inputs are said and every model brings its own."""
    given = job.plugins.given
    named = [p for c in cases for p in c.providers if p.kind == "model"]
    if (given.inputs or given.file) and not any(p.source.startswith(SCHEME) for p in named):
        option = "--inputs" if given.file else "--input"
        name = named[0].name if named else "nothing"
        raise UsageError(
            f"{option} says what goes into a model of your own, and {name} is none",
            "its parameters say what it takes: `harness list models`",
        )


class _Planner:
    def __init__(self, job: PlanJob) -> None:
        self.job = job
        self.catalogue = Catalogue(load(job.plugins))
        self.points = Points(self.catalogue)
        self.unfit: dict[str, tuple[str, str]] = {}
        """Cases whose file takes no batch of their size: why, and what would do."""

    def case(self, point: dict[str, Any], added: bool = False) -> PlannedCase:
        """The identified case at a point, with what this machine says to it."""
        model, params = self.catalogue.fill("model", point["model"])
        runner, options = self.catalogue.fill("runner", point["runner"])
        precision = self.catalogue.get("precision", point["precision"])
        if point["precision"].values:
            raise UsageError(
                f"precision {precision.name} has no parameters", f"name it alone: {precision.name}"
            )
        assert isinstance(model.component, Model)
        assert isinstance(runner.component, Runner)
        assert isinstance(precision.component, Precision)
        case = Case(
            model=model.name,
            params=as_data(params),
            runner=runner.name,
            options=as_data(options),
            precision=precision.name,
            batch_size=point["batch_size"],
            device=point["device"],
            threads=point["threads"],
        )
        device = self.points.device(point["device"])
        unsupported = device if isinstance(device, str) else None
        emulated = None
        if isinstance(device, Device):
            combination = Combination(
                model.component,
                params,
                options,
                precision.component,
                case.batch_size,
                device,
                case.threads,
            )
            unsupported, emulated = _verdict(runner.component, precision.component, combination)
            unsupported = (
                self._unread(model.component, runner.component)
                or self._unfit(model.component, case)
                or unsupported
                or self._no_way(runner.component, precision.component)
            )
        tolerance, source = self._tolerance(model.component, precision.component)
        return PlannedCase(
            id=case.id(self.job.scenario),
            case=case,
            label={"model": _label(model, params), "runner": _label(runner, options)},
            providers=[_provider(p) for p in (model, runner, precision)],
            tolerance=tolerance,
            tolerance_source=source,
            unit=model.component.unit,
            items=_items(model.component, params, case.batch_size),
            unsupported=unsupported,
            emulated=emulated,
            added=added,
            concurrent=runner.component.concurrent and type(model.component).reset is Model.reset,
            builds=type(runner.component).build is not Runner.build,
            estimate_s=case_estimate_s(runner.component, bool(emulated)),
        )

    def _unfit(self, model: Model, case: Case) -> str | None:
        """Why a file cannot be called with a batch of this size, if so."""
        said = model.unfit(case.batch_size) if isinstance(model, Adopted) else None
        if said is None:
            return None
        self.unfit[case.id(self.job.scenario)] = said
        return ": ".join(said)

    def _tolerance(self, model: Model, precision: Precision) -> tuple[float, str]:
        own = model.tolerances.get(precision.name, precision.tolerance)
        tolerance, source = precision.tolerance, "precision"
        if own < tolerance:
            tolerance, source = own, "model"
        if (rounded := self._of_format(model)) > tolerance:
            tolerance, source = rounded, "model"
        chosen = self.job.settings.tolerance
        return (chosen, "option") if chosen is not None else (tolerance, source)

    def _of_format(self, model: Model) -> float:
        """The limit of what casts to the format that a file has; 0 where nothing does."""
        if not isinstance(model, Adopted):
            return 0.0
        every = [p.component for p in self.catalogue.of_kind("precision")]
        casts = [p for p in every if isinstance(p, Precision) and p.how == "cast" and p.dtype == model.dtype]
        return min((p.tolerance for p in casts), default=0.0)

    def _no_way(self, runner: Runner, precision: Precision) -> str | None:
        """Why nobody can bring a model to a precision without a general way to it, if so."""
        general = precision.how != "quantised" or type(precision).prepare is not Precision.prepare
        if general or precision.name in runner.recipes:
            return None
        others = runners_with_way(self.catalogue, precision)
        what = f": try -r {others[0]}" if others else ""
        return f"{runner.name} has no way to {precision.name}{what}"

    def _unread(self, model: Model, runner: Runner) -> str | None:
        """Why a runner cannot run a file that no module can be made of, if so."""
        if not model.format or model.format in runner.reads:
            return None
        runners = [p.component for p in self.catalogue.of_kind("runner")]
        reads = [r for r in runners if isinstance(r, Runner) and model.format in r.reads]
        others = [r.name for r in reads if not r.available()] or [r.name for r in reads]
        return f"{runner.name} does not read {model.format} files: try -r {','.join(others) or 'another one'}"

    # -- baselines --------------------------------------------------------------------------------

    def add_baselines(self, cases: dict[str, PlannedCase]) -> list[PlannedCase]:
        """Every case with its baseline's id; baselines nobody asked for are added before them, where there is
        a case that can be measured beside one.
        """
        if self.job.baseline == "none":
            return list(cases.values())
        wanted = self._baseline_axes()
        beside: list[tuple[PlannedCase, PlannedCase]] = []
        for planned in cases.values():
            point = _point(planned)
            axes = {**point, **wanted}
            if not self.job.baseline:  # nobody said who it is to be: one that can run the model at all
                axes["runner"] = self.points.reader(point["model"], axes["runner"])
            beside.append((planned, self.case(axes, added=True)))
        needed = {baseline.id for planned, baseline in beside if not planned.unsupported} - set(cases)
        whole: dict[str, PlannedCase] = {}
        for planned, baseline in beside:
            if baseline.id in needed:
                whole.setdefault(baseline.id, baseline)
            whole[planned.id] = replace(planned, baseline_id=baseline.id)
        return [replace(c, baseline_id=c.id) if c.added else c for c in whole.values()]

    def _baseline_axes(self) -> dict[str, Any]:
        if not self.job.baseline:
            return {k: self.points.pattern(k, v) for k, v in registry.defaults()["baseline"].items()}
        return {k: self.points.pattern(k, v) for k, v in parse_selector(self.job.baseline).items()}


def _point(planned: PlannedCase) -> dict[str, Any]:
    """The point of a plan that a case stands at."""
    case = planned.case
    owners = {p.kind: p.source for p in planned.providers}

    def spec(kind: str, name: str, values: dict[str, Any]) -> Spec:
        return Spec(name, tuple((k, text_of(v)) for k, v in values.items()), owners[kind])

    return {
        "model": spec("model", case.model, case.params),
        "runner": spec("runner", case.runner, case.options),
        "precision": spec("precision", case.precision, {}),
        "batch_size": case.batch_size,
        "device": case.device,
        "threads": case.threads,
    }


def _verdict(runner: Runner, precision: Precision, combination: Combination) -> tuple[str | None, str | None]:
    """(the first sentence that speaks against a combination, else why its arithmetic is imitated)."""
    model = combination.model
    try:
        reason = (
            model.available()
            or runner.available()
            or precision.available()
            or (None if precision.name in runner.recipes else precision.supports(combination.device))
            or runner.supports(combination)
        )
        emulated = None if reason else precision.emulated(combination.device)
        answers: list[Any] = [reason, emulated]  # by the code of others
        for said in answers:
            if said and not isinstance(said, str):
                return f"asked whether it is supported, its plugin answered {said!r:.100}, no sentence", None
        return reason, emulated
    except (Exception, SystemExit) as error:
        return f"asked whether it is supported, its plugin failed: {describe(error)}", None


def _items(model: Model, params: Any, batch_size: int) -> int:
    """What one call processes; 0 where the model cannot say, which its replicates will."""
    try:
        return max(0, int(model.items(params, batch_size)))
    except Exception:
        return 0


def _label(provided: Provided, params: Any) -> str:
    """The component as it is written on the command line, defaults left out."""
    cls = provided.component.Params
    data = as_data(params)
    changed = [
        f"{name}={text_of(value)}"
        for name, value in data.items()
        if text_of(value) != text_of(default_of(cls, name))
    ]
    return f"{provided.name}:{','.join(changed)}" if changed else provided.name


def _provider(provided: Provided) -> Provider:
    origin = provided.origin
    return Provider(
        kind=provided.kind,
        name=provided.name,
        source=origin.source,
        distribution=origin.distribution,
        version=origin.version,
        digest=origin.digest,
    )
