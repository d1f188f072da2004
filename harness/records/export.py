"""What `harness export` wrote and how right it is. `--format json` prints it. Schema 1, as the report's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.case import Case, Environment
from harness.records.events import Verification

SCHEMA = 1


@dataclass(frozen=True)
class ExportResult:
    """What a child wrote."""

    seconds: float
    facts: dict[str, Any]
    warnings: list[str]
    full_precision: bool
    """The precision changes nothing, so that an absolute tolerance says something."""


@dataclass(frozen=True)
class VerifyResult:
    """What the exported file answered at one batch size."""

    verification: Verification | None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AtBatch:
    """The exported file at one batch size, against the model in eager float64."""

    batch_size: int
    passed: bool
    max_abs_error: float | None
    error: float | None
    """Root mean square deviation over the spread of the reference."""
    reason: str | None = None
    """Why it did not pass, in one line."""


@dataclass(frozen=True)
class ExportReport:
    """The public form: what was written, of which case, where, and how right it is."""

    schema: int
    passed: bool
    output: str | None
    """The file; null where nothing was kept, since it is wrong."""
    size_bytes: int
    seconds: float
    atol: float | None
    """The largest absolute deviation that passes; null where only the error's tolerance counts."""
    tolerance: float
    batches: list[AtBatch]
    case: Case
    environment: Environment
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
