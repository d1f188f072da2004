"""What else differs between two stored runs than what is to be compared. Texts for people: `a -> b`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.records.case import Environment, PluginInfo, Provider
from harness.records.report import Record, Report

_MACHINE = {
    "host": "host",
    "cpu": "CPU",
    "architecture": "architecture",
    "device_name": "device",
    "driver": "driver",
    "cores_usable": "usable cores",
    "memory_mib": "memory MiB",
    "cpu_capability": "instruction set",
    "os": "system",
    "kernel": "kernel",
    "virtual": "virtual machine",
}
_SETTINGS = {
    "block_s": "seconds of a block",
    "blocks": "blocks",
    "warm_up_s": "seconds of warm-up at most",
    "tolerance": "tolerance by option",
}
_NONE = "none"
_MEMORY = 0.02
"""Kernels of one release reserve a little more or less."""


def of_runs(base: Report, new: Report) -> list[str]:
    """Machine, software, settings and what disturbed: what all cases of two runs share."""
    return [
        *machine(base.environment, new.environment),
        *software(base.environment, new.environment),
        *_changed(
            {"harness": base.run.harness_version},
            {"harness": new.run.harness_version},
        ),
        *_plugins(base.run.plugins, new.run.plugins),
        *_fields(base.run.settings, new.run.settings, _SETTINGS),
        *_changed({"noise": _joined(base.environment.noise)}, {"noise": _joined(new.environment.noise)}),
    ]


def machine(base: Environment, new: Environment) -> list[str]:
    """Hardware and system."""
    names = dict(_MACHINE)
    if abs(base.memory_mib - new.memory_mib) <= _MEMORY * max(base.memory_mib, new.memory_mib):
        del names["memory_mib"]
    return _fields(base, new, names)


def software(base: Environment, new: Environment) -> list[str]:
    """Python, torch and the packages that can change a number."""
    return _changed(_versions(base), _versions(new))


def of_cases(base: Record, new: Record) -> list[str]:
    """What differs about two records of one case: threads, who provides runner and precision."""
    told = base.providers and new.providers  # reports of earlier versions do not say
    return [
        *_changed({"threads": base.case.threads}, {"threads": new.case.threads}),
        *(components(_without_model(base), _without_model(new)) if told else []),
    ]


def workload(base: Record, new: Record, base_seed: int, new_seed: int) -> list[str]:
    """What makes two records of one case two different pieces of work: the model's code, the seed.

    The box's own models belong to the harness, whose version is no part of the workload. A report of
    an earlier version does not say who provides the model: nothing is found then.
    """
    mine, theirs = _model(base.providers), _model(new.providers)
    found = [] if mine is None or theirs is None else _changed({"model": mine}, {"model": theirs})
    return [*found, *_changed({"seed": base_seed}, {"seed": new_seed})]


def components(base: Iterable[Provider], new: Iterable[Provider]) -> list[str]:
    """Every component of a case that somebody else provides, or another version of the same."""

    def texts(providers: Iterable[Provider]) -> dict[str, Any]:
        return {f"{p.kind} {p.name}": provider_text(p) for p in providers}

    return _changed(texts(base), texts(new))


def known_workload(record: Record) -> bool:
    """Whether a record says who provides its model."""
    return _model(record.providers) is not None


def provider_text(provider: Provider) -> str:
    """Who provides a component, without where its file happens to lie: `net.py 3f2a...`."""
    scheme, _, rest = provider.source.partition(":")
    if scheme == "builtin":
        return "built in"
    if provider.digest:
        # The path differs from checkout to checkout, and says nothing of what is in the file.
        return f"{rest.replace(chr(92), '/').rpartition('/')[2]} {provider.digest[:12]}"
    if provider.distribution:
        return f"{provider.distribution} {provider.version or ''}".strip()
    return provider.source


def _model(providers: Iterable[Provider]) -> str | None:
    return next((provider_text(p) for p in providers if p.kind == "model"), None)


def _without_model(record: Record) -> list[Provider]:
    """The model is the workload, and told of by itself."""
    return [p for p in record.providers if p.kind != "model"]


def _versions(environment: Environment) -> dict[str, Any]:
    own = {"torch": environment.torch, "Python": environment.python, "CUDA": environment.cuda}
    return {**environment.packages, **{k: v for k, v in own.items() if v is not None}}


def _plugins(base: Iterable[PluginInfo], new: Iterable[PluginInfo]) -> list[str]:
    """Plugins from elsewhere; those of the box have the harness's version."""

    def versions(plugins: Iterable[PluginInfo]) -> dict[str, Any]:
        return {
            f"plugin {p.distribution or _last(p.name)}": p.version or p.digest or "present"
            for p in plugins
            if not p.source.startswith("builtin:")
        }

    return _changed(versions(base), versions(new))


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts) or "nothing noticed"


def _fields(base: Any, new: Any, names: Mapping[str, str]) -> list[str]:
    return _changed(
        {title: getattr(base, name) for name, title in names.items()},
        {title: getattr(new, name) for name, title in names.items()},
    )


def _changed(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`name a -> b` for every name whose values differ; a name that one side lacks has none there."""
    return [
        f"{name} {_text(base.get(name))} -> {_text(new.get(name))}"
        for name in dict.fromkeys([*base, *new])
        if base.get(name) != new.get(name)
    ]


def _text(value: Any) -> str:
    return _NONE if value is None else str(value)
