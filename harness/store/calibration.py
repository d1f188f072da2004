"""Where calibrations are kept: one file for each machine in each state, in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import replace
from pathlib import Path

from harness import machine
from harness.errors import StoreError
from harness.inventory import cache_home
from harness.records import codec
from harness.records.calibration import Calibration, Session
from harness.records.ceilings import Ceilings

SCHEMA = 1


def state() -> dict[str, str]:
    """What a machine's spread depends on: its processor, kernel and torch, and how it is clocked."""
    return {
        "cpu": machine.cpu_name(),
        "cores": str(len(machine.affinity())),
        "quota": str(machine.cpu_quota() or ""),
        "kernel": platform.release(),
        "virtual": str(machine.is_virtual()),
        "governor": _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "driver": _read(Path("/proc/driver/nvidia/version")),
        "torch": machine.versions(("torch",)).get("torch", ""),
    }


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def fingerprint(of: dict[str, str]) -> str:
    """A short hash of a machine's state."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:12]


def path_of(mark: str) -> Path:
    return cache_home() / f"calibration-{mark}.json"


def load() -> Calibration:
    """The calibration of this machine; one without sessions if there is none, or it cannot be read."""
    here = state()
    mark = fingerprint(here)
    try:
        found = codec.decode(path_of(mark).read_bytes(), Calibration)
        if found.schema == SCHEMA and found.fingerprint == mark:
            return found
    except (OSError, codec.DecodeError):
        pass
    return Calibration(SCHEMA, mark, here)


def add(session: Session) -> tuple[Calibration, Path]:
    """Keeps one more session of this machine.

    Raises:
        StoreError: the cache folder cannot be written.
    """
    found = load()
    found = replace(found, sessions=[*found.sessions, session])
    return found, _keep(found)


def add_ceilings(ceilings: Ceilings) -> Path:
    """Keeps the ceilings of a device with so many threads, in place of earlier ones.

    Raises:
        StoreError: the cache folder cannot be written.
    """
    found = load()
    others = [c for c in found.ceilings if (c.device, c.threads) != (ceilings.device, ceilings.threads)]
    return _keep(replace(found, ceilings=[*others, ceilings]))


def _keep(found: Calibration) -> Path:
    path = path_of(found.fingerprint)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.new")
        beside.write_text(codec.pretty(found), "utf-8")
        beside.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}", "XDG_CACHE_HOME says where caches are"
        ) from error
    return path
