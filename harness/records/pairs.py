"""What the file of a live comparison consists of, beside what a run's file has: a header and pairs.

Raw call times are kept, so that every verdict can be recomputed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.calibration import Spreads
from harness.records.case import Environment, PlannedCase, PluginInfo
from harness.records.events import OK, Verification, check_status
from harness.records.noise import BlockNoise
from harness.records.settings import Settings


@dataclass(frozen=True)
class ArmPlan:
    """One side of a comparison before it is measured."""

    name: str
    planned: PlannedCase
    environment: Environment
    plugins: list[PluginInfo] = field(default_factory=list)
    own_plugins: list[str] = field(default_factory=list)
    """The plugins that it alone was given, as they were given."""
    interpreter: str | None = None
    """The Python it runs under, where that is not the harness's own."""


@dataclass(frozen=True)
class ComparisonStarted:
    """The header of a comparison's file."""

    schema: int
    id: str
    started: str
    """UTC, ISO 8601."""
    command: str
    seed: int
    harness_version: str
    mode: str
    level: float
    margin: float
    settings: Settings
    arms: list[ArmPlan]
    """The base first."""
    warnings: list[str] = field(default_factory=list)
    calibration: Spreads | None = None
    """What was known of this machine's own spread."""


@dataclass(frozen=True)
class PairBlock:
    """One timed block of one arm in one round of a pair."""

    arm: int
    round: int
    stamps_ns: str
    """Readings of the clock, packed by `pack_ns`: of a call each, or of several together."""
    events: int = 0
    """Compilations while it was timed; anything but 0 spoils it."""
    noise: BlockNoise | None = None
    device_ns: float | None = None
    """Device time of one call, right after the block."""


@dataclass(frozen=True)
class ArmEnd:
    """How one process of a pair ended, and what it found."""

    status: str
    seconds: float
    reason: str | None = None
    detail: str | None = None
    stage: str | None = None
    ready_s: float | None = None
    load_s: float | None = None
    warm_up: str | None = None
    """`flat`, `warm-up`, `slowdown`, `no steady state` or `capped`, over warm-up and blocks."""
    warm_up_calls: int = 0
    warm_up_s: float = 0.0
    calls_per_stamp: int = 1
    empty_ns: float = 0.0
    device_note: str | None = None
    cpu: int | None = None
    """The processor its calls were made from, where it was pinned to one."""
    verification: Verification | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_status(self.status)

    @property
    def fine(self) -> bool:
        return self.status == OK


@dataclass(frozen=True)
class PairMeasured:
    """One fresh process of each arm, timed in turns; number 0 is the trial, in which nothing is timed."""

    number: int
    started: str
    seconds: float
    order: list[int]
    """In which order the arms were started and warmed up; drawn for each pair."""
    blocks: list[PairBlock]
    arms: list[ArmEnd]
    """By arm, the base first; an arm that was left out of this pair has the status `not_reached`."""


EVENTS: dict[str, type] = {"comparison": ComparisonStarted, "pair": PairMeasured}
PairEvent = ComparisonStarted | PairMeasured
