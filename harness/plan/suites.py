"""Suites: named sweeps in TOML, and the options of the command that replace their axes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness import registry
from harness.catalogue.specs import split_list
from harness.catalogue.suggest import listing, suggestion
from harness.errors import UsageError
from harness.jobs import Matrix
from harness.records.case import AXES

_TEXT_AXES = ("model", "runner", "precision", "device")
_KEYS = tuple(f.name for f in fields(Matrix))
_AIMS = ("passes", "until", "further_s")


@dataclass(frozen=True)
class Aims:
    """How long a suite goes on and how sure it is to be, where the options do not say; None where it does
    not say either.
    """

    passes: str | None = None
    """As `--passes` takes it."""
    until: str | None = None
    """As `--until` takes it."""
    further_s: float | None = None
    """Seconds for the passes that `until` adds to those that every case gets."""


@dataclass(frozen=True)
class Suite:
    """A named sweep."""

    name: str
    summary: str
    matrices: list[Matrix]
    aims: Aims = field(default_factory=Aims)


def find(text: str) -> Suite:
    """The suite a name or a file stands for.

    Raises:
        UsageError: there is none, or it is wrong; the message names the file and the key.
    """
    names = registry.suite_names()
    if text in names:
        return parse(text, registry.suite_text(text))
    path = Path(text)
    if path.suffix == ".toml" or path.exists():
        try:
            return parse(path.stem, path.read_text("utf-8-sig"), where=text)
        except OSError as error:
            raise UsageError(f"suite {text}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"suite {text} is no UTF-8 text") from error
    raise UsageError(
        f"there is no suite {text!r}{suggestion(text, names)}",
        f"suites here: {listing(names)}; or a file ending in .toml",
    )


def parse(name: str, text: str, where: str | None = None) -> Suite:
    """A suite from its TOML text. `where` names the file in messages."""
    where = where or f"suite {name}"
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError, and not the only one
        raise UsageError(f"{where}: {error}", "a suite is a TOML file with [[matrix]] tables") from error
    _known(data, ("summary", "matrix", *_AIMS), where)
    summary = data.get("summary", "")
    if not isinstance(summary, str):
        raise UsageError(f"{where}: summary must be text")
    tables = data.get("matrix", [])
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"{where}: no [[matrix]] in it", "a suite has at least one [[matrix]] table")
    parts = [_matrix(t, f"{where}: matrix {i + 1}") for i, t in enumerate(tables)]
    return Suite(name, summary, parts, _aims(data, where))


def _aims(data: dict[str, Any], where: str) -> Aims:
    texts: dict[str, str | None] = {}
    for key in ("passes", "until"):
        value = data.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise UsageError(f"{where}: {key} must be text or a number, as --{key} takes it")
        texts[key] = None if value is None else str(value)
    further = data.get("further_s")
    if isinstance(further, bool) or not isinstance(further, int | float | None):
        raise UsageError(f"{where}: further_s must be a number of seconds")
    if further is not None and not 0 <= further < 1e9:
        raise UsageError(f"{where}: further_s must be a number of seconds from 0 on")
    return Aims(texts["passes"], texts["until"], None if further is None else float(further))


def _known(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(
                f"{where}: unknown key {key!r}{suggestion(key, keys)}", f"keys are {', '.join(keys)}"
            )


def _matrix(table: Any, where: str) -> Matrix:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table")
    _known(table, _KEYS, where)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("exclude", "include"):
            values[key] = _points(value, f"{where}: {key}")
        else:
            items = value if isinstance(value, list) else [value]
            values[key] = [_axis_value(key, v, f"{where}: {key}") for v in items]
            if not items:
                raise UsageError(f"{where}: {key} is empty")
    return Matrix(**values)


def _points(value: Any, where: str) -> list[dict[str, str | int]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) and v for v in value):
        raise UsageError(f"{where} must be a list of tables like {{ runner = 'compile' }}")
    for point in value:
        _known(point, AXES, where)
    return [{k: _axis_value(k, v, where) for k, v in point.items()} for point in value]


def _axis_value(key: str, value: Any, where: str) -> str | int:
    if key in _TEXT_AXES:
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where}: {value!r} is no text")
        return value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise UsageError(f"{where}: {value!r} is no whole number above 0")
    return value


@dataclass(frozen=True)
class Axes:
    """What the options of the command say of each axis; empty where nothing was said."""

    model: tuple[str, ...] = ()
    runner: tuple[str, ...] = ()
    precision: tuple[str, ...] = ()
    batch_size: tuple[int, ...] = ()
    device: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()

    @classmethod
    def from_texts(cls, **texts: tuple[str, ...]) -> Axes:
        """From option texts, each a name or a comma-separated list."""
        values: dict[str, Any] = {}
        for axis, given in texts.items():
            parts = [p for t in given for p in split_list(t)]
            if axis in _TEXT_AXES:
                values[axis] = tuple(parts)
            else:
                values[axis] = tuple(_whole(axis, p) for p in parts)
        return cls(**values)

    def given(self) -> dict[str, tuple[Any, ...]]:
        return {axis: values for axis, values in vars(self).items() if values}


def _whole(axis: str, text: str) -> int:
    name = {"batch_size": "batch size", "threads": "number of threads"}[axis]
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 1_000_000:
        raise UsageError(f"{text!r} is no {name}", "a whole number from 1 to 1000000")
    return value


def matrices(axes: Axes, suite: Suite | None) -> list[Matrix]:
    """What to sweep: the suite with the given axes replaced, or the given axes with defaults."""
    given = axes.given()
    if suite is not None:
        return [_replaced(m, given) for m in suite.matrices]
    sweep = registry.defaults()["sweep"]
    values = {axis: list(given.get(axis, sweep.get(axis, []))) for axis in AXES}
    return [Matrix(**values)]


def _replaced(matrix: Matrix, given: dict[str, tuple[Any, ...]]) -> Matrix:
    values = dict(vars(matrix))
    for axis, chosen in given.items():
        values[axis] = list(chosen)
        # What is included by hand follows the option too, at the first of several values.
        values["include"] = [{**p, axis: chosen[0]} for p in values["include"]]
    return Matrix(**values)
