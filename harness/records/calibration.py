"""What a machine's own spread is: measured by comparing a model with itself, kept with the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.records.ceilings import Ceilings


@dataclass(frozen=True)
class Workload:
    """One model compared with itself in one session. Standard deviations are of natural logarithms."""

    label: str
    latency_ms: float
    process_sd: float
    """Between fresh processes that did the same work."""
    pair_sd: float
    """Of the log-ratio of two processes timed in turns: what a live verdict rests on."""
    round_sd: float
    """Of that ratio from round to round within a pair."""
    pairs: int
    word: str
    """The verdict on the two that are the same; `faster` and `slower` are false alarms."""
    suspect: int = 0
    """Blocks that the audit found disturbed."""
    blocks: int = 0


@dataclass(frozen=True)
class Session:
    """One calibration."""

    at: str
    """UTC, ISO 8601."""
    workloads: list[Workload]
    overhead_ns: float
    """What a call of nothing reads: the harness's own, after the empty loop is subtracted."""
    context_ns: float
    """The same in torch's inference mode, which is a part of every torch latency."""


@dataclass(frozen=True)
class Calibration:
    """All sessions of one machine in one state, the oldest first."""

    schema: int
    fingerprint: str
    machine: dict[str, str]
    """What the fingerprint is made of."""
    sessions: list[Session] = field(default_factory=list)
    ceilings: list[Ceilings] = field(default_factory=list)
    """The latest of each device and number of threads."""


@dataclass(frozen=True)
class Spreads:
    """What a calibration says, in short: stored with everything that used it."""

    sessions: int
    latest: str
    """When the last one was made."""
    process_sd: dict[str, float]
    """Latency in milliseconds, as text -> spread between processes, for each workload."""
    pair_sd: dict[str, float]
    session_sd: float | None = None
    """Between sessions on different occasions; null before the third."""
