"""What `harness plugins check` found out. `--format json` prints it. Schema 1, as the report's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 1

Status = Literal["ok", "failed", "not applicable"]
OK: Status = "ok"
FAILED: Status = "failed"
NOT_APPLICABLE: Status = "not applicable"


@dataclass(frozen=True)
class Verdict:
    """What a child says of one check: of one case of it, where it is made on several."""

    status: Status
    reason: str | None = None
    """One sentence; null if all is well."""
    hint: str | None = None
    note: str | None = None
    """What an author should know although nothing is wrong."""
    data: dict[str, Any] = field(default_factory=dict)
    """What other checks build on, or what two processes must agree in."""


@dataclass(frozen=True)
class Verdicts:
    """What a child says: a verdict for each check that it was asked to make."""

    verdicts: dict[str, Verdict]


@dataclass(frozen=True)
class CheckResult:
    """What became of one check on one component."""

    check: str
    """Its name, e.g. `model.fresh`."""
    component: str
    """Of what: `model tiny`, or `plugin tiny.py` for what concerns the plugin as a whole."""
    status: Status
    reason: str | None = None
    """Why it failed or does not apply, in one sentence; null if it is ok."""
    hint: str | None = None
    """How to mend it; null if it is ok."""
    note: str | None = None
    """What an author should know although nothing is wrong."""
    seconds: float = 0.0
    detail: str | None = None
    """A traceback, or the end of what the plugin printed, if there is one."""


@dataclass(frozen=True)
class ConformanceReport:
    """The public form: what was checked, and every result in the order in which it was found."""

    schema: int
    subject: str
    """As it was asked for."""
    harness_version: str
    plugins: list[str]
    """The plugins that it stands for, with distribution and version where they have one."""
    passed: bool
    counts: dict[str, int]
    """How many checks ended with each status."""
    results: list[CheckResult]
