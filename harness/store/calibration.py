"""Where calibrations are kept: one file for each machine in each state, in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness import machine
from harness.errors import StoreError
from harness.inventory import cache_home
from harness.records import codec
from harness.records.calibration import Calibration, Session
from harness.records.ceilings import Bandwidth, Ceilings

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


def ceilings_for(pairs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Ceilings]:
    """What is known of each device with so many threads; nothing for a pair of which nothing is."""
    known = {(c.device, c.threads): c for c in load().ceilings}
    return {pair: known[pair] for pair in pairs if pair in known}


def add_ceilings(ceilings: Ceilings) -> tuple[Ceilings, Path]:
    """Keeps the ceilings of a device with so many threads; what is kept of them and of earlier ones.

    Raises:
        StoreError: the cache folder cannot be written.
    """
    found = load()
    key = (ceilings.device, ceilings.threads)
    earlier = next((c for c in found.ceilings if (c.device, c.threads) == key), None)
    kept = ceilings if earlier is None else better(earlier, ceilings)
    others = [c for c in found.ceilings if c is not earlier]
    return kept, _keep(replace(found, ceilings=[*others, kept]))


def better(earlier: Ceilings, new: Ceilings) -> Ceilings:
    """The new ones, unless they were disturbed: then quiet earlier ones, or the best of both.

    A disturbance only ever makes a machine slower, so of two that were disturbed each number is the better.
    """
    attempts = earlier.attempts + 1
    fault_us = min((f for f in (earlier.fault_us, new.fault_us) if f is not None), default=None)
    if new.quiet or earlier.device_name != new.device_name:
        return replace(new, attempts=attempts)
    if earlier.quiet:
        return replace(earlier, attempts=attempts, fault_us=fault_us)
    tflops = {**earlier.matmul_tflops, **new.matmul_tflops}
    return replace(
        new,
        matmul_tflops={k: max(v, earlier.matmul_tflops.get(k, v)) for k, v in tflops.items()},
        emulated=[name for name in new.emulated if name in earlier.emulated],
        bandwidth=_best(earlier.bandwidth, new.bandwidth),
        read_gib_per_s=_best(earlier.read_gib_per_s, new.read_gib_per_s),
        launch_us=min(earlier.launch_us, new.launch_us),
        fault_us=fault_us,
        suspect=min(earlier.suspect, new.suspect),
        attempts=attempts,
    )


def _best(earlier: list[Bandwidth], new: list[Bandwidth]) -> list[Bandwidth]:
    rates: dict[float, float] = {}
    for one in (*earlier, *new):
        rates[one.working_set_mib] = max(one.gib_per_s, rates.get(one.working_set_mib, 0.0))
    return [Bandwidth(mib, rate) for mib, rate in sorted(rates.items())]


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
