"""Components with where they come from, as the catalogue keeps them, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.components import Component, Model, Precision, Reporter
from harness.runner import Runner

CLASSES: dict[str, type[Component]] = {
    "model": Model,
    "precision": Precision,
    "runner": Runner,
    "reporter": Reporter,
}


@dataclass(frozen=True)
class Origin:
    """Where a component comes from."""

    plugin: str
    """How the plugin is named: its entry point, module or file."""
    source: str
    """How a process loads it again: `builtin:MODULE`, `entry:DISTRIBUTION/NAME`,
    `module:NAME` or `file:PATH`."""
    distribution: str | None = None
    version: str | None = None
    digest: str | None = None
    """For a plugin file: the first 16 hex digits of its sha256."""

    def __str__(self) -> str:
        if self.distribution:
            return f"{self.distribution} {self.version}"
        return self.plugin


@dataclass(frozen=True)
class Provided:
    """One component with its origin, as the catalogue keeps it."""

    component: Component
    origin: Origin

    @property
    def kind(self) -> str:
        return self.component.kind

    @property
    def name(self) -> str:
        return self.component.name


@dataclass(frozen=True)
class Problem:
    """Why a plugin, or one component of it, was left out."""

    plugin: str
    distribution: str | None
    version: str | None
    reason: str
    detail: str = field(default="", compare=False)

    def __str__(self) -> str:
        who = f"{self.distribution} {self.version}" if self.distribution else self.plugin
        return f"plugin {who} left out: {self.reason}"


def fields_of(cls: type) -> Iterator[tuple[str, Any, Any]]:
    """(name, type, default) of each field of a parameter dataclass, types resolved."""
    import dataclasses
    import typing

    hints = typing.get_type_hints(cls, include_extras=True)
    for f in dataclasses.fields(cls):
        default = f.default
        if default is dataclasses.MISSING and f.default_factory is not dataclasses.MISSING:
            default = f.default_factory()
        yield f.name, hints[f.name], default
