"""What a session's profiler recorded, and the public form that `harness profile --format json` prints.

Schema 1, as the report's: a key is never renamed or given another meaning without a new number. In the
recording times are microseconds summed over all profiled inferences; in the public form they are
milliseconds for one inference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.case import Case, Environment
from harness.records.events import Verification

SCHEMA = 1

KERNEL, COPY, FILL = "kernel", "copy", "fill"
"""What a device does: computes, copies memory, or fills it."""


@dataclass(frozen=True)
class OperatorTime:
    """All calls of one operator on the same shapes from the same line."""

    name: str
    calls: int
    self_cpu_us: float
    """On the host, without what it called."""
    cpu_us: float
    """With what it called. An operator inside one of the same name is counted once."""
    self_device_us: float = 0.0
    """Of the kernels, copies and fills that it launched itself."""
    device_us: float = 0.0
    shapes: str = ""
    """Of its tensors, `2048, 64x512, 512x2048`; empty where it has none or the runtime does not tell."""
    source: str = ""
    """The line of the model it was called from, `net.py:14`; empty where it is unknown."""
    text: str = ""
    """The code on that line."""


@dataclass(frozen=True)
class DeviceTime:
    """All runs of one kernel, or all copies or fills of one sort, on the device."""

    name: str
    kind: str
    """kernel, copy or fill."""
    calls: int
    device_us: float
    route: str = ""
    """Of a copy: `host to device`, `device to host`, or empty for all others."""


@dataclass(frozen=True)
class DispatchTime:
    """What a runtime did beside operators: guards, wrappers of compiled code, waiting."""

    name: str
    calls: int
    self_us: float


@dataclass(frozen=True)
class Recording:
    """What a session's profiler saw of some whole inferences, identical calls summed."""

    wall_us: list[float]
    """Each inference, to the end of its work on the device."""
    operators: list[OperatorTime]
    inside_us: float
    """How long the calling thread was inside operators: on one thread the sum of their self times."""
    dispatch: list[DispatchTime] = field(default_factory=list)
    kernels: list[DeviceTime] | None = None
    """None on the CPU, and where the runtime's profiler tells nothing of the device."""
    busy_us: float | None = None
    """How long at least one kernel was running."""
    lines: bool = False
    """Whether source lines were looked for."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ProfileResult:
    """What the profiling process sends to its parent; the trace is a file."""

    recording: Recording
    plain_us: list[float]
    """As many inferences in the same process with the profiler off."""
    verification: Verification | None
    facts: dict[str, Any]
    warnings: list[str]


@dataclass(frozen=True)
class HotSpot:
    """One line of the table: operators that have the same name, shapes or source line.

    Times are ms for one inference, null where there are none of that kind.
    """

    name: str
    """The operator, the source line or the kernel."""
    calls: float
    """In one inference; a mean over the profiled ones."""
    self_cpu_ms: float | None
    cpu_ms: float | None
    """With what it called; null for a source line, whose operators are all its own."""
    self_device_ms: float | None
    device_ms: float | None
    share: float
    """Of the sum of the self times of all lines, on the side that is sorted by; they sum to 1."""
    shapes: str | None = None
    text: str | None = None
    """The code on a source line."""


@dataclass(frozen=True)
class Copies:
    """Copies of one direction, for one inference."""

    route: str
    count: float
    device_ms: float


@dataclass(frozen=True)
class Dispatch:
    """What a runtime spent beside operators, for one inference."""

    name: str
    count: float
    cpu_ms: float


@dataclass(frozen=True)
class Totals:
    """Where the time of one inference goes; ms, a mean over the profiled ones."""

    wall_ms: float
    walls_ms: list[float]
    """Each profiled inference: where they differ much, shares are rough."""
    plain_ms: float
    """With the profiler off, in the same process: what profiling costs shows in the difference."""
    cpu_ms: float
    """Self CPU time of all operators."""
    inside_share: float
    """Of the wall time, inside operators; the rest is Python, dispatch and waiting."""
    dispatch: list[Dispatch]
    device_ms: float | None = None
    """All kernels, copies and fills; null without a device that tells."""
    kernel_ms: float | None = None
    """Kernels alone."""
    kernels: float | None = None
    """How many are launched."""
    busy_share: float | None = None
    """Of the wall time, with at least one kernel running."""
    copies: list[Copies] = field(default_factory=list)
    """Between host and device."""


@dataclass(frozen=True)
class ProfileReport:
    """The public form: hot spots and totals of one case, and where they were recorded."""

    schema: int
    case: Case
    environment: Environment
    warmup: int
    calls: int
    """Profiled inferences."""
    group: str
    """What a line stands for: operator, shape, source or kernel."""
    sort: str
    share_of: str
    """What the shares are of: self_cpu or self_device."""
    rows: list[HotSpot]
    rest: HotSpot | None
    """All lines left out by --rows as one; null if there are none."""
    rest_lines: int
    total: HotSpot
    """All lines as one."""
    totals: Totals
    trace: str
    """The trace file for Perfetto and chrome://tracing."""
    verification: Verification | None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
