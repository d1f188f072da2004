"""The public report: what `harness report --format json` prints and other programs may read.

Schema 1. A key is never renamed or given another meaning without a new schema number; new keys may
appear. `null` always means: cannot be said honestly. docs/report.schema.json is generated from this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.anatomy import Anatomy
from harness.records.calibration import Spreads
from harness.records.case import Case, Environment, PluginInfo, Provider, check_label
from harness.records.ceilings import Ceilings
from harness.records.events import Memory, Verification, check_status
from harness.records.finding import Coverage, Explanation, Finding, Place, Proof
from harness.records.noise import NoiseSummary
from harness.records.settings import Settings

SCHEMA = 1


@dataclass(frozen=True)
class RunInfo:
    """Which run this is and how it was made."""

    id: str
    started: str
    """UTC, ISO 8601."""
    ended: str | None
    status: str
    """finished, interrupted, terminated, out_of_time, failed (the disk was full, say), or running (also
    after a kill)."""
    command: str
    suite: str | None
    seed: int
    harness_version: str
    settings: Settings
    plugins: list[PluginInfo] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    """Lines of the run file that could not be read, by number."""
    reason: str | None = None
    """Why it ended, in one sentence, if there is something to say."""
    calibration: Spreads | None = None
    """How much processes and sessions were known to differ on this machine; null if it was not calibrated."""
    noise: NoiseSummary | None = None
    """How quiet the machine was in the timed blocks; null where they were not audited."""
    ceilings: list[Ceilings] = field(default_factory=list)
    """What the machine can do at most, for each device and number of threads of the run; empty where it was
    not measured."""


@dataclass(frozen=True)
class Percentile:
    """A percentile of single calls with an upper bound that holds with 99 % confidence."""

    value: float
    bound: float


@dataclass(frozen=True)
class Latency:
    """Request latency in milliseconds.

    `median` is the geometric mean over replicates of each one's value (the mean of its block
    medians); `low` and `high` are a t-interval over replicates on the log scale, null for a single
    replicate, which has none.
    """

    median: float
    low: float | None
    high: float | None
    level: float
    iqr: float
    """Interquartile range of all single calls; of lots of calls where they are timed many at once; of
    blocks for device time.
    """
    min: float
    mean: float
    replicates: list[float]
    """The value of each replicate, in the order of the passes."""
    p90: Percentile | None = None
    """Null where too few calls were timed for an honest bound (p90: 64, p99: 662), or where calls are
    timed many at once.
    """
    p99: Percentile | None = None


@dataclass(frozen=True)
class Throughput:
    """Work per second of a closed loop: units per call over latency."""

    value: float
    unit: str
    kind: str = "closed_loop"


@dataclass(frozen=True)
class Sustained:
    """Work per second of a session whose callers never pause, measured over windows.

    `value` is the geometric mean over processes of what each did in all its windows; `low` and `high` are
    a t-interval over processes, null for a single one, which has none.
    """

    value: float
    low: float | None
    high: float | None
    unit: str
    callers: int
    """Calls under way at any time: threads that call, or on an accelerator the calls in flight."""
    threads: int
    """Of each caller."""
    processes: int
    windows: int
    """Of all processes together."""
    slowest: float
    """The rate in the slowest window: a stall shows here."""
    latency_ms: float
    """Mean latency of one call meanwhile."""
    little: float
    """The largest relative deviation from Little's law: near 0, or time was spent outside the calls."""
    tried: dict[str, float] = field(default_factory=dict)
    """Number of callers -> units per second in the short run that it was chosen by."""
    kind: str = "sustained"


@dataclass(frozen=True)
class Speedup:
    """Latency of the baseline over latency of this case; above 1 is faster.

    The interval is a t-interval over passes, in each of which both ran as children of the same
    parent; null where fewer than two passes have both.
    """

    baseline: str
    """The id of the baseline's record."""
    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Aim:
    """How wide the case's 95 % interval was to be at most (`--until`), and what became of it."""

    of: str
    """Whose interval: `latency`, or `device time` where every replicate has it."""
    wanted: float
    """Relative half-width: 0.05 is 5 %."""
    half_width: float | None
    """What it is; null for a single replicate."""
    reached: bool
    passes_needed: int | None = None
    """About how many passes would reach it, if the spread stays as it is; null if it is reached, or if
    100 would not do."""
    replicate_s: float | None = None
    """How long a replicate of this case takes, from start to end."""


@dataclass(frozen=True)
class Ready:
    """Seconds from the start of loading to the end of the first call.

    `cold` has everything that is made once for the case (an export, a compilation) and empty
    compiler caches; `warm` finds them made. Importing torch is in neither.
    """

    cold: float | None
    warm: float | None


@dataclass(frozen=True)
class Record:
    """What a run knows of one case."""

    id: str
    case: Case
    label: dict[str, str]
    """Model and runner as they are written on the command line."""
    status: str
    reason: str | None
    """One sentence, null if all is well."""
    detail: str | None
    """A traceback or the last output, if there is one."""
    replicates: int
    calls: int
    boundary: str
    warm_up: str | None
    """The worst of the replicates: no steady state, slowdown, capped (too slow to tell), warm-up (slow
    at first), flat; steady in runs of earlier versions.
    """
    latency_ms: Latency | None = None
    device_ms: Latency | None = None
    """Device time: how long an accelerator is busy for one call, measured behind a backlog."""
    launch_bound: bool | None = None
    """Whether request latency is above 1.1 times device time: then the host's launching is what a caller
    waits for, and a quicker kernel gains nothing. Null without device time.
    """
    throughput_per_s: Throughput | None = None
    sustained_per_s: Sustained | None = None
    """Null unless it was asked for (`--throughput`)."""
    speedup: Speedup | None = None
    ready_s: Ready | None = None
    break_even_calls: int | None = None
    """After how many calls the cold start is earned back against the baseline; null if never or unknown."""
    memory_mib: Memory | None = None
    verification: Verification | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)
    """The channels of the audit that found any of its blocks suspect, the most frequent first."""
    page_faults: float | None = None
    """Pages that the kernel provided in one timed call: the median over blocks. Null where they were not
    counted.
    """
    page_faults_each: list[float] = field(default_factory=list)
    """The same of each replicate, as `latency_ms.replicates` has them; empty where one was not counted."""
    findings: list[Finding] = field(default_factory=list)
    is_baseline: bool = False
    aim: Aim | None = None
    """Null where no width was aimed at, or nothing was measured."""
    best: bool = False
    """The fastest correct case of its model, parameters, batch size, device and threads."""
    providers: list[Provider] = field(default_factory=list)
    """Who provides its components; empty in reports of earlier versions."""
    anatomy: Anatomy | None = None
    """What one inference consists of; null where it was not looked into."""
    place: Place | None = None
    """What bounds it; null without anatomy or ceilings."""
    explanation: Explanation | None = None
    """Why its number is what it is; null where nothing was measured."""

    def __post_init__(self) -> None:
        check_label(self.label)
        check_status(self.status)


@dataclass(frozen=True)
class Report:
    """One run, analysed."""

    schema: int
    run: RunInfo
    environment: Environment
    records: list[Record]
    findings: list[Finding] = field(default_factory=list)
    """Over several records; those of one record are with it."""
    coverage: Coverage | None = None
    """How many rows are explained; null where nothing was looked into."""
    proofs: list[Proof] = field(default_factory=list)
    """Every experiment that was made for this run (`harness explain --prove`), the oldest first."""
