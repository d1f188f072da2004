"""What `harness check` found out. `--format json` prints it. Schema 1, as the report's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.case import Case, Environment
from harness.records.events import Verification

SCHEMA = 1


@dataclass(frozen=True)
class OtherBatch:
    """How the loaded case took inputs of another batch size."""

    batch_size: int
    error: str | None
    """Why it does not run, in one line; None if it does."""


@dataclass(frozen=True)
class Check:
    """Whether a case really runs under its runner, as far as its process can say."""

    calls: int
    problems: list[str]
    """What did not run as asked, with places and causes; empty if all did."""
    facts: dict[str, Any]
    """What the runner says of itself; the same as in the records of a run."""
    load_s: float
    ready_s: float
    """Seconds from the start of loading to the end of the first call, compilation included."""
    failure: str | None = None
    """The exception that ended the calls, where the problems are likely to explain it."""
    verification: Verification | None = None
    other_batches: list[OtherBatch] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CheckReport:
    """The public form: the check, of what, and where."""

    schema: int
    case: Case
    environment: Environment
    check: Check
