"""Takes stock, in a child process: every component, and what this machine can do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.loading import describe, idle_blocks
from harness.catalogue.params import schema
from harness.catalogue.provided import Origin, Problem, Provided
from harness.components import Device, Precision
from harness.measure import devices


@dataclass(frozen=True)
class Inventory:
    """Components as plain data, for `harness list` and for checking names without loading a plugin."""

    components: list[dict[str, Any]]
    plugins: list[dict[str, Any]]
    """Third-party plugins: which hooks each implements, and what was left out of it."""
    problems: list[str]
    """One line for everything that was left out."""
    idle_blocks: list[str]
    """One line for each --plugin no:NAME that leaves nothing out."""
    device: str
    """The default device here."""


def as_data(provided: Provided) -> dict[str, Any]:
    """A component without its code."""
    component, origin = provided.component, provided.origin
    return {
        "kind": provided.kind,
        "name": provided.name,
        "aliases": list(component.aliases),
        "summary": " ".join(component.summary.split()),
        "requires": component.requires,
        "source": origin.source,
        "distribution": origin.distribution,
        "version": origin.version,
        "plugin": origin.plugin,
        "params": [{"name": p.name, "type": p.type, "default": p.default} for p in schema(component.Params)],
    }


def take_inventory(plugins: PluginRequest) -> Inventory:
    """Everything the plugins provide, with the reason where it is not usable here."""
    catalogue = Catalogue(load(plugins))
    device = devices.resolve(devices.default())
    components = []
    for kind in ("model", "runner", "precision", "reporter"):
        for provided in catalogue.of_kind(kind):
            reason, remark = _usability(provided, device)
            components.append({**as_data(provided), "unusable": reason, "remark": remark})
    return Inventory(
        components=components,
        plugins=_third_parties(catalogue),
        problems=[str(problem) for problem in catalogue.problems],
        idle_blocks=idle_blocks(plugins),
        device=str(device),
    )


def _third_parties(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Every third-party plugin that was tried, whether it loaded or not."""
    rows: dict[tuple[str | None, str], dict[str, Any]] = {}

    def row(of: Origin | Problem) -> dict[str, Any]:
        new = {"plugin": of.plugin, "distribution": of.distribution, "version": of.version}
        return rows.setdefault((of.distribution, of.plugin), {**new, "hooks": None, "problems": []})

    loaded = catalogue.loaded
    for plugin in loaded.manager.get_plugins():
        origin = loaded.origin(plugin)
        if not origin.source.startswith("builtin:"):
            callers = loaded.manager.get_hookcallers(plugin) or []
            row(origin)["hooks"] = sorted(caller.name for caller in callers)
    for problem in catalogue.problems:
        row(problem)["problems"].append(problem.reason)
    return list(rows.values())


def _usability(provided: Provided, device: Device) -> tuple[str | None, str | None]:
    """(why it cannot be used here, what to know if it can)."""
    component = provided.component
    try:
        reason = component.available()
        if isinstance(component, Precision) and not reason:
            return component.supports(device), component.emulated(device)
    except Exception as error:
        return f"asked whether it is available, it failed: {describe(error)}", None
    return reason, None
