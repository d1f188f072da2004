"""Reads the registry: what has a name, as data (components, suites, plugins, defaults, devices, levers).

The registry is the package `harness_registry`; its files are TOML and nothing in it is code.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

PACKAGE = "harness_registry"


@cache
def read(name: str) -> dict[str, Any]:
    """One file of the registry, e.g. `components.toml`."""
    return tomllib.loads(resources.files(PACKAGE).joinpath(name).read_text("utf-8"))


def components() -> list[dict[str, Any]]:
    """Every built-in component as data: kind, name, summary, aliases, requires, params, source."""
    return list(read("components.toml")["component"])


def defaults() -> dict[str, Any]:
    """What stands for an option that is not given, and which case is a baseline."""
    return read("defaults.toml")


def levers() -> list[dict[str, Any]]:
    """Experiments that take the cause of a finding away, the first that fits first."""
    return list(read("levers.toml")["lever"])


def devices() -> list[dict[str, Any]]:
    """Published peaks of accelerators: name, words to match, TFLOP/s by number format, GB/s."""
    return list(read("devices.toml")["device"])


def formats() -> dict[str, str]:
    """Files that are models: suffix -> what reads it, as `MODULE:CLASS`."""
    return {row["suffix"]: row["reader"] for row in read("formats.toml")["format"]}


def format_suite(suffix: str) -> str:
    """The suite that measures a file with this suffix, if nothing more is said of it."""
    rows = {row["suffix"]: row for row in read("formats.toml")["format"]}
    return str(rows.get(suffix, {}).get("suite", defaults()["run"]["suite"]))


def known_plugins() -> list[dict[str, Any]]:
    """Published third-party plugins: what each provides and how to install it."""
    return list(read("plugins.toml").get("plugin", []))


def suite_names() -> list[str]:
    """The suites in the box."""
    folder = resources.files(PACKAGE).joinpath("suites")
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def suite_text(name: str) -> str:
    """The TOML text of a suite in the box."""
    return resources.files(PACKAGE).joinpath("suites", f"{name}.toml").read_text("utf-8")


def claims_names() -> list[str]:
    """The files of claims in the box."""
    folder = resources.files(PACKAGE).joinpath("claims")
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def claims_text(name: str) -> str:
    """The TOML text of a file of claims in the box."""
    return resources.files(PACKAGE).joinpath("claims", f"{name}.toml").read_text("utf-8")


def conformance() -> dict[str, Any]:
    """What the conformance kit calls plugins with."""
    return read("conformance.toml")
