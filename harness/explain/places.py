"""What bounds a case: how much of its latency each ceiling of the machine accounts for.

A roofline (S. Williams, A. Waterman, D. Patterson, Communications of the ACM 52, 2009) with a third roof:
what the host spends on each operator before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from harness.records.anatomy import Anatomy, Demand
from harness.records.ceilings import Bandwidth, Ceilings
from harness.records.finding import Place
from harness.records.report import Record

_A_WAIT = 0.5
"""Voluntary switches in a call from which on it waits: half of one, as a call may be cut short."""
LEAST = 0.5
"""A ceiling that accounts for less than half of the time is not what bounds a case."""
MOST = 1.25
"""A row that is quicker by more than this than a ceiling allows is not held against it."""
OTHERS = "others"
"""What an anatomy calls the operators that it sums up."""
_NOTHING, _SHORT = 0.1, 4.0
"""Operators that compute for less than this share of their time, and take up to so many times what starting
one costs at least, are nothing but starts."""
_GIB, _MIB = 1 << 30, 1 << 20
_MOSTLY_READ = 0.7
"""From this share of weights in all bytes on, the traffic is reading."""
HOST, MEMORY, ARITHMETIC, WAITING, NONE = "host", "memory", "arithmetic", "waiting", "none"


def place(record: Record, ceilings: Ceilings | None) -> Place | None:
    """Where a measured record stands; None where it was not taken apart or the machine is not known."""
    anatomy, latency = record.anatomy, record.latency_ms
    if anatomy is None or latency is None or ceilings is None or latency.median <= 0:
        return None
    ms = latency.median
    demand = anatomy.demand
    memory, memory_words = memory_ms(demand, anatomy, ceilings)
    arithmetic, arithmetic_words = arithmetic_ms(demand, ceilings)
    each_us = start_us(anatomy, ceilings)
    host = host_ms(anatomy, ceilings, each_us) / ms
    if record.device_ms is not None and record.case.device != "cpu":
        # What the device is idle for, the host is waited for, however it spends the time.
        host = 1 - min(1.0, record.device_ms.median / ms)
    waiting = waiting_share(anatomy, record.case.device)
    if arithmetic is not None and arithmetic > MOST * ms:
        # Quicker than the ceiling allows: it does not compute what was counted, or not in that format.
        arithmetic = None
    if memory is not None and memory > MOST * ms:
        memory = None
    shares: dict[str, tuple[float, str]] = {
        HOST: (host, f"{each_us:.1f} us an operator"),
        WAITING: (waiting or 0.0, ""),
    }
    if memory is not None:
        shares[MEMORY] = (memory / ms, memory_words)
    if arithmetic is not None:
        shares[ARITHMETIC] = (arithmetic / ms, arithmetic_words)
    bound = max(shares, key=lambda name: shares[name][0])
    share, words = shares[bound]
    if share < LEAST:
        bound, words = NONE, ""

    def of(name: str) -> float | None:
        return min(1.0, shares[name][0]) if name in shares else None

    return Place(
        bound=bound,
        share=min(1.0, share),
        host=of(HOST),
        memory=of(MEMORY),
        arithmetic=of(ARITHMETIC),
        ceiling=words,
    )


def start_us(anatomy: Anatomy, ceilings: Ceilings) -> float:
    """What starting one operator costs, in microseconds.

    That is the ceiling's, which is of the simplest operator there is; or, where memory and arithmetic
    account for next to nothing of the operators' time and each is short, all of it: numbers to wrap, shapes
    to match and types to promote are the host's work, too.
    """
    count, demand, least = started(anatomy), anatomy.demand, ceilings.launch_us
    if not count or demand is None or ceilings.device != "cpu":
        return least
    memory, arithmetic = memory_ms(demand, anatomy, ceilings)[0], arithmetic_ms(demand, ceilings)[0]
    if memory is None or (arithmetic is None and demand.flops != 0):
        return least
    whole, computing = sum(anatomy.categories.values()), memory + (arithmetic or 0.0)
    each = (whole - computing) / count * 1e3
    return each if computing <= _NOTHING * whole and least < each <= _SHORT * least else least


def host_ms(anatomy: Anatomy, ceilings: Ceilings, each_us: float) -> float:
    """What the host spends beside computing: on every operator, and outside of all of them.

    Of the time outside operators only what the calling thread was on the processor counts: what it
    waited is told apart.
    """
    per_operator = started(anatomy) * each_us / 1e3
    outside = max(0.0, anatomy.outside_ms)
    if anatomy.caller_cpu_ms is not None and ceilings.device == "cpu":
        outside = max(0.0, min(outside, anatomy.caller_cpu_ms - sum(anatomy.categories.values())))
    return per_operator + outside


def started(anatomy: Anatomy) -> float:
    """How many operators are started one by one as the ceiling's are, by torch's dispatcher.

    What another runtime starts costs what it costs there, which is not known. A profiler sees wrappers and
    views as operators, too; they cost a part of what one costs, so the model's own count is the most.
    """
    dispatched = sum(o.calls for o in anatomy.operators if "::" in o.name)
    named = sum(o.calls for o in anatomy.operators if o.name != OTHERS)
    if named:
        # Those that are summed up are of the same sort as those that are named.
        dispatched *= anatomy.operator_calls / named
    if anatomy.demand is not None:
        dispatched = min(dispatched, anatomy.demand.operators)
    return dispatched


def waiting_share(anatomy: Anatomy, device: str) -> float | None:
    """Of a call in which nothing of the process was on a processor; None where that means nothing.

    Who waits gives the processor up by itself. A call from which a neighbour took it waits for nothing.
    """
    if device != "cpu" or anatomy.cpu_ms is None or not anatomy.plain_ms > 0:
        return None
    if anatomy.waits is not None and anatomy.waits < _A_WAIT:
        return None
    return max(0.0, 1 - anatomy.cpu_ms / anatomy.plain_ms)


def memory_ms(demand: Demand | None, anatomy: Anatomy, ceilings: Ceilings) -> tuple[float | None, str]:
    """The least time for the bytes of one call, and the ceiling in words.

    Code that runs the model's operators one by one moves what each reads and writes; fused code, and a
    runtime of its own, may move as little as weights, inputs and outputs.
    """
    if demand is None or demand.stand_in:
        return None, ""
    one_by_one = anatomy.operator_calls >= demand.operators and not anatomy.categories.get("generated")
    moved = demand.moved_bytes if one_by_one else demand.least_bytes
    if moved <= 0:
        return None, ""
    reading = demand.least_bytes >= _MOSTLY_READ * moved and bool(ceilings.read_gib_per_s)
    if reading:
        set_mib = demand.least_bytes / _MIB
        rate = rate_at(ceilings.read_gib_per_s, set_mib)
    else:
        set_mib = max(demand.least_bytes, 2 * demand.largest_bytes) / _MIB
        rate = rate_at(ceilings.bandwidth, set_mib)
    if rate is None:
        return None, ""
    word = "read" if reading else "read and written"
    return moved / _GIB / rate * 1e3, f"{rate:.0f} GiB/s {word}, {set_mib:.0f} MiB in turn"


def rate_at(measured: Sequence[Bandwidth], working_set_mib: float) -> float | None:
    """The bandwidth at a working set: between two measured sizes on the log scale, beyond them the last."""
    points = sorted((b.working_set_mib, b.gib_per_s) for b in measured if b.gib_per_s > 0)
    if not points:
        return None
    if working_set_mib <= points[0][0]:
        return points[0][1]
    for (a, low), (b, high) in pairwise(points):
        if working_set_mib <= b:
            where = math.log(working_set_mib / a) / math.log(b / a)
            return float(low * (high / low) ** where)
    return points[-1][1]


def arithmetic_ms(demand: Demand | None, ceilings: Ceilings) -> tuple[float | None, str]:
    """The least time for the floating-point operations of one call, and the ceiling in words."""
    if demand is None or demand.stand_in or not demand.flops:
        return None, ""
    by_format = demand.flops_by_format or {"float32": demand.flops}
    total, words = 0.0, []
    for name, flops in by_format.items():
        rate = ceilings.matmul_tflops.get(name)
        if not rate or name in ceilings.emulated:
            return None, ""
        total += flops / (rate * 1e12) * 1e3
        words.append(f"{rate:.2g} TFLOP/s {name}")
    return total, ", ".join(words)
