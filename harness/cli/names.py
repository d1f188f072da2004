"""Misspelt names of components, found before any process is started."""

from __future__ import annotations

from typing import Any

from harness import inventory
from harness.catalogue import params
from harness.catalogue.catalogue import unknown_name
from harness.catalogue.specs import Spec, parse
from harness.errors import placed
from harness.execute.run import RunRequest


def check_names(request: RunRequest) -> None:
    """Finds misspelt names at once where the components are known, before any process is started.

    Where they are not (a plugin by option, a new environment) the plan's child finds them.

    Raises:
        UsageError: a name or a parameter is unknown.
    """
    if request.plugins.extra or request.plugins.blocked:
        return
    found = inventory.cached(inventory.environment_key())
    if found is None:
        return
    for kind in ("model", "runner", "precision"):
        known: dict[str, list[dict[str, Any]]] = {}
        for row in found["components"]:
            if row["kind"] == kind:
                for name in (row["name"], *row.get("aliases", ())):
                    known.setdefault(name, []).append(row)
        for matrix in request.matrices:
            with placed(matrix.where):
                for text in getattr(matrix, kind):
                    if text != "all":
                        _check(parse(text, kind), kind, known, found["problems"])


def _check(spec: Spec, kind: str, known: dict[str, list[dict[str, Any]]], problems: list[str]) -> None:
    if spec.target is not None:
        return  # the plan's child looks for it
    rows = known.get(spec.name)
    if rows is None:
        names = sorted({row["name"] for found in known.values() for row in found})
        raise unknown_name(kind, spec, names, problems)
    if len(rows) == 1:
        takes = [params.Parameter(**{"default": None, **p}) for p in rows[0]["params"]]
        params.check_names(rows[0]["name"], takes, dict(spec.values))
