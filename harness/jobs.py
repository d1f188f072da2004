"""What the parent asks of a child process, and how the two talk.

A job is a JSON file that names its kind; the child answers through a pipe with length-prefixed JSON
messages. Types and framing only: what a job does is in harness.measure, who starts it in
harness.execute.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.catalogue.loading import PluginRequest
from harness.records import codec
from harness.records.anatomy import Anatomy
from harness.records.case import PlannedCase, Scenario
from harness.records.events import Memory, Saturated, Settings, Timing, Verification
from harness.records.noise import BlockNoise

# ---- jobs ---------------------------------------------------------------------------------------


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


# ---- answers ------------------------------------------------------------------------------------


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


# ---- the pipe -----------------------------------------------------------------------------------

_LENGTH = struct.Struct("!I")
MOST_BYTES = 64 << 20
"""A longer message is no message of ours."""
MOST_IN_ALL = 256 << 20
"""Neither is what comes after so many bytes of them."""


class Channel:
    """The child's end of the pipes: one for answers, one for commands."""

    def __init__(self, fd: int, commands: int | None = None) -> None:
        self._fd = fd
        self._commands = commands

    def command(self) -> str:
        """Waits for the next command, one line; empty once nobody gives any more."""
        assert self._commands is not None
        line = bytearray()
        while data := os.read(self._commands, 1):
            if data == b"\n":
                break
            line += data
        return line.decode()

    def send(self, name: str, body: Any = None) -> None:
        """Sends one message; `stage`, `verification`, `result` or `failure`."""
        data = codec.encode({"name": name, "body": body})
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(self._fd, view) :]


class Reader:
    """The parent's end: bytes in, messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken = 0
        self.broken = False

    @property
    def unfinished(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """Messages completed by `data`. After a malformed one everything is ignored."""
        self._taken += len(data)
        if self._taken > MOST_IN_ALL:
            self._give_up()
        if self.broken:
            return
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MOST_BYTES:
                self._give_up()
                return
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                message = codec.decode(body, dict[str, Any])
                name, content = str(message["name"]), message["body"]
            except (codec.DecodeError, KeyError, RecursionError):
                self._give_up()
                return
            yield name, content

    def _give_up(self) -> None:
        self.broken = True
        self._buffer.clear()
