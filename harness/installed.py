"""Which plugins are installed, whether each loads, and which are known and not installed.

Entry points are read from metadata, and what a plugin provides is taken from an inventory: no plugin's code
runs here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from harness import inventory, registry

LOADS, IN_PART, BROKEN, BLOCKED, UNKNOWN = "loads", "in part", "broken", "blocked", "unknown"
_DISABLE = "HARNESS_NO_PLUGINS"
_KINDS = ("model", "runner", "precision", "reporter")


def installed(
    found: dict[str, Any], blocked: Iterable[str], disabled: bool, trouble: str | None = None
) -> list[dict[str, Any]]:
    """One row for each installed entry point, and for each plugin that was named by --plugin.

    Args:
        found: an inventory, taken with the same blocks.
        blocked: what --plugin no:NAME said.
        disabled: whether no installed plugin is to be loaded.
        trouble: why there is no inventory of plugins.
    """
    tried = {(row["distribution"], row["plugin"]): row for row in found["plugins"]}
    rows = []
    for name, module, distribution, version in _entry_points():
        row = _row(name, distribution, version) | {"module": module}
        by = next((b for b in blocked if b in (name, distribution)), None)
        seen = tried.pop((distribution, name), None)
        if disabled or by is not None:
            reason = f"{_DISABLE} is set" if disabled else f"--plugin no:{by}"
            rows.append(row | {"status": BLOCKED, "reasons": [reason]})
        elif trouble is not None:
            rows.append(row | {"status": UNKNOWN, "reasons": [trouble]})
        else:
            rows.append(row | _seen(seen, found["components"]))
    for (distribution, plugin), seen in tried.items():
        rows.append(_row(plugin, distribution, seen["version"]) | _seen(seen, found["components"]))
    return rows


def known(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the registry knows of, and none of the rows is from."""
    have = {_normal(row["distribution"]) for row in rows if row["distribution"]}
    return [
        {
            "distribution": plugin["distribution"],
            "install": plugin["install"],
            "components": {kind: list(plugin.get(f"{kind}s", ())) for kind in _KINDS},
        }
        for plugin in registry.known_plugins()
        if _normal(plugin["distribution"]) not in have
    ]


def _row(plugin: str, distribution: str | None, version: str | None) -> dict[str, Any]:
    return {
        "plugin": plugin,
        "distribution": distribution,
        "version": version,
        "module": None,
        "status": LOADS,
        "reasons": [],
        "components": {kind: [] for kind in _KINDS},
        "listens": [],
    }


def _seen(seen: dict[str, Any] | None, components: list[dict[str, Any]]) -> dict[str, Any]:
    """What an inventory says of a plugin."""
    if seen is None:
        # Two entry points of one module are one plugin, and the inventory has it under the first.
        return {"reasons": ["another entry point of the same module stands for it"]}
    if seen["hooks"] is None:
        return {"status": BROKEN, "reasons": seen["problems"]}
    own = [c for c in components if _owner(c) == (seen["distribution"], seen["plugin"])]
    catalogue = {f"harness_{kind}s" for kind in _KINDS}
    return {
        "status": IN_PART if seen["problems"] else LOADS,
        "reasons": seen["problems"],
        "components": {
            kind: [{"name": c["name"], "also": _others(c, components)} for c in own if c["kind"] == kind]
            for kind in _KINDS
        },
        "listens": [hook for hook in seen["hooks"] if hook not in catalogue],
    }


def _others(component: dict[str, Any], components: list[dict[str, Any]]) -> list[str]:
    """Who else provides a component under one of the same names."""
    names = {component["name"], *component["aliases"]}
    return [
        " ".join(filter(None, [c["distribution"] or c["plugin"], c["version"]]))
        if not c["source"].startswith("builtin:")
        else "the box"
        for c in components
        if c["kind"] == component["kind"]
        and _owner(c) != _owner(component)
        and names & {c["name"], *c["aliases"]}
    ]


def _owner(component: dict[str, Any]) -> tuple[str | None, str]:
    return component["distribution"], component["plugin"]


def _entry_points() -> list[tuple[str, str, str | None, str | None]]:
    """(name, module, distribution, version) of every entry point of the harness, sorted."""
    found = []
    for point in metadata.entry_points(group=inventory.GROUP):
        dist = point.dist
        found.append((point.name, point.value, dist.name if dist else None, dist.version if dist else None))
    return sorted(found, key=lambda f: ((f[2] or "").lower(), f[0]))


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
