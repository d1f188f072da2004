"""Suites: named sweeps in TOML, and the options of the command that replace their axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.bounded import read_text, toml
from harness.catalogue.specs import split_list
from harness.catalogue.suggest import listing, said, suggestion
from harness.errors import UsageError
from harness.jobs import Matrix
from harness.records.case import AXES

_TEXT_AXES = ("model", "runner", "precision", "device")
_KEYS = (*AXES, "exclude", "include")
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
    where: str = field(default="", compare=False)
    """Names the suite in messages."""


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
    if path.suffix == ".toml" or path.is_file():
        try:
            return parse(path.stem, read_text(path), where=text)
        except OSError as error:
            raise UsageError(
                f"suite {text}: {error.strerror or error}", "`harness list suites` shows those in the box"
            ) from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"suite {text} is no UTF-8 text: byte {error.start}", "a suite is a TOML file"
            ) from error
    raise UsageError(
        f"there is no suite {text!r}{suggestion(text, names)}",
        f"suites here: {listing(names)}; or a file ending in .toml",
    )


def parse(name: str, text: str, where: str | None = None) -> Suite:
    """A suite from its TOML text. `where` names the file in messages."""
    where = where or f"suite {name}"
    data = toml(text, where, "a suite is a TOML file with [[matrix]] tables")
    _known(data, ("summary", "matrix", *_AIMS), where)
    summary = data.get("summary", "")
    if not isinstance(summary, str):
        raise UsageError(f"{where}: summary must be text", "one line about the suite, in quotes")
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
            raise UsageError(f"{where}: {key} must be text or a number, as --{key} takes it", "e.g. 5")
        texts[key] = None if value is None else str(value)
    further = data.get("further_s")
    if isinstance(further, bool) or not isinstance(further, int | float | None):
        raise UsageError(f"{where}: further_s must be a number of seconds", "from 0 on")
    if further is not None and not 0 <= further < 1e9:
        raise UsageError(f"{where}: further_s must be a number of seconds from 0 on", "up to 1e9")
    return Aims(texts["passes"], texts["until"], None if further is None else float(further), where)


def _known(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(
                f"{where}: unknown key {key!r}{suggestion(key, keys)}", f"keys are {', '.join(keys)}"
            )


def _matrix(table: Any, where: str) -> Matrix:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [[matrix]] with two brackets")
    _known(table, _KEYS, where)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key in ("exclude", "include"):
            values[key] = _points(value, f"{where}: {key}")
        else:
            items = value if isinstance(value, list) else [value]
            values[key] = [_axis_value(key, v, f"{where}: {key}") for v in items]
            if not items:
                raise UsageError(f"{where}: {key} is empty", "give it a value, or leave it out")
    return Matrix(**values, where=where)


def _points(value: Any, where: str) -> list[dict[str, str | int]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) and v for v in value):
        raise UsageError(f"{where} must be a list of tables", "like [{ runner = 'compile' }]")
    for point in value:
        _known(point, AXES, where)
    return [{k: _axis_value(k, v, where) for k, v in point.items()} for point in value]


def _axis_value(key: str, value: Any, where: str) -> str | int:
    if key in _TEXT_AXES:
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where}: {said(value)} is no text", "a name in quotes")
        return value
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise UsageError(f"{where}: {said(value)} is no whole number above 0", "from 1 to 1000000")
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
    """What to sweep: the suite with the given axes replaced, or the given axes with defaults.

    Raises:
        UsageError: these are more cases than anybody measures.
    """
    given = axes.given()
    if suite is not None:
        found = [_replaced(m, given) for m in suite.matrices]
    else:
        sweep = registry.defaults()["sweep"]
        found = [one_of({axis: list(given.get(axis, sweep.get(axis, []))) for axis in AXES})]
    _bounded(found, f"suite {suite.name}" if suite is not None else "the options")
    return found


MOST_CASES = 10_000
"""At two seconds each they take six hours, three times."""


def _bounded(found: list[Matrix], what: str) -> None:
    """Refuses a product that would not be planned in time."""
    count = sum(
        math.prod(max(1, len(set(getattr(m, axis)))) for axis in AXES) + len(m.include) for m in found
    )
    if count > MOST_CASES or sum(len(m.exclude) for m in found) > MOST_CASES:
        raise UsageError(
            f"{what}: that would be {count} cases, and a run has at most {MOST_CASES}",
            "name fewer values of an axis, or measure them in several runs",
        )


def one_of(values: dict[str, Any]) -> Matrix:
    """The product of some axes' values."""
    return replace(Matrix(), **values)


def models(matrices: Iterable[Matrix]) -> list[str]:
    """Every model that is named in some matrices, in what is left out and put in, too."""
    points = (point for m in matrices for point in (*m.exclude, *m.include))
    return [*(text for m in matrices for text in m.model), *(str(p["model"]) for p in points if "model" in p)]


def _replaced(matrix: Matrix, given: dict[str, tuple[Any, ...]]) -> Matrix:
    values = dict(vars(matrix))
    for axis, chosen in given.items():
        values[axis] = list(chosen)
        # What is included by hand follows the option too, at the first of several values.
        values["include"] = [{**p, axis: chosen[0]} for p in values["include"]]
        values["where"] = ""  # a mistake may be the option's
    return Matrix(**values)
