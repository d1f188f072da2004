"""What claims can be about: each number of a record by the name that claims give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analyse.statistics import log_interval
from harness.records.report import Latency, Record

Interval = tuple[float, float | None, float | None]
"""A value with the ends of its interval: the value itself where it has no spread, null for one process."""


@dataclass(frozen=True)
class Metric:
    """A number of a record."""

    key: str
    """As a limit in a claim: `latency_ms`."""
    title: str
    """What it is, in words: `latency`."""
    unit: str
    """What it is counted in, as it is written after a number; empty for a plain number."""
    interval: Callable[[Record], Interval | None]
    """Null where the record has none."""
    ratio: str = ""
    """As a ratio of two cases: `latency_ratio`; empty where that makes no sense."""
    per_pass: Callable[[Record], list[float]] | None = None
    """Its value in each pass, in their order; ratios are paired by it."""
    needs: str = ""
    """What a run must measure for it: `memory` or `throughput`."""
    of_output: bool = False
    """Of the output itself: it may be judged of an incorrect case, too."""


def _latency(found: Latency | None) -> Interval | None:
    return None if found is None else (found.median, found.low, found.high)


def _device_shares(record: Record) -> list[float]:
    device, latency = record.device_ms, record.latency_ms
    return quotients(device.replicates, latency.replicates) if device and latency else []


def _device_share(record: Record) -> Interval | None:
    shares = _device_shares(record)
    return log_interval(shares) if shares else None


def _items(record: Record) -> float | None:
    """Units of work in one call."""
    if record.throughput_per_s is None or record.latency_ms is None:
        return None
    return record.throughput_per_s.value * record.latency_ms.median / 1e3


def _rates(record: Record) -> list[float]:
    items, latency = _items(record), record.latency_ms
    return [items / (ms / 1e3) for ms in latency.replicates] if items and latency else []


def _rate(record: Record) -> Interval | None:
    items, latency = _items(record), record.latency_ms
    if not items or latency is None:
        return None
    low, high = latency.high, latency.low
    return (
        items / (latency.median / 1e3),
        None if low is None else items / (low / 1e3),
        None if high is None else items / (high / 1e3),
    )


def _sustained(record: Record) -> Interval | None:
    found = record.sustained_per_s
    return None if found is None else (found.value, found.low, found.high)


def _percentile(name: str) -> Callable[[Record], Interval | None]:
    def find(record: Record) -> Interval | None:
        found = getattr(record.latency_ms, name, None)
        # The bound is an upper one. Tails are longer above than below: its mirror image is surely low enough.
        return None if found is None else (found.value, found.value**2 / found.bound, found.bound)

    return find


def _scalar(part: str, name: str) -> Callable[[Record], Interval | None]:
    def find(record: Record) -> Interval | None:
        value = getattr(getattr(record, part), name, None)
        return None if value is None else (value, value, value)

    return find


def _memory(name: str, title: str) -> Metric:
    part = _scalar("memory_mib", _MEMORY[name])
    return Metric(f"{name}_mib", title, "MiB", part, f"{name}_ratio", needs="memory")


_MEMORY = {
    "weights": "weights",
    "host_peak": "host_run_peak",
    "host_ready_peak": "host_ready_peak",
    "device_allocated": "device_allocated",
    "device_reserved": "device_reserved",
    "device_allocated_peak": "device_allocated_peak",
    "device_reserved_peak": "device_reserved_peak",
    "device_total": "device_total_delta",
}

METRICS: tuple[Metric, ...] = (
    Metric(
        "latency_ms",
        "latency",
        "ms",
        lambda r: _latency(r.latency_ms),
        "latency_ratio",
        lambda r: r.latency_ms.replicates if r.latency_ms else [],
    ),
    Metric(
        "device_ms",
        "device time",
        "ms",
        lambda r: _latency(r.device_ms),
        "device_time_ratio",
        lambda r: r.device_ms.replicates if r.device_ms else [],
    ),
    Metric("device_share", "device time over latency", "", _device_share, per_pass=_device_shares),
    Metric("p90_ms", "p90", "ms", _percentile("p90")),
    Metric("p99_ms", "p99", "ms", _percentile("p99")),
    Metric("throughput_per_s", "throughput", "per s", _rate, "throughput_ratio", _rates),
    Metric("sustained_per_s", "sustained throughput", "per s", _sustained, needs="throughput"),
    Metric("ready_cold_s", "cold start", "s", _scalar("ready_s", "cold")),
    Metric("ready_warm_s", "warm start", "s", _scalar("ready_s", "warm")),
    *(_memory(name, name.replace("_", " ")) for name in _MEMORY),
    Metric("error", "error", "", _scalar("verification", "error"), of_output=True),
    Metric("max_error", "largest error", "", _scalar("verification", "max_error"), of_output=True),
    Metric(
        "max_abs_error",
        "largest absolute error",
        "",
        _scalar("verification", "max_abs_error"),
        of_output=True,
    ),
)
LIMITS = {m.key: m for m in METRICS}
"""Name of a limit -> what it limits."""
RATIOS = {m.ratio: m for m in METRICS if m.ratio}
"""Name of a ratio -> of what: this case over the one it is compared with."""
SPEEDUP = "speedup"
"""The other way round, as people say it: latency of the other case over latency of this one."""
TRENDS = {
    "latency": LIMITS["latency_ms"],
    "device_time": LIMITS["device_ms"],
    "throughput": LIMITS["throughput_per_s"],
    SPEEDUP: LIMITS["latency_ms"],
}
"""What can grow or fall along an axis."""


def metric_of(name: str) -> Metric:
    """Of which number a condition is, by its name: a limit, a ratio or `speedup`."""
    return LIMITS.get(name) or RATIOS.get(name) or LIMITS["latency_ms"]


def quotients(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Pass by pass, as far as both were measured: the first passes are the ones that all cases have."""
    return [a / b for a, b in zip(above, below, strict=False) if a > 0 and b > 0]
