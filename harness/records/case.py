"""A case: one point of a sweep, identified by a hash of exactly that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

AXES = ("model", "runner", "precision", "batch_size", "device", "threads")
"""The axes of a sweep, by which cases are selected, sorted and compared."""


@dataclass(frozen=True)
class Scenario:
    """What is measured and between which two moments: part of a case's identity."""

    boundary: str = "synchronised call, inputs and outputs on the device"
    inputs: str = "rotating"
    """How many different inputs the timed calls see: `rotating` through a few bound sets."""
    load: str = "closed loop, one caller"


@dataclass(frozen=True)
class Case:
    """One point of a sweep, with every default filled in."""

    model: str
    params: dict[str, Any]
    runner: str
    options: dict[str, Any]
    precision: str
    batch_size: int
    device: str
    threads: int

    def id(self, scenario: Scenario) -> str:
        """The first 16 hex digits of the sha256 of the canonical JSON of case and scenario."""
        whole = {"case": vars(self), "scenario": vars(scenario)}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_label(label: dict[str, str]) -> None:
    """So that a damaged or foreign file is found when it is read, and not where its label is used."""
    if not {"model", "runner"} <= label.keys():
        raise ValueError("a label has a model and a runner")


@dataclass(frozen=True)
class Provider:
    """Who provides a component: part of the workload that resume and compare insist on."""

    kind: str
    name: str
    source: str
    distribution: str | None = None
    version: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class PlannedCase:
    """A case as the plan has it: identified, checked against this machine, but not measured."""

    id: str
    case: Case
    label: dict[str, str]
    """Model and runner as a user writes them: `mlp:hidden_dim=4096`, defaults left out."""
    providers: list[Provider]
    tolerance: float
    """The largest error of its output that counts as right."""
    tolerance_source: str
    """Whose tolerance that is: `precision`, `model` or `option`."""
    unit: str
    items: int
    """How many units one call processes."""
    unsupported: str | None = None
    """Why it cannot run here, in one sentence, with what would."""
    emulated: str | None = None
    """Why its arithmetic is imitated here, if it is."""
    baseline_id: str | None = None
    """The case that its speed-up is counted from."""
    added: bool = False
    """Not asked for: it is here as the baseline of another."""
    builds: bool = False
    """Its runner makes files once, before the first replicate."""
    concurrent: bool = False
    """Several threads may call its session at once: its runner says so, and the model keeps no state."""
    estimate_s: float = 0.0
    """A rough guess of what one pass costs."""

    def __post_init__(self) -> None:
        check_label(self.label)


@dataclass(frozen=True)
class PluginInfo:
    """A plugin that was loaded for a run."""

    name: str
    source: str
    distribution: str | None = None
    version: str | None = None
    digest: str | None = None
    hooks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """An ordered list of unique cases, and what was found out while planning."""

    cases: list[PlannedCase]
    plugins: list[PluginInfo]
    environment: Environment
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Environment:
    """The machine and the software a run was made on. None where it could not be found out."""

    host: str
    os: str
    kernel: str
    python: str
    cpu: str
    architecture: str
    cores_physical: int | None
    cores_logical: int
    cores_usable: int
    """What affinity and cgroup quota leave to this process."""
    memory_mib: int
    torch: str | None = None
    cuda: str | None = None
    device_name: str | None = None
    """The accelerator's product name, None without one."""
    driver: str | None = None
    cpu_capability: str | None = None
    """The instruction set torch's own kernels use, e.g. AVX512."""
    cpu_features: list[str] = field(default_factory=list)
    packages: dict[str, str] = field(default_factory=dict)
    """Distribution -> version of what can change a number."""
    virtual: bool | None = None
    noise: list[str] = field(default_factory=list)
    """What was noticed that disturbs measurements; empty does not prove a quiet machine."""
