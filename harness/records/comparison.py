"""The public record of a comparison: what `harness compare --format json` prints.

Schema 1. A ratio is always time of `new` over time of `base`: below 1 is faster. `null` means: cannot
be said honestly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.calibration import Spreads
from harness.records.case import Case, Environment, Provider
from harness.records.events import Verification
from harness.records.report import Latency

SCHEMA = 1

FASTER, SLOWER, EQUIVALENT, INCONCLUSIVE = "faster", "slower", "equivalent", "inconclusive"
WORDS = (FASTER, SLOWER, EQUIVALENT, INCONCLUSIVE)

LIVE, INDICATIVE, REMEASURED = "live", "indicative", "remeasured"
"""How it was made: pairs in lock-step; two stored runs; a stored baseline that was measured again."""


@dataclass(frozen=True)
class Verdict:
    """Which of two is faster, and how sure that is.

    `faster` and `slower`: 1 is outside the interval. `equivalent`: the interval is inside the margin on
    both sides of 1. Otherwise `inconclusive`.
    """

    word: str
    material: bool
    """Faster or slower by more than the margin, with the whole interval."""
    ratio: float
    low: float | None
    high: float | None
    level: float
    """Of the interval; larger than the nominal one where several are judged together (Holm)."""
    margin: float
    pairs: int
    """Pairs of processes it rests on; replicates of the smaller side for stored runs."""
    needed: int | None = None
    """How many pairs in all an inconclusive one would take, roughly."""
    reason: str | None = None
    """Why there is no verdict where the interval is not the reason."""


@dataclass(frozen=True)
class Side:
    """One of the compared: a case on a machine, with what was measured of it."""

    name: str
    """`base`, `new`, or what tells several new ones apart."""
    id: str
    """The case's id."""
    case: Case
    label: dict[str, str]
    status: str
    reason: str | None = None
    run: str | None = None
    """The stored run it comes from; null if measured live."""
    interpreter: str | None = None
    """The Python it ran under, where that is not this harness's own."""
    plugins: list[str] = field(default_factory=list)
    """The plugins it alone was given."""
    providers: list[Provider] = field(default_factory=list)
    environment: Environment | None = None
    """Where it ran; null if that is the comparison's own environment."""
    latency_ms: Latency | None = None
    device_ms: Latency | None = None
    verification: Verification | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Compared:
    """One base and one new side with the verdicts on them."""

    base: Side
    new: Side
    latency: Verdict | None
    """Of request latency; null if one of the two has none."""
    device: Verdict | None = None
    """Of device time, on an accelerator."""
    differences: list[str] = field(default_factory=list)
    """What else than the compared axis differs: machine, versions, workload."""
    refused: str | None = None
    """Why the two are not comparable and have no verdict, whatever their times are."""


@dataclass(frozen=True)
class ComparisonInfo:
    """Which comparison this is and how it was made."""

    id: str
    kind: str
    """live, indicative or remeasured."""
    started: str
    """UTC, ISO 8601."""
    ended: str | None
    status: str
    """finished, interrupted, terminated, out_of_time or failed."""
    command: str
    harness_version: str
    seed: int = 0
    mode: str | None = None
    """quick, standard or rigorous, for a live one."""
    level: float = 0.99
    margin: float = 0.01
    target: float | None = None
    """The half-width at which it stops."""
    warnings: list[str] = field(default_factory=list)
    noise: str | None = None
    """One line: how quiet the machine was."""
    calibration: Spreads | None = None
    """How much processes and sessions are known to differ on this machine; null if it was not calibrated."""


@dataclass(frozen=True)
class ComparisonReport:
    """A whole comparison."""

    schema: int
    comparison: ComparisonInfo
    environment: Environment
    compared: list[Compared]
    unmatched: list[str] = field(default_factory=list)
    """Cases of two stored runs that were not compared, one line each: what only one of them has, say."""
