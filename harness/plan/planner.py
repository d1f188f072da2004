"""Makes the plan, in a child process: names become components, points become identified cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from harness import registry
from harness.catalogue import Catalogue, load
from harness.catalogue.loading import describe
from harness.catalogue.params import as_data, default_of, text_of
from harness.catalogue.specs import Spec, parse, split_list
from harness.components import Combination, Component, Device, Model, Precision, Provided, Runner
from harness.errors import Unsupported, UsageError
from harness.jobs import Matrix, PlanJob
from harness.machine import usable_cores
from harness.measure import devices
from harness.plan.environment import describe_machine, plugin_infos
from harness.plan.selectors import parse_selector
from harness.records.case import AXES, Case, Plan, PlannedCase, Provider

ALL = "all"
_PASS_S, _EMULATED_S, _ONCE_S, _START_S = 1.3, 8.0, 1.0, 5.0
"""For the time estimate: a pass over a case, over an emulated one, what is done once, the start."""


def make_plan(job: PlanJob) -> Plan:
    """The plan for some matrices: unique cases, baselines added, each checked against this machine.

    Raises:
        UsageError: a name, parameter or value in the matrices is wrong.
    """
    planner = _Planner(job)
    points: dict[tuple[Any, ...], dict[str, Any]] = {}
    for matrix in job.matrices:
        for point in planner.expand(matrix):
            points.setdefault(tuple(str(point[a]) for a in AXES), point)
    cases: dict[str, PlannedCase] = {}
    for point in points.values():
        planned = planner.case(point)
        first = cases.setdefault(planned.id, planned)
        if first.providers != planned.providers:
            raise UsageError(
                f"{first.label['model']} x {first.label['runner']} x {first.case.precision} is asked for from "
                "two providers of one name",
                "measure each in a run of its own",
            )
    with_baselines = planner.add_baselines(cases)
    return Plan(
        cases=with_baselines,
        plugins=plugin_infos(planner.catalogue.loaded),
        environment=describe_machine(planner.any_device(with_baselines)),
        warnings=[str(p) for p in planner.catalogue.problems],
        notes=planner.notes,
    )


def total_estimate_s(plan: Plan, passes: int) -> float:
    """A rough guess of a run's wall time: cases, and the start of the processes."""
    return _START_S + sum(c.estimate_s for c in plan.cases if not c.unsupported) * (passes / 3)


