"""What `harness doctor` finds: `harness doctor --format json` prints it. Schema 1."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.records.calibration import Calibration
from harness.records.case import Environment
from harness.records.noise import NoiseSummary

SCHEMA = 1

OK, NOTE, WARNING, FAULT = "ok", "note", "warning", "fault"
STATES = (OK, NOTE, WARNING, FAULT)
"""Nothing to do; worth knowing; disturbs a measurement; nothing can be measured."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: str
    """ok, note, warning or fault."""
    text: str
    """What was found."""
    advice: str | None = None
    """What to do about it."""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"unknown state {self.state!r}")


@dataclass(frozen=True)
class Extra:
    """An optional part of the installation."""

    name: str
    missing: list[str] = field(default_factory=list)
    """Distributions of it that are not installed; empty: it can be used."""


@dataclass(frozen=True)
class Part:
    """A model, runner, precision or reporter."""

    kind: str
    name: str
    unusable: str | None = None
    """Why it cannot be used here."""
    remark: str | None = None
    """What to know if it can."""


@dataclass(frozen=True)
class Live:
    """An audit of a moment, with one thread busy. None where the system does not say."""

    seconds: float
    noise: NoiseSummary
    steal: float | None = None
    """Share of the machine's processor time."""
    run_delay: float | None = None
    """Time that the one busy thread waited for a processor, over wall time."""
    pressure: float | None = None
    """Share of the time in which something waited for a processor."""
    others_cpu: float | None = None
    """Processors' worth of time that other processes used."""
    throttled_s: float | None = None
    canary_spread: float | None = None
    """The slowest run of a fixed integer loop over the fastest, less 1."""


@dataclass(frozen=True)
class DoctorReport:
    """All of it."""

    schema: int
    environment: Environment
    device: str | None
    """The default device; null where it could not be asked for."""
    gpus: list[str]
    """What the NVIDIA driver calls its devices."""
    quota: float | None
    """Processors' worth of time the cgroups grant; null without a limit."""
    extras: list[Extra]
    components: list[Part]
    live: Live
    checks: list[Check]
    problems: list[str] = field(default_factory=list)
    """Plugins that cannot be loaded."""
    calibration: Calibration | None = None
    """What was measured of this machine's own spread and of its ceilings; null if nothing was."""
