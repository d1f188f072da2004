"""What a check is: a name, what it expects, how to mend it, and the function that finds out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.conformance.bench import Bench

Subject = Literal["plugin", "listener", "component", "model", "precision", "runner", "reporter"]
"""What a check is made on: a plugin, one that listens to runs, a component of any kind or of one kind."""
Cases = Literal["", "files", "first", "each", "probes", "raising", "narrow", "large", "single"]
"""On which cases a check of a runner is made; see `runner_cases`."""
ON_PROBES = ("probes", "raising", "narrow")
"""Those that are made on models of `probes`."""


class Failed(Exception):
    """The contract is broken.

    Args:
        found: what was found instead, as it follows the word `found` in a sentence.
        hint: how to mend it, where the check's own hint does not say.
        expected: what was expected, where the check's own words are too wide.
    """

    def __init__(self, found: str, hint: str | None = None, expected: str | None = None) -> None:
        super().__init__(found)
        self.found = found
        self.hint = hint
        self.expected = expected


class NotApplicable(Exception):
    """There is nothing to check.

    Args:
        reason: why, in one sentence.
        blocks: whether checks that need this one have nothing to check either.
    """

    def __init__(self, reason: str, blocks: bool = True) -> None:
        super().__init__(reason)
        self.blocks = blocks


@dataclass(frozen=True)
class Check:
    """One thing that the harness expects of a plugin."""

    name: str
    """`subject.what`."""
    subject: Subject
    expected: str
    """What must be so, as it follows the word `expected` in a sentence."""
    hint: str
    """How a plugin's author mends it."""
    run: Callable[[Bench], str | None]
    """Returns None, or a note; raises `Failed` or `NotApplicable`."""
    needs: tuple[str, ...] = ()
    """Checks without which this one says nothing."""
    twice: bool = False
    """Made in two independent processes, whose `data` must agree."""
    alone: bool = False
    """Made in a process in which nothing of the plugin has run before, since what it did would hide."""
    cases: Cases = ""
    behaves: bool = True
    """False for what can be looked at even where the harness leaves the component out."""


CHECKS: dict[str, Check] = {}
"""Every check by name, in the order of the pages; filled as the modules of checks are imported."""


def check(
    name: str,
    expected: str,
    hint: str,
    *,
    needs: tuple[str, ...] = (),
    twice: bool = False,
    alone: bool = False,
    cases: Cases = "",
    behaves: bool = True,
) -> Callable[[Callable[[Bench], str | None]], Callable[[Bench], str | None]]:
    """Makes a check of a function."""

    def decorate(function: Callable[[Bench], str | None]) -> Callable[[Bench], str | None]:
        subject: Subject = name.partition(".")[0]  # type: ignore[assignment]
        assert name not in CHECKS
        CHECKS[name] = Check(name, subject, expected, hint, function, needs, twice, alone, cases, behaves)
        return function

    return decorate
