"""What the parent asks of a child process.

A job is a JSON file that names its kind. Types only: what a child answers is in harness.answers, how the two
talk in harness.channel, what a job does in harness.measure, and who starts it in harness.execute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.catalogue.loading import PluginRequest
from harness.records import codec
from harness.records.case import PlannedCase, Scenario
from harness.records.settings import Settings


@dataclass(frozen=True)
class Matrix:
    """A product of lists, as texts; what was not given is empty."""

    model: list[str] = field(default_factory=list)
    runner: list[str] = field(default_factory=list)
    precision: list[str] = field(default_factory=list)
    batch_size: list[int] = field(default_factory=list)
    device: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    exclude: list[dict[str, str | int]] = field(default_factory=list)
    include: list[dict[str, str | int]] = field(default_factory=list)
    where: str = field(default="", compare=False)
    """What to name in front of a mistake in it: a suite's file and which of its tables, say."""


@dataclass(frozen=True)
class PlanJob:
    """Make a plan: resolve names and parameters with the real components, on the real machine."""

    matrices: list[Matrix]
    plugins: PluginRequest
    scenario: Scenario
    settings: Settings
    baseline: str = ""
    """Axes and values of the baseline, `axis=value,...`; empty for the default, `none` for none."""


@dataclass(frozen=True)
class InventoryJob:
    """List every component with what this machine can do with it."""

    plugins: PluginRequest


@dataclass(frozen=True)
class OverheadJob:
    """Measure what a call of nothing reads."""


@dataclass(frozen=True)
class CeilingsJob:
    """Measure what a device can do at most with so many threads."""

    device: str
    threads: int


@dataclass(frozen=True)
class CaseJob:
    """Do something with one case: make its reference, its files, a sample, or measure its memory."""

    planned: PlannedCase
    plugins: PluginRequest
    seed: int
    folder: str
    """The case's own folder."""
    reference: str
    """The file of the reference outputs."""
    cache: str
    """The case's own compiler cache."""
    replicate: int
    settings: Settings
    file: str | None = None
    """A file that was exported, to be loaded in place of what the runner would build."""


@dataclass(frozen=True)
class CheckJob:
    """Find out whether a case really runs."""

    case: CaseJob
    other_batches: list[int] = field(default_factory=list)
    """Batch sizes to call the loaded case with as well."""


@dataclass(frozen=True)
class ExportJob:
    """Write a case's model to a file."""

    case: CaseJob
    target: str
    dynamic: bool
    smallest_batch: int
    largest_batch: int


@dataclass(frozen=True)
class ProfileJob:
    """Profile one case."""

    case: CaseJob
    warmup: int
    """Inferences before the profiled ones."""
    calls: int
    """Profiled inferences."""
    lines: bool
    """Mark operators with the source line they come from, where the session can."""
    trace: str
    """The file for the trace."""


@dataclass(frozen=True)
class ThroughputJob:
    """Saturate one case."""

    case: CaseJob
    callers: int
    """How many threads call at once; on an accelerator one thread keeps two calls in flight instead."""
    windows: int
    window_s: float
    ramp_s: float
    """Seconds before the first window."""


@dataclass(frozen=True)
class ArmJob:
    """Be one side of a pair: load, verify, warm up, and time a block whenever it is told to."""

    case: CaseJob
    cpu: int | None = None
    """Call from this processor alone. Where the host only launches, the one it lands on decides."""


@dataclass(frozen=True)
class ConformanceJob:
    """Make checks of the conformance kit on a plugin or on one of its components."""

    checks: list[str]
    plugins: PluginRequest
    source: str
    """Where the plugin comes from; see `Origin.source`."""
    kind: str = ""
    """The component's kind; empty for the plugin itself."""
    index: int = 0
    """Which of the components of this kind, in the order in which its hook yields them."""
    folder: str = ""
    """For files of the check's own."""
    case: CaseJob | None = None
    """For checks of a runner that are made on a case."""
    timeout_s: float = 120.0
    """How long the child has for all of them."""
    lane: int = 0
    """Which of two independent processes this is; 1 only for checks that are made in both."""


JOBS: dict[str, type] = {
    "plan": PlanJob,
    "inventory": InventoryJob,
    "overhead": OverheadJob,
    "ceilings": CeilingsJob,
    "reference": CaseJob,
    "build": CaseJob,
    "sample": CaseJob,
    "memory": CaseJob,
    "infer": CaseJob,
    "check": CheckJob,
    "export": ExportJob,
    "verify": CaseJob,
    "profile": ProfileJob,
    "throughput": ThroughputJob,
    "anatomy": CaseJob,
    "arm": ArmJob,
    "conformance": ConformanceJob,
}
Job = (
    PlanJob
    | InventoryJob
    | OverheadJob
    | CeilingsJob
    | CaseJob
    | CheckJob
    | ExportJob
    | ProfileJob
    | ThroughputJob
    | ArmJob
    | ConformanceJob
)


def encode_job(kind: str, job: Job) -> bytes:
    return codec.encode({"kind": kind, "job": job})


def decode_job(data: bytes) -> tuple[str, Job]:
    whole = codec.decode(data, dict[str, Any])
    kind = whole["kind"]
    return kind, codec.convert(whole["job"], JOBS[kind])
