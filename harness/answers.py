"""What a child process answers: the bodies of its last messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.anatomy import Anatomy
from harness.records.events import Memory, Saturated, Timing, Verification
from harness.records.noise import BlockNoise


@dataclass(frozen=True)
class Failure:
    """A job ended in an expected or unexpected error."""

    status: str
    reason: str
    detail: str | None = None
    hint: str | None = None
    usage: bool = False
    """The user's fault: to be shown as an error of the command."""


@dataclass(frozen=True)
class SampleResult:
    """A finished replicate."""

    ready_s: float
    load_s: float
    timing: Timing
    verification: Verification | None
    facts: dict[str, Any]
    warnings: list[str]
    spoiled: str | None = None
    """Why the timing does not count, e.g. a recompilation while it ran."""


@dataclass(frozen=True)
class OverheadResult:
    """Nanoseconds of a call of nothing: alone, and in inference mode."""

    call_ns: float
    context_ns: float


@dataclass(frozen=True)
class ArmWarm:
    """One side of a pair is warmed up."""

    warm_up_calls: int
    warm_up_s: float
    calls_per_stamp: int
    empty_ns: float


@dataclass(frozen=True)
class ArmBlock:
    """One side of a pair has timed a block."""

    stamps_ns: str
    events: int
    noise: BlockNoise | None = None
    device_ns: float | None = None


@dataclass(frozen=True)
class ArmResult:
    """One side of a pair has done its last block."""

    ready_s: float
    load_s: float
    warm_up: str
    device_note: str | None
    verification: Verification | None
    facts: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True)
class BuildResult:
    build_s: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ReferenceResult:
    precision: str
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MemoryResult:
    memory: Memory


@dataclass(frozen=True)
class AnatomyResult:
    anatomy: Anatomy


@dataclass(frozen=True)
class ThroughputResult:
    """What a saturated case did, and whether it was right meanwhile."""

    saturated: Saturated
    verification: Verification | None
    warnings: list[str] = field(default_factory=list)
    spoiled: str | None = None
    """Why it does not count."""
