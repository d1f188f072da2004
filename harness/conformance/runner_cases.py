"""The cases that a runner is tried on: planned by the harness itself, in a child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import registry
from harness.catalogue.specs import Spec, parse
from harness.components import Precision
from harness.conformance import probes
from harness.conformance.bench import Bench, request_of
from harness.conformance.contract import ON_PROBES
from harness.jobs import Matrix, PlanJob
from harness.machine import usable_cores
from harness.measure import devices
from harness.plan.planner import make_plan
from harness.records.case import PlannedCase, Scenario
from harness.records.settings import Settings
from harness.runner import Combination

PROBES = str(Path(probes.__file__).resolve())
"""The file of the probes, as a plugin to be loaded."""
GROUPS = ("each", "probes", "raising", "narrow", "large", "single")
THREADS = 1
_SHARED = 2
"""Threads of the large cases where there are cores for them: with one, nobody sees a runner that sets one."""


def matrices(bench: Bench) -> dict[str, list[Matrix]]:
    """Group -> what is to be planned for it."""
    import torch

    chosen = registry.conformance()
    everywhere = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    own_models = [] if bench.job.source.startswith("builtin:") else _names(bench, "model")
    own_precisions = _names(bench, "precision")
    baseline = chosen["precision"]["baseline"]
    runner = [bench.component.name]

    def matrix(row: dict[str, Any], **more: Any) -> Matrix:
        whole = {"precision": [baseline], "batch_size": [3], **row, "runner": runner, "device": everywhere}
        return Matrix(**{**whole, "threads": [THREADS], **more})

    each = [matrix(row) for row in chosen["runner"]]
    each += [matrix({"model": own_models})] if own_models else []
    each += [matrix({"model": chosen["runner"][0]["model"], "precision": own_precisions})] * bool(
        own_precisions
    )
    names = [one.name for one in probes.harness_models() if one.name not in (probes.RAISING, probes.NARROW)]
    return {
        "each": each,
        "probes": [matrix({"model": names}, device=["cpu"])],
        "raising": [matrix({"model": [probes.RAISING]}, device=["cpu"])],
        "narrow": [matrix({"model": [probes.NARROW], "precision": ["all"], "batch_size": [8]})],
        # With one thread its processor time is what it computes: several wait for one another in a loop.
        "single": [matrix(chosen["large"], device=["cpu"], threads=[1])],
        "large": [matrix(chosen["large"], device=["cpu"], threads=[min(_SHARED, usable_cores())])],
    }


def planned(bench: Bench, group: str, wanted: list[Matrix]) -> list[PlannedCase]:
    """The cases of a group, the unsupported ones among them, in the order of its matrices."""
    request = request_of(bench.job.plugins, PROBES) if group in ON_PROBES else bench.job.plugins
    plan = make_plan(PlanJob(wanted, request, Scenario(), Settings(), "none"))
    return plan.cases


def combinations(bench: Bench, wanted: list[Matrix]) -> list[Combination]:
    """What `supports` is asked about, straight."""
    catalogue = bench.catalogue
    found = []
    for matrix in wanted:
        precisions = catalogue.names("precision") if matrix.precision == ["all"] else matrix.precision
        for text in matrix.model:
            model, params = catalogue.fill("model", parse(text, "model"))
            for name in precisions:
                precision = catalogue.get("precision", Spec(name)).component
                assert isinstance(precision, Precision)
                for size in matrix.batch_size:
                    for device in matrix.device:
                        found.append(
                            Combination(
                                model.component,  # type: ignore[arg-type]
                                params,
                                bench.params,
                                precision,
                                size,
                                devices.resolve(device),
                                THREADS,
                            )
                        )
    return found


def _names(bench: Bench, kind: str) -> list[str]:
    return [p.name for p in bench.catalogue.of_kind(kind) if p.origin.source == bench.job.source]
