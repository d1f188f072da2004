"""The language of claims: TOML text to frozen values, every slip answered with the line to mend.

A file has a `summary` and `[[claim]]` tables. A claim is about a `case`; with `compared_with` about two,
with `over` about the case at several values of an axis. Conditions are limits (`latency_ms = { at_most =
5 }`), ratios (`throughput_ratio = { at_least = 1.7 }`), trends (`grows`, `falls`) and `hottest_operator`.
All of a claim's conditions must hold.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.bounded import read_text, toml
from harness.catalogue.specs import parse as parse_spec
from harness.catalogue.specs import split_list
from harness.catalogue.suggest import listing, said, suggestion
from harness.claims.claim import Claim, Claims, Condition, Point
from harness.claims.metrics import LIMITS, RATIOS, SPEEDUP, TRENDS
from harness.errors import UsageError
from harness.records.case import AXES

_TEXT_AXES = ("model", "runner", "precision", "device")
_HEAD = ("name", "text", "case", "compared_with", "over")
_WORDS = ("grows", "falls", "hottest_operator")
KEYS = (*_HEAD, *_WORDS, *LIMITS, SPEEDUP, *RATIOS)
"""What a claim may have."""
_BOUNDS = ("at_least", "at_most")
_MOST_VALUES = 1000
_MOST_CLAIMS = 1000


def find(text: str) -> Claims:
    """The claims that a name or a file stands for.

    Raises:
        UsageError: there are none, or they are wrong; the message names the file and the key.
    """
    names = registry.claims_names()
    if text in names:
        return parse(text, registry.claims_text(text))
    path = Path(text)
    if path.suffix == ".toml" or path.is_file():
        try:
            return parse(path.stem, read_text(path), where=text)
        except OSError as error:
            raise UsageError(
                f"claims {text}: {error.strerror or error}", "`harness list claims` shows those in the box"
            ) from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"claims {text} is no UTF-8 text: byte {error.start}", "claims are a TOML file"
            ) from error
    raise UsageError(
        f"there are no claims {text!r}{suggestion(text, names)}",
        f"claims here: {listing(names)}; or a file ending in .toml",
    )


def parse(name: str, text: str, where: str | None = None) -> Claims:
    """Claims from their TOML text. `where` names the file in messages."""
    where = where or f"claims {name}"
    data = toml(text, where, "claims are a TOML file with [[claim]] tables")
    _known(data, ("summary", "claim"), where)
    summary = data.get("summary", "")
    if not isinstance(summary, str):
        raise UsageError(f"{where}: summary must be text", "one line about the claims, in quotes")
    tables = data.get("claim", [])
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"{where}: no [[claim]] in it", "a file of claims has at least one [[claim]] table")
    if len(tables) > _MOST_CLAIMS:
        raise UsageError(f"{where}: {len(tables)} claims, and a file has at most {_MOST_CLAIMS}")
    claims = [_claim(t, f"{where}: claim {i + 1}") for i, t in enumerate(tables)]
    seen: set[str] = set()
    for claim in claims:
        if claim.name in seen:
            raise UsageError(f"{where}: two claims are called {claim.name!r}")
        seen.add(claim.name)
    return Claims(name, summary, claims)


def _known(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in keys:
            raise UsageError(
                f"{where}: unknown key {key!r}{suggestion(key, keys)}", f"keys are {', '.join(keys)}"
            )


def _claim(table: Any, where: str) -> Claim:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is no table", "write [[claim]] with two brackets")
    name = table.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"{where} has no name", 'give each claim a name = "..."')
    where = f"{where} ({name})"
    _known(table, KEYS, where)
    text = table.get("text", "")
    if not isinstance(text, str):
        raise UsageError(f"{where}: text must be text", "a sentence in quotes")
    axis, values = _over(table.get("over"), f"{where}: over")
    case, named = _point(table.get("case", {}), f"{where}: case", _default())
    if axis in named:
        raise UsageError(f"{where}: {axis} stands in case and in over", "name it in over alone")
    other, moves = None, True
    if "compared_with" in table:
        other, named = _point(table["compared_with"], f"{where}: compared_with", case)
        moves = axis not in named
    conditions = tuple(
        _condition(key, table[key], f"{where}: {key}") for key in table if key not in (*_HEAD, *_WORDS)
    )
    hottest = table.get("hottest_operator")
    if hottest is not None and (not isinstance(hottest, str) or not hottest):
        raise UsageError(f"{where}: hottest_operator must be the name of an operator, like 'addmm'")
    claim = Claim(
        name,
        text,
        case,
        other,
        axis,
        values,
        moves,
        conditions,
        _trends(table.get("grows"), f"{where}: grows"),
        _trends(table.get("falls"), f"{where}: falls"),
        hottest,
    )
    _whole(claim, where)
    return claim


def _whole(claim: Claim, where: str) -> None:
    """Refuses what could never be judged."""
    if any(case == other for case, other in claim.steps()):
        raise UsageError(f"{where}: compared_with is the same case", "name what differs in it")
    ratios = [c.name for c in claim.conditions if c.name not in LIMITS]
    trends = (*claim.grows, *claim.falls)
    if not (claim.conditions or trends or claim.hottest):
        raise UsageError(f"{where} claims nothing", "give it a condition, like latency_ms = { at_most = 5 }")
    if claim.compared_with is None and (ratios or SPEEDUP in trends):
        raise UsageError(
            f"{where}: {ratios[0] if ratios else SPEEDUP} needs compared_with",
            'say what it is counted from, like compared_with = { precision = "fp32" }',
        )
    if claim.compared_with is not None and not ratios and SPEEDUP not in trends:
        raise UsageError(f"{where}: compared_with needs a ratio", f"one of {', '.join((SPEEDUP, *RATIOS))}")
    if trends and claim.axis is None:
        raise UsageError(
            f"{where}: grows and falls need over", "say along what, like over = { batch_size = [1, 16, 64] }"
        )
    both = set(claim.grows) & set(claim.falls)
    if both:
        raise UsageError(f"{where}: {min(both)} cannot both grow and fall")


def _default() -> Point:
    return Point(**registry.defaults()["single"])


def _point(value: Any, where: str, start: Point) -> tuple[Point, set[str]]:
    """(the case, the axes that it names)."""
    if not isinstance(value, dict):
        raise UsageError(f'{where} must be a table like {{ model = "mlp", batch_size = 64 }}')
    axes = {"batch_size" if k == "batch" else k: v for k, v in value.items()}
    _known(axes, AXES, where)
    found = {k: _axis_value(k, v, f"{where}: {k}") for k, v in axes.items()}
    return replace(start, **found), set(found)


def _axis_value(key: str, value: Any, where: str) -> Any:
    if key not in _TEXT_AXES:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
            raise UsageError(f"{where}: {said(value)} is no whole number above 0", "from 1 to 1000000")
        return value
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {said(value)} is no text", "a name in quotes")
    if value == "all" or len(split_list(value)) > 1:
        raise UsageError(f"{where}: {value!r} is more than one", "a claim names each case")
    if key != "device":
        try:
            parse_spec(value, key)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", error.hint) from error
    return value.strip()


def _over(value: Any, where: str) -> tuple[str | None, tuple[str | int, ...]]:
    if value is None:
        return None, ()
    if not isinstance(value, dict) or len(value) != 1:
        raise UsageError(f"{where} must be one axis with a list, like {{ batch_size = [1, 16, 64] }}")
    ((axis, values),) = value.items()
    axis = "batch_size" if axis == "batch" else axis
    _known({axis: values}, AXES, where)
    if not isinstance(values, list) or len(values) < 2:
        raise UsageError(f"{where}: {axis} needs a list of at least two values", "like [1, 16, 64]")
    if len(values) > _MOST_VALUES:
        raise UsageError(
            f"{where}: {axis} has {len(values)} values, and at most {_MOST_VALUES} are gone through",
            "name fewer of them",
        )
    found = tuple(_axis_value(axis, v, f"{where}: {axis}") for v in values)
    if len(set(found)) < len(found):
        raise UsageError(f"{where}: {axis} has a value twice")
    return axis, found


def _condition(key: str, value: Any, where: str) -> Condition:
    if not isinstance(value, dict) or not value:
        raise UsageError(
            f"{where} must be a range like {{ at_least = 1.7, at_most = 2.5 }}, or one of the two"
        )
    _known(value, _BOUNDS, where)
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise UsageError(f"{where}: {name} must be a number, not {said(number)}")
    least, most = (None if value.get(n) is None else float(value[n]) for n in _BOUNDS)
    if most is not None and most < 0:
        raise UsageError(f"{where}: at_most {most:g} can never hold")
    if least is not None and most is not None and least > most:
        raise UsageError(f"{where}: at_least {least:g} is above at_most {most:g}")
    return Condition(key, least, most)


def _trends(value: Any, where: str) -> tuple[str, ...]:
    words = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
        raise UsageError(f"{where} must be a list of {', '.join(TRENDS)}")
    for word in words:
        if word not in TRENDS:
            raise UsageError(f"{where}: {word!r} is none of {', '.join(TRENDS)}{suggestion(word, TRENDS)}")
    return tuple(dict.fromkeys(words))
