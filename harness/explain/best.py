"""What to choose: the fastest correct configuration, within limits, and those that nothing beats
in everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analyse.analyse import group_key
from harness.records.events import OK
from harness.records.report import Record
from harness.report.numbers import small


@dataclass(frozen=True)
class Limits:
    """What a configuration must keep; None for no limit."""

    latency_ms: float | None = None
    error: float | None = None
    memory_mib: float | None = None

    @property
    def given(self) -> bool:
        return any(v is not None for v in (self.latency_ms, self.error, self.memory_mib))


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Choice:
    """One model and batch size: its candidates, the best of them, and the front."""

    title: tuple[str, int, str, int]
    """Model, batch size, device, threads."""
    best: Record | None
    """The fastest correct one within the limits; None if there is none."""
    front: list[Record]
    """Those within the limits that no other equals in latency, memory and error and beats in one of them."""
    excluded: list[tuple[Record, str]]
    """What broke a limit, or is not correct, and why."""
    untold: str | None = None
    """Why it cannot be told which one is best, although there are candidates."""


def choices(records: Sequence[Record], limits: Limits, busy: str | None = None) -> list[Choice]:
    """A choice for each model, batch size, device and number of threads.

    Args:
        busy: how busy the machine was, if it was too busy for one to be best.
    """
    groups: dict[tuple[str, int, str, int], list[Record]] = {}
    for record in records:
        if record.latency_ms is not None:
            groups.setdefault(group_key(record), []).append(record)
    found = []
    for title, members in groups.items():
        fit: list[Record] = []
        excluded: list[tuple[Record, str]] = []
        for record in members:
            why = broken(record, limits)
            if why is None:
                fit.append(record)
            else:
                excluded.append((record, why))
        if fit and busy:
            found.append(Choice(title, None, [], excluded, busy))
            continue
        best = min(fit, key=_latency, default=None)
        found.append(Choice(title, best, front(fit), excluded))
    return found


def broken(record: Record, limits: Limits) -> str | None:
    """Why a record is no candidate; None if it is one. What was not measured keeps no limit."""
    if record.status != OK:
        return record.status
    if record.verification is None:
        return "not verified"
    latency, error, memory = _latency(record), _error(record), peak_mib(record)
    if limits.latency_ms is not None:
        assert record.latency_ms is not None
        # A limit is kept if the whole interval keeps it.
        high = record.latency_ms.high if record.latency_ms.high is not None else latency
        if high > limits.latency_ms:
            beyond = f"{high:.4g} ms" if high == latency else f"{latency:.4g} ms (up to {high:.4g})"
            return f"latency {beyond} > {limits.latency_ms:.4g} ms"
    if limits.error is not None and (error is None or error > limits.error):
        return "its error is not known" if error is None else f"error {small(error)} > {small(limits.error)}"
    if limits.memory_mib is not None and (memory is None or memory > limits.memory_mib):
        return (
            "its memory is not known"
            if memory is None
            else f"memory {memory:.3g} MiB > {limits.memory_mib:g} MiB"
        )
    return None


def front(records: Sequence[Record]) -> list[Record]:
    """The Pareto front over latency, peak memory and error, the fastest first.

    What is not known of a record counts as worse than anything that is known.
    """

    def costs(record: Record) -> tuple[float, float, float]:
        far = float("inf")
        memory, error = peak_mib(record), _error(record)
        return _latency(record), far if memory is None else memory, far if error is None else error

    def beats(a: Record, b: Record) -> bool:
        x, y = costs(a), costs(b)
        return all(i <= j for i, j in zip(x, y, strict=True)) and x != y

    kept = [r for r in records if not any(beats(other, r) for other in records if other is not r)]
    return sorted(kept, key=_latency)


def peak_mib(record: Record) -> float | None:
    """Peak memory of the device, or of the host where there is no device."""
    memory = record.memory_mib
    if memory is None:
        return None
    return memory.device_allocated_peak if memory.device_allocated_peak is not None else memory.host_run_peak


def _latency(record: Record) -> float:
    assert record.latency_ms is not None
    return record.latency_ms.median


def _error(record: Record) -> float | None:
    return record.verification.error if record.verification else None
