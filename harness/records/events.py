"""What a run file consists of: a header, then one event per line, in the order they happened.

A line is a JSON object with the key `event` naming its type, and as its last key `crc32`, eight hex
digits of the checksum of the bytes before it (from the brace to the comma that introduces the key).

Schema 1, the only one so far:

    run         the header, always first: identity, command, settings, plan, environment
    resumed     the run was taken up again
    reference   a reference output was made, or could not be
    built       the files of a case were made, or could not be
    sample      one replicate of a case ended, whatever way
    memory      the memory child of a case ended, whatever way
    throughput  a child that saturated a case ended, whatever way
    anatomy     a child that took one inference of a case apart ended, whatever way
    proof       an experiment was made to prove a finding, after the run
    ended       the run ended; absent after a kill

Nothing derived is stored: medians, intervals and speed-ups are functions of these (harness.analyse).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.anatomy import Anatomy
from harness.records.calibration import Spreads
from harness.records.case import Plan, Scenario
from harness.records.ceilings import Ceilings
from harness.records.finding import Proof
from harness.records.noise import BlockNoise
from harness.records.settings import Settings

SCHEMA = 1

OK = "ok"
NO_REFERENCE = "not verified, no reference: "
"""Begins the warning of a case whose reference could not be made; the reason follows."""
STATUSES = (
    "incorrect",
    "crashed",
    "out_of_memory",
    "timeout",
    "failed",
    "unsupported",
    "interrupted",
    "not_reached",
    "ok",
)
"""Every status, the worst first: a case has the worst of its replicates."""


def worst(statuses: list[str]) -> str:
    """The worst of some statuses; `not_reached` if there are none."""
    return min(statuses, key=STATUSES.index) if statuses else "not_reached"


def check_status(status: str) -> None:
    """So that a damaged line is found when it is read, and not where its status is used."""
    if status not in STATUSES:
        raise ValueError(f"unknown status {status!r}")


@dataclass(frozen=True)
class RunStarted:
    """The header of a run file."""

    schema: int
    id: str
    started: str
    """UTC, ISO 8601."""
    command: str
    suite: str | None
    seed: int
    harness_version: str
    settings: Settings
    scenario: Scenario
    plan: Plan
    order: list[str] = field(default_factory=list)
    """The axes that were asked for, for display only."""
    calibration: Spreads | None = None
    """What was known of this machine's own spread."""
    ceilings: list[Ceilings] = field(default_factory=list)
    """What the machine can do at most."""
    asked: dict[str, Any] = field(default_factory=dict)
    """What was asked for, as `harness.execute.resume` reads it: so that the run can be taken up again."""


@dataclass(frozen=True)
class Resumed:
    """The run was taken up again: what follows was measured then."""

    at: str
    command: str
    changed: list[str] = field(default_factory=list)
    """What was no longer as at the beginning, and was to be passed over."""


@dataclass(frozen=True)
class Verification:
    """How right an output is (harness.measure.verify has the definitions)."""

    passed: bool
    error: float | None
    """Root mean square of y - ref over the spread of ref across the batch; the worst output's."""
    tolerance: float
    max_error: float | None = None
    """The largest deviation, on the same scale."""
    max_abs_error: float | None = None
    cosine: float | None = None
    top1_agreement: float | None = None
    """Share of positions where the largest entry along the last axis is the reference's."""
    nonfinite: int = 0
    """NaN and Inf that the reference does not have."""
    calls: int = 0
    """How many calls on different inputs were compared."""
    reference: str = "float64"
    """The precision of the reference; `none` if the model has none."""
    reason: str | None = None
    """What is wrong, in one sentence, if it did not pass."""


@dataclass(frozen=True)
class Timing:
    """What the timed calls of one replicate took."""

    calls_ns: str
    """Every timed call, packed by `pack_ns`."""
    blocks: list[int]
    """How many consecutive entries of `calls_ns` belong to each block."""
    warm_up_calls: int
    warm_up_s: float
    warm_up: str
    """`flat`, `warm-up`, `slowdown`, `no steady state` or `capped` (too slow to find out); `steady` in
    files of earlier versions.
    """
    calls_per_stamp: int = 1
    """More than 1 for calls too short for the clock: each entry of `calls_ns` is that many together."""
    empty_ns: float = 0.0
    """What the loop around those calls takes of itself, for each: to be subtracted."""
    noise: list[BlockNoise] = field(default_factory=list)
    """The audit of each block, in the order of `blocks`; empty where nothing was audited."""
    device_ns: list[float] = field(default_factory=list)
    """Device time of one call, a value for each of its own blocks; empty on the CPU, or where it cannot
    be told from the host's.
    """
    device_note: str | None = None
    """Why there is no device time where there should be one."""


