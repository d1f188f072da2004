"""Which record of a report is the case that a claim names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness import registry
from harness.catalogue.params import text_of
from harness.catalogue.specs import parse
from harness.claims.claim import Point
from harness.jobs import Matrix
from harness.records.case import Case
from harness.records.report import Record, Report


@dataclass(frozen=True)
class Here:
    """What a claim leaves open, on the machine that judges it."""

    device: str
    """The default device."""
    threads: int
    """All there are."""


def matrices(points: Iterable[Point]) -> list[Matrix]:
    """What to plan for these points: each by itself."""
    return [
        Matrix(
            model=[p.model],
            runner=[p.runner],
            precision=[p.precision],
            batch_size=[p.batch_size],
            device=[p.device] if p.device else [],
            threads=[p.threads] if p.threads else [],
        )
        for p in dict.fromkeys(points)
    ]


def record_at(point: Point, report: Report, here: Here) -> Record | None:
    """The record of a point, if the report has it."""
    return next((r for r in report.records if same(point, r.case, r.label, here)), None)


def same(point: Point, case: Case, label: dict[str, str], here: Here) -> bool:
    """Whether a case is the one that a point names."""
    return (
        case.batch_size == point.batch_size
        and case.precision == _precision_names().get(point.precision, point.precision)
        and _device(point.device or here.device) == _device(case.device)
        and case.threads == (point.threads or here.threads)
        and _component(point.model, "model", case.model, case.params, label["model"])
        and _component(point.runner, "runner", case.runner, case.options, label["runner"])
    )


def _device(text: str) -> str:
    return text.strip().lower().removesuffix(":0")


def _component(text: str, kind: str, name: str, params: dict[str, Any], label: str) -> bool:
    """A label leaves defaults out; a claim may spell them out, in any order."""
    spec = parse(text, kind)
    named = dict(spec.values)
    changed = {key for key, _ in parse(label, kind).values}
    return (
        spec.name == name
        and changed <= named.keys()
        and all(_equal(text_of(params.get(key)), value) for key, value in named.items())
    )


def _equal(mine: str, theirs: str) -> bool:
    if mine == theirs:
        return True
    try:
        return float(mine) == float(theirs)
    except ValueError:
        return mine.lower() == theirs.lower()


@cache
def _precision_names() -> dict[str, str]:
    rows = [row for row in registry.components() if row["kind"] == "precision"]
    return {alias: row["name"] for row in rows for alias in row.get("aliases", ())}
