"""Puts together what `harness doctor` tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness import machine
from harness.doctor import checks, facts, live, watched
from harness.execute.lock import holders
from harness.measure import nvidia
from harness.plan.environment import without_torch
from harness.records.doctor import FAULT, SCHEMA, Check, DoctorReport, Part
from harness.store import calibration

PROC, SYSFS = Path("/proc"), Path("/sys")


def examine(inventory: dict[str, Any], results: Path, trouble: str | None = None) -> DoctorReport:
    """Watches the machine for a second, with nothing of ours running beside.

    Args:
        inventory: the components, as `harness.inventory` has them.
        results: where results would be kept.
        trouble: why nothing can be measured here, if the components could not be asked.
    """
    seen, processes = live.watch()
    environment = without_torch()
    gpus = facts.gpus()
    limit = machine.cpu_quota()
    maybe = [
        fault(trouble) if trouble else None,
        _writable(results),
        checks.locks(holders()),
        watched.load(seen, processes, environment.cores_usable),
        *watched.disturbances(seen),
        checks.quota(limit),
        checks.affinity(machine.affinity(), os.cpu_count() or 1),
        checks.governor(SYSFS),
        checks.turbo(SYSFS),
        checks.smt(SYSFS),
        checks.power(SYSFS),
        *checks.memory(PROC),
        checks.disk(results),
        checks.clock(SYSFS),
        checks.layout(PROC),
        checks.huge_pages(SYSFS),
        *watched.accelerators(nvidia.states(), gpus),
    ]
    return DoctorReport(
        schema=SCHEMA,
        environment=environment,
        device=inventory["device"],
        gpus=gpus,
        quota=limit,
        extras=facts.extras(),
        components=[
            Part(c["kind"], c["name"], c.get("unusable"), c.get("remark")) for c in inventory["components"]
        ],
        live=seen,
        checks=[check for check in maybe if check is not None],
        problems=[*inventory["problems"], *inventory["idle_blocks"]],
        calibration=known if (known := calibration.load()).sessions or known.ceilings else None,
    )


def fault(trouble: str) -> Check:
    """Why nothing can be measured."""
    advice = "pip install torch" if not machine.versions(("torch",)) else "harness list --verbose says more"
    return Check("torch", FAULT, f"nothing can be measured here: {trouble}", advice)


def _writable(results: Path) -> Check | None:
    """A fault if results could not be kept."""
    folder = next((p for p in (results.absolute(), *results.absolute().parents) if p.exists()), Path("/"))
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return None
    return Check(
        "results", FAULT, f"results cannot be kept: {folder} cannot be written", "name another with --results"
    )
