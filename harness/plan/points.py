"""The points of a sweep: matrices multiplied out, every name resolved, every device looked up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from harness import registry
from harness.catalogue import Catalogue
from harness.catalogue.loading import describe
from harness.catalogue.specs import Spec, parse, split_list
from harness.components import Component, Device, Model, Precision
from harness.errors import Unsupported
from harness.jobs import Matrix
from harness.machine import usable_cores
from harness.measure import devices
from harness.plan.ways import runners_with_way
from harness.records.case import AXES
from harness.runner import Runner

ALL = "all"


class Points:
    """Multiplies matrices out; `notes` collects what the user should be told on the way."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.notes: list[str] = []
        self._devices: dict[str, Device | str] = {}
        self._default_device = devices.default()
        self._default_threads = usable_cores()

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
        for count in values["threads"]:
            if count > self._default_threads:
                self._note(f"{count} threads on {self._default_threads} usable cores wait for one another")
        device = self.device(values["device"][0])
        for kind in ("model", "runner", "precision"):
            values[kind] = [s for text in values[kind] for s in self._specs(kind, text, device)]
        excluded = [{k: self.pattern(k, v) for k, v in p.items()} for p in matrix.exclude]
        for combination in product(*(values[a] for a in AXES)):
            point = dict(zip(AXES, combination, strict=True))
            if not matrix.runner:
                point["runner"] = self.reader(point["model"], point["runner"])
            elif ALL in matrix.runner and not self._reads(point["runner"], point["model"]):
                self._leave_out(point)
                continue
            if not any(self._matches(point, pattern) for pattern in excluded):
                yield point
        for extra in matrix.include:
            point = {a: values[a][0] for a in AXES}
            point.update({k: self.pattern(k, v) for k, v in extra.items()})
            yield point

    def reader(self, model: Spec, runner: Spec) -> Spec:
        """The runner, or the first one that can be used and reads the file that the model is."""
        if self._reads(runner, model):
            return runner
        for provided in self.catalogue.of_kind("runner"):
            spec = Spec(provided.name, distribution=provided.origin.source)
            if self._reads(spec, model) and not provided.component.available():
                return spec
        return runner

    def _reads(self, runner: Spec, model: Spec) -> bool:
        """Whether a runner can take a model: any module, and files of the formats that it reads."""
        component, found = self.catalogue.get("model", model).component, self.catalogue.get("runner", runner)
        assert isinstance(component, Model)
        assert isinstance(found.component, Runner)
        return not component.format or component.format in found.component.reads

    def _leave_out(self, point: dict[str, Any]) -> None:
        model, runner = point["model"].name, point["runner"].name
        self._note(f"{ALL} leaves out runner {runner} for {model}: it reads no such file")

    def _specs(self, kind: str, text: str, device: Device | str) -> list[Spec]:
        if text != ALL:
            return [self._known(kind, parse(part, kind)) for part in split_list(text)]
        found = []
        for provided in self.catalogue.of_kind(kind):
            reason = self._unusable(provided.component, device)
            if reason:
                self.notes.append(f"{ALL} leaves out {kind} {provided.name}: {reason}")
            else:
                found.append(Spec(provided.name, distribution=provided.origin.source))
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

    def pattern(self, axis: str, value: str | int) -> Any:
        """The value of an axis as points hold it: names resolved, devices spelt one way."""
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

    def any_device(self, texts: Iterable[str]) -> Device | None:
        """The accelerator among some devices if there is one, for the description of the machine."""
        found = [self.device(text) for text in texts]
        real = [d for d in found if isinstance(d, Device)]
        return next((d for d in real if d.type != "cpu"), real[0] if real else None)

    def _unusable(self, component: Component, device: Device | str) -> str | None:
        """Why `all` leaves a component out."""
        try:
            reason = component.available()
            if isinstance(component, Precision) and isinstance(device, Device) and not reason:
                lacking = component.supports(device)
                if lacking and not runners_with_way(self.catalogue, component):
                    return lacking
                reason = component.emulated(device)
            return reason
        except Exception as error:
            return f"asked whether it is available, its plugin failed: {describe(error)}"
