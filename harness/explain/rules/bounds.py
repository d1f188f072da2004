"""What bounds a row, whatever it is compared with."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain import places
from harness.explain.commands import select
from harness.explain.said import bytes_text, finding, ms_text, percent, times_text
from harness.explain.scene import Row
from harness.records.finding import Finding

HOST_BOUND, MEMORY_BOUND, ARITHMETIC_BOUND, WAITING, PYTHON = (
    "host-bound",
    "memory-bound",
    "arithmetic-bound",
    "waiting",
    "python",
)
BOUNDS = (HOST_BOUND, MEMORY_BOUND, ARITHMETIC_BOUND, WAITING, PYTHON)
"""A row has one of these at most."""
LATENCY_LIMITED = "launch-bound"


def bounds(row: Row) -> Iterator[Finding]:
    """The one ceiling that accounts for most of a row's time."""
    place, anatomy, demand = row.place, row.anatomy, row.demand
    if place is None or anatomy is None or row.ceilings is None:
        return
    ms = row.ms
    if place.bound == places.WAITING:
        yield finding(
            WAITING,
            "trouble",
            row,
            f"for {percent(place.share)} of a call no thread of the process computes",
            "it waits: for a timer, a lock, a file or another process; no kernel and no runner "
            "makes that shorter",
            {"latency_ms": ms, "cpu_ms": anatomy.cpu_ms, "waits": anatomy.waits},
            "find the line: harness profile --group source " + select(row.record),
        )
        return
    if place.bound == places.HOST:
        yield _host(row)
        return
    if demand is None:
        return
    if place.bound == places.MEMORY:
        weights = demand.least_bytes >= 0.7 * demand.moved_bytes
        subject = (
            f"it reads {bytes_text(demand.least_bytes)} of weights, inputs and outputs in each call"
            if weights
            else f"its operators read and write {bytes_text(demand.moved_bytes)} one after the other, where "
            f"{bytes_text(demand.least_bytes)} would do"
        )
        yield finding(
            MEMORY_BOUND,
            "place",
            row,
            f"bound by memory, at {percent(place.share)} of its bandwidth",
            f"{subject}; this machine moves {place.ceiling}",
            {
                "latency_ms": ms,
                "moved_bytes": demand.moved_bytes,
                "least_bytes": demand.least_bytes,
                "share_of_bandwidth": place.memory,
                "share_of_arithmetic": place.arithmetic,
                "weights_read": weights,
            },
        )
    elif place.bound == places.ARITHMETIC:
        assert demand.flops
        yield finding(
            ARITHMETIC_BOUND,
            "place",
            row,
            f"bound by arithmetic, at {percent(place.share)} of what large matrix products reach",
            f"{demand.flops / 1e9:.3g} GFLOP in {ms_text(ms)}; this machine does {place.ceiling}",
            {
                "latency_ms": ms,
                "flops": demand.flops,
                "share_of_arithmetic": place.arithmetic,
                "share_of_bandwidth": place.memory,
            },
        )


def _host(row: Row) -> Finding:
    """Operators that cost the host more than they compute, or Python around them."""
    anatomy, place, ceilings = row.anatomy, row.place, row.ceilings
    assert anatomy is not None
    assert place is not None
    assert ceilings is not None
    ms = row.ms
    operators, each_us = places.started(anatomy), places.start_us(anatomy, ceilings)
    outside = row.share("outside")
    evidence = {
        "latency_ms": ms,
        "operators": round(operators),
        "start_us": each_us,
        "launch_us": ceilings.launch_us,
        "outside_operators_share": outside,
        "share_of_host": place.host,
        "share_of_arithmetic": place.arithmetic,
        "share_of_bandwidth": place.memory,
    }
    of_operators = operators * each_us / 1e3 / ms
    device = row.record.device_ms
    if device is None and outside > of_operators and outside >= places.LEAST:
        return finding(
            PYTHON,
            "place",
            row,
            f"{percent(outside)} of a call is outside of all operators",
            "the calling thread is busy with Python, with the runtime's own work, or in another library",
            evidence,
            "find the line: harness profile --group source " + select(row.record),
        )
    cause = f"{operators:.0f} operators at about {each_us:.1f} us each to start, whatever they compute"
    if device is not None and device.median > 0:
        evidence = {**evidence, "device_ms": device.median, "replay_bound": ms / device.median}
        cause += (
            f"; the device is busy for {ms_text(device.median)} of {ms_text(ms)}, so launches replayed as "
            f"one graph would bring {times_text(ms / device.median)} at most"
        )
    else:
        cause += "; larger batches cost hardly more"
    return finding(
        HOST_BOUND,
        "place",
        row,
        f"bound by the host, which takes {percent(place.share)} of a call",
        cause,
        evidence,
    )
