"""What became of claims: what `harness claims --format json` prints.

Schema 1. A key is never renamed or given another meaning without a new schema number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.records.case import Environment

SCHEMA = 1
CONFIRMED, REFUTED, NOT_TESTABLE = "CONFIRMED", "REFUTED", "NOT TESTABLE HERE"
WORDS = (CONFIRMED, REFUTED, NOT_TESTABLE)
CARRIES, DOES_NOT, CANNOT_SAY = "carries over", "does not", "cannot say"
CARRY_WORDS = (CARRIES, DOES_NOT, CANNOT_SAY)


@dataclass(frozen=True)
class Answer:
    """What was found about one condition of a claim."""

    text: str
    """The condition: `throughput ratio at least 1.7, at most 2.5`."""
    word: str
    """CONFIRMED: the whole interval fulfils it; REFUTED: it lies wholly outside; NOT TESTABLE HERE."""
    value: float | None = None
    """What was measured, in the unit that the condition's name says; null for a name, or without one."""
    low: float | None = None
    """The 95 % interval; both ends are the value where it has no spread (memory, an error)."""
    high: float | None = None
    found: str | None = None
    """The same in words."""
    reason: str | None = None
    """Why it is not testable, in one sentence."""
    passes_needed: int | None = None
    """About how many passes would settle it, if the spread stays as it is; null if it is settled, or if 100
    would not do."""


@dataclass(frozen=True)
class Judged:
    """What became of one claim: all its conditions must hold, one that does not refutes it."""

    name: str
    text: str
    word: str
    """CONFIRMED, REFUTED or NOT TESTABLE HERE."""
    answers: list[Answer]
    cases: list[str]
    """The cases that it is about, as they are written on the command line."""
    run: str | None = None
    """The run that it was judged by; null if none has its cases."""
    records: list[str] = field(default_factory=list)
    """Ids of that run's records, in the order of `cases`."""
    why: list[str] = field(default_factory=list)
    """What explains it: causes that were found for its cases."""


@dataclass(frozen=True)
class Measured:
    """A ratio with its 95 % interval; null ends for a single pass, which has none."""

    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Carried:
    """What became of one speed-up of somebody else's report."""

    case: str
    """As it is written on the command line."""
    baseline: str
    """What it is counted from."""
    word: str
    """`carries over`, `does not` or `cannot say`."""
    theirs: Measured
    here: Measured | None
    """Null where it could not be measured."""
    reason: str
    """Why that word, in one sentence."""
    records: list[str] = field(default_factory=list)
    """Ids of the records here: the case, and its baseline."""
    why: list[str] = field(default_factory=list)
    """What explains the number here."""


@dataclass(frozen=True)
class ClaimsReport:
    """All claims of a file, or all speed-ups of a report, judged here."""

    schema: int
    source: str
    """The name or file of the claims, or the id of the report."""
    summary: str
    started: str
    """UTC, ISO 8601."""
    command: str
    harness_version: str
    environment: Environment
    runs: list[str]
    """Ids of the runs it rests on."""
    verdicts: list[Judged] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    """Of `--from` alone."""
    differences: list[str] = field(default_factory=list)
    """What differs between there and here: `CPU a -> b`; of `--from` alone."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known: a stored run of another machine, a model that is not here."""
