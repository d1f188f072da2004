"""`--passes`, `--until` and `--time-budget`: how long a run goes on, and how sure it is to be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.plan.suites import Aims
from harness.records.settings import Settings

FIRST, MOST, UNTIL, FURTHER_S = 3, 12, 0.05, 300.0
"""What a run does that is told nothing: 3 to 12 passes, until ±5 %, the further ones within 5 minutes."""
CLAIMS_FURTHER_S = 120.0
"""The same of what judging claims measures: somebody waits for a word."""
_CEILING = 100
_PASSES = re.compile(r"(\d{1,9})(?:\.\.(\d{1,9}))?")


@dataclass(frozen=True)
class Passes:
    """`3..12`: so many for every case, and up to so many for those that need them; `5`: just so many."""

    first: int
    most: int


def passes(text: str, what: str = "--passes") -> Passes:
    """`N` or `FIRST..MOST`.

    Raises:
        UsageError: it is neither, or not from 1 to 100.
    """
    hint = "a number of passes, or a range: `--passes 5`, `--passes 3..12`"
    match = _PASSES.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{what}: {text!r} is no number of passes", hint)
    first, most = int(match[1]), int(match[2] or match[1])
    for number in (first, most):
        if not 1 <= number <= _CEILING:
            raise UsageError(f"{what}: {number} is not in the range 1 to {_CEILING}", hint)
    if most < first:
        raise UsageError(f"{what}: {text} ends before it begins", hint)
    return Passes(first, most)


def until(text: str, what: str = "--until") -> float | None:
    """`5%` or `0.05` as a share; None for `none`.

    Raises:
        UsageError: it is none of these, or not between 0 and 100 %.
    """
    clean = text.strip()
    if clean == "none":
        return None
    number, scale = (clean[:-1], 100.0) if clean.endswith("%") else (clean, 1.0)
    try:
        share = float(number) / scale
    except ValueError:
        share = math.nan
    if not 0.0005 <= share < 1:
        hint = f"did you mean {clean}%?" if scale == 1 and 1 <= share < 100 else None
        raise UsageError(
            f"{what}: {text!r} is no half-width", hint or "from 0.05% up, like `5%` or `0.05`, or `none`"
        )
    return share


def seconds(text: str, what: str = "--time-budget") -> float | None:
    """Seconds from 0 on; None for `none`.

    Raises:
        UsageError: it is neither.
    """
    if text.strip() == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(
            f"{what} must be a finite number of seconds from 0 on, not {text!r}", "or `none` for no limit"
        )
    return value


def settings(given: dict[str, Any], suite: Aims) -> dict[str, Any]:
    """The fields of `Settings` that say how long a run goes on: from options, else the suite.

    `--passes N` alone is just so many. A budget that is given limits everything after the first pass,
    the one that is not given the further passes alone.

    Raises:
        UsageError: a text is wrong, or two options contradict each other.
    """
    own = given["passes"] is not None
    text = given["passes"] if own else suite.passes
    chosen = (
        Passes(FIRST, MOST) if text is None else passes(text, "--passes" if own else f"{suite.where}: passes")
    )
    if given["until"] is not None:
        aim = until(given["until"])
        if aim is not None and chosen.first == chosen.most:
            if own:
                raise UsageError(
                    f"--passes {given['passes']} leaves --until nothing to decide",
                    f"give a range: --passes {chosen.first}..{max(MOST, chosen.first + 1)}",
                )
            chosen = Passes(chosen.first, max(MOST, chosen.first + 1))
    else:
        aim = UNTIL if own or suite.until is None else until(suite.until, f"{suite.where}: until")
    if chosen.first == chosen.most:
        aim = None
    budget = None if given["time_budget"] is None else seconds(given["time_budget"])
    default = FURTHER_S if suite.further_s is None else suite.further_s
    return {
        "passes": chosen.first,
        "most_passes": chosen.most if aim is not None else Settings.most_passes,
        "until": aim,
        "time_budget_s": budget,
        "further_s": default if given["time_budget"] is None else None,
    }
