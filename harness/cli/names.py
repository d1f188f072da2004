"""Misspelt names of components, found before any process is started."""

from __future__ import annotations

from typing import Any

from harness import inventory
from harness.catalogue import params
from harness.catalogue.catalogue import unknown_name
from harness.catalogue.specs import parse
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
        names = sorted({row["name"] for rows in known.values() for row in rows})
        for spec in (parse(t, kind) for m in request.matrices for t in getattr(m, kind) if t != "all"):
            if spec.target is not None:
                continue  # the plan's child looks for it
            rows = known.get(spec.name)
            if rows is None:
                raise unknown_name(kind, spec, names, found["problems"])
            if len(rows) == 1:
                takes = [params.Parameter(**{"default": None, **p}) for p in rows[0]["params"]]
                params.check_names(rows[0]["name"], takes, dict(spec.values))