class _Planner:
    def __init__(self, job: PlanJob) -> None:
        self.job = job
        self.catalogue = Catalogue(load(job.plugins))
        self.notes: list[str] = []
        self._devices: dict[str, Device | str] = {}
        self._default_device = devices.default()
        self._default_threads = usable_cores()

    # -- axes -------------------------------------------------------------------------------------

    def expand(self, matrix: Matrix) -> Iterator[dict[str, Any]]:
        """The points of a matrix: its product without what is excluded, then what is included."""
        single = registry.defaults()["single"]
        values: dict[str, list[Any]] = {
            "model": matrix.model or [single["model"]],
            "runner": matrix.runner or [single["runner"]],
            "precision": matrix.precision or [single["precision"]],
            "batch_size": list(matrix.batch_size) or [single["batch_size"]],
            "device": matrix.device or [self._default_device],
            "threads": list(matrix.threads) or [self._default_threads],
        }
        values["device"] = [self._canonical_device(d) for d in values["device"]]
        device = self.device(values["device"][0])
        for kind in ("model", "runner", "precision"):
            values[kind] = [s for text in values[kind] for s in self._specs(kind, text, device)]
        excluded = [{k: self._pattern(k, v) for k, v in p.items()} for p in matrix.exclude]
        for combination in product(*(values[a] for a in AXES)):
            point = dict(zip(AXES, combination, strict=True))
            if not any(self._matches(point, pattern) for pattern in excluded):
                yield point
        for extra in matrix.include:
            point = {a: values[a][0] for a in AXES}
            point.update({k: self._pattern(k, v) for k, v in extra.items()})
            yield point

    def _specs(self, kind: str, text: str, device: Device | str) -> list[Spec]:
        if text != ALL:
            return [self._known(kind, parse(part, kind)) for part in split_list(text)]
        found = []
        for provided in self.catalogue.of_kind(kind):
            reason = _unusable(provided.component, device)
            if reason:
                self.notes.append(f"{ALL} leaves out {kind} {provided.name}: {reason}")
            else:
                found.append(Spec(provided.name, distribution=provided.origin.distribution))
        return found

    def _known(self, kind: str, spec: Spec) -> Spec:
        """The spec under the component's own name; a note where another word was used."""
        provided = self.catalogue.get(kind, spec)
        if spec.name != provided.name:
            self._note(f"{kind} {spec.name} is {provided.name}: {provided.component.summary}")
        return replace(spec, name=provided.name)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _pattern(self, axis: str, value: str | int) -> Any:
        if axis == "device":
            return self._canonical_device(str(value))
        if axis in ("model", "runner", "precision"):
            return self._known(axis, parse(str(value), axis))
        return value

    def _matches(self, point: dict[str, Any], pattern: dict[str, Any]) -> bool:
        for axis, wanted in pattern.items():
            here = point[axis]
            if isinstance(wanted, Spec):
                if here.name != wanted.name or not set(wanted.values) <= set(here.values):
                    return False
            elif here != wanted:
                return False
        return True

    def _canonical_device(self, text: str) -> str:
        device = self.device(text)
        return str(device) if isinstance(device, Device) else text.strip().lower()

    def device(self, text: str) -> Device | str:
        """The device, or the sentence that says why there is none."""
        if text not in self._devices:
            try:
                self._devices[text] = devices.resolve(text)
            except Unsupported as reason:
                self._devices[text] = str(reason)
        return self._devices[text]

    def any_device(self, cases: list[PlannedCase]) -> Device | None:
        """The accelerator of the plan if it has one, for the description of the machine."""
        found = [self.device(c.case.device) for c in cases]
        real = [d for d in found if isinstance(d, Device)]
        return next((d for d in real if d.type != "cpu"), real[0] if real else None)

    # -- cases ------------------------------------------------------------------------------------

    def case(self, point: dict[str, Any], added: bool = False) -> PlannedCase:
        """The identified case at a point, with what this machine says to it."""
        model, params = self.catalogue.fill("model", point["model"])
        runner, options = self.catalogue.fill("runner", point["runner"])
        precision = self.catalogue.get("precision", point["precision"])
        if point["precision"].values:
            raise UsageError(f"precision {precision.name} has no parameters")
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
        device = self.device(point["device"])
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
        tolerance, source = self._tolerance(model.component, precision.component)
        estimate = 3 * (_EMULATED_S if emulated else _PASS_S) + _ONCE_S
        return PlannedCase(
            id=case.id(self.job.scenario),
            case=case,
            label={"model": _label(model, params), "runner": _label(runner, options)},
            providers=[_provider(p) for p in (model, runner, precision)],
            tolerance=tolerance,
            tolerance_source=source,
            unit=model.component.unit,
            items=model.component.items(params, case.batch_size),
            unsupported=unsupported,
            emulated=emulated,
            added=added,
            builds=type(runner.component).build is not Runner.build,
            estimate_s=estimate + runner.component.ready_estimate_s,
        )

    def _tolerance(self, model: Model, precision: Precision) -> tuple[float, str]:
        own = model.tolerances.get(precision.name, precision.tolerance)
        tolerance, source = precision.tolerance, "precision"
        if own < tolerance:
            tolerance, source = own, "model"
        chosen = self.job.settings.tolerance
        return (chosen, "option") if chosen is not None else (tolerance, source)

    # -- baselines --------------------------------------------------------------------------------

    def add_baselines(self, cases: dict[str, PlannedCase]) -> list[PlannedCase]:
        """Every case with its baseline's id; baselines nobody asked for are added before them."""
        if self.job.baseline == "none":
            return list(cases.values())
        wanted = self._baseline_axes()
        whole: dict[str, PlannedCase] = {}
        for planned in cases.values():
            baseline = self.case({**_point(planned), **wanted}, added=True)
            if baseline.id not in cases:
                whole.setdefault(baseline.id, baseline)
            whole[planned.id] = replace(planned, baseline_id=baseline.id)
        return [replace(c, baseline_id=c.id) if c.added else c for c in whole.values()]

    def _baseline_axes(self) -> dict[str, Any]:
        if not self.job.baseline:
            return {k: self._pattern(k, v) for k, v in registry.defaults()["baseline"].items()}
        return {k: self._pattern(k, v) for k, v in parse_selector(self.job.baseline).items()}


def _point(planned: PlannedCase) -> dict[str, Any]:
    """The point of a plan that a case stands at."""
    case = planned.case
    owners = {p.kind: p.distribution for p in planned.providers}

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
        return reason, None if reason else precision.emulated(combination.device)
    except Exception as error:
        return f"asked whether it is supported, its plugin failed: {describe(error)}", None


def _unusable(component: Component, device: Device | str) -> str | None:
    """Why `all` leaves a component out."""
    try:
        reason = component.available()
        if isinstance(component, Precision) and isinstance(device, Device) and not reason:
            reason = component.supports(device) or component.emulated(device)
        return reason
    except Exception as error:
        return f"asked whether it is available, its plugin failed: {describe(error)}"


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