@dataclass(frozen=True)
class Sample:
    """One replicate of a case: a fresh process that measured it once, or tried to."""

    case: str
    replicate: int
    """Counted from 0; the pass that made it."""
    status: str
    started: str
    seconds: float
    """Wall time of the whole child."""
    reason: str | None = None
    detail: str | None = None
    """Traceback or last output, for --verbose."""
    stage: str | None = None
    """How far it came: load, verify, warm-up, measure, done."""
    ready_s: float | None = None
    """From the start of loading to the end of the first call, drawing random weights left out."""
    load_s: float | None = None
    timing: Timing | None = None
    verification: Verification | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_status(self.status)


@dataclass(frozen=True)
class Built:
    """The files of a case were made once, in a child of its own."""

    case: str
    status: str
    seconds: float
    """Wall time of the whole child."""
    build_s: float | None = None
    """Of the runner's build alone."""
    reason: str | None = None
    detail: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_status(self.status)


@dataclass(frozen=True)
class ReferenceMade:
    """The reference outputs of a model at a batch size were made."""

    cases: list[str]
    status: str
    seconds: float
    precision: str | None = None
    """float64, or float32 where that could not run; of a file that is its own reference the coarsest
    format in it; `none` if the model has no reference."""
    reason: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Memory:
    """What a case needs, measured in a child that measures nothing else. MiB; None if unknown."""

    host_run_peak: float | None = None
    """Peak while calling: weights, activations and buffers, library code left out."""
    host_ready_peak: float | None = None
    """Peak while loading, up to the end of the first call."""
    weights: float | None = None
    device_allocated: float | None = None
    device_reserved: float | None = None
    device_allocated_peak: float | None = None
    device_reserved_peak: float | None = None
    device_total_delta: float | None = None
    """What the whole device lost, context and libraries included."""


@dataclass(frozen=True)
class MemoryMeasured:
    """The memory child of a case ended."""

    case: str
    status: str
    seconds: float
    memory: Memory | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Saturated:
    """What a session does for callers that never pause."""

    rates: list[float]
    """Units per second in each window, one after the other; a call counts in a window by the share of its
    time that lies in it."""
    window_s: float
    callers: int
    """Calls under way at any time: threads that call, or on an accelerator the calls in flight."""
    threads: int
    """Of each caller."""
    calls: int
    mean_latency_ms: float
    """Of the calls in the windows."""
    little: float
    """Calls per second times latency, over the number of callers, minus 1: 0 by Little's law unless time
    was spent outside the calls."""


@dataclass(frozen=True)
class ThroughputMeasured:
    """A child that saturated a case ended."""

    case: str
    replicate: int
    status: str
    seconds: float
    callers: int
    """That were asked for."""
    probe: bool = False
    """A short one, to choose the number of callers: it is part of no result."""
    saturated: Saturated | None = None
    verification: Verification | None = None
    """The worst of the outputs made beside other calls, and of those made alone."""
    reason: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_status(self.status)


@dataclass(frozen=True)
class AnatomyTaken:
    """A child that took one inference of a case apart ended."""

    case: str
    status: str
    seconds: float
    anatomy: Anatomy | None = None
    reason: str | None = None
    detail: str | None = None

    def __post_init__(self) -> None:
        check_status(self.status)


@dataclass(frozen=True)
class Ended:
    """The run ended."""

    at: str
    status: str
    """`finished`, `interrupted`, `terminated`, `out_of_time` (before every case had its first passes) or
    `failed`."""
    reason: str | None = None
    """Why, in one sentence; of a finished run that aimed at a width, what became of the aim."""


EVENTS: dict[str, type] = {
    "run": RunStarted,
    "resumed": Resumed,
    "reference": ReferenceMade,
    "built": Built,
    "sample": Sample,
    "memory": MemoryMeasured,
    "throughput": ThroughputMeasured,
    "anatomy": AnatomyTaken,
    "proof": Proof,
    "ended": Ended,
}
Event = (
    RunStarted
    | Resumed
    | ReferenceMade
    | Built
    | Sample
    | MemoryMeasured
    | ThroughputMeasured
    | AnatomyTaken
    | Proof
    | Ended
)
