"""What is not as it should be, whatever the speed: wrong output, work done elsewhere or again,
odd numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.rules.pages import PAGE, faults_of, least_us, likely_ms
from harness.explain.said import bytes_text, finding, ms_text, percent
from harness.explain.scene import Row
from harness.records.anatomy import COPY, LOOKUP
from harness.records.finding import Finding
from harness.report.numbers import small

_GIVEN_BACK = 128 << 10
"""Smaller pieces are kept by the allocator: glibc's first threshold for pages of their own (mallopt(3))."""
LEAST_SHARE = 0.1
_COPIES, _LOOKUPS, _FLOAT64 = 0.3, 0.4, 0.3
_ZEROED = 0.2
_SHORT_MS = 0.02
"""An operator that takes longer is worth sharing between threads: to share one costs some microseconds."""
_BUSY = 1.5
"""So many threads' worth of processor time, or more, for one thread's work."""


def troubles(row: Row) -> Iterator[Finding]:
    """Everything of the kind about one row."""
    for rule in (
        _incorrect,
        _emulated,
        _recompiles,
        _breaks,
        _fallback,
        _denormals,
        _faults,
        _float64,
        _copies,
        _lookup,
        _threads,
        _spinning,
    ):
        yield from rule(row)


def _incorrect(row: Row) -> Iterator[Finding]:
    found = row.record.verification
    if found is None or found.passed:
        return
    quantised = row.record.facts.get("quantised")
    evidence: dict[str, object] = {
        "error": found.error,
        "tolerance": found.tolerance,
        "max_abs_error": found.max_abs_error,
        "nonfinite": found.nonfinite or None,
    }
    over = found.error / found.tolerance if found.error is not None and found.tolerance else None
    how = f"its error is {small(found.error)}" if found.error is not None else "its output is not comparable"
    if over is not None:
        how += f", {over:.0f} times the limit of {small(found.tolerance)}"
    if isinstance(quantised, dict) and (quantised.get("zeroed_share") or 0) >= _ZEROED:
        peak = quantised.get("peak_over_rms")
        yield finding(
            "saturated",
            "trouble",
            row,
            f"incorrect: {how}",
            f"a few large weights of {quantised.get('worst')} (the largest is {peak:.0f} times "
            "their rms) set its "
            f"scale, and {percent(quantised['zeroed_share'])} of its weights become zero",
            {**evidence, **{f"quantised_{k}": v for k, v in quantised.items()}},
        )
        return
    cause = found.reason or "its outputs deviate from the reference by more than the precision allows"
    yield finding("incorrect", "trouble", row, f"incorrect: {how}", cause, evidence)


def _emulated(row: Row) -> Iterator[Finding]:
    said = next((w for w in row.record.warnings if w.startswith("emulated: ")), None)
    if said is None or row.faster:
        return
    speed = ""
    if row.slower and row.ratio and row.baseline:
        speed = f", {1 / row.ratio:.3g} times as slow as {row.baseline.words}"
    ceilings = row.ceilings
    rates = None
    if ceilings is not None:
        rates = {k: v for k, v in ceilings.matmul_tflops.items() if v}
    yield finding(
        "emulated",
        "trouble",
        row,
        f"its arithmetic is imitated here{speed}",
        said.removeprefix("emulated: "),
        {
            "latency_ms": row.ms,
            "casts": row.demand.casts if row.demand else None,
            "matmul_tflops": rates,
            "speedup": row.ratio,
        },
    )


def _recompiles(row: Row) -> Iterator[Finding]:
    count = row.facts("recompiles")
    if not count:
        return
    reasons = row.record.facts.get("recompile_reasons") or ["no reason given"]
    yield finding(
        "recompiles",
        "trouble",
        row,
        f"compiled again {count} time{'s' * (count != 1)}",
        str(reasons[0]),
        {"recompiles": count, "reasons": reasons},
    )


def _breaks(row: Row) -> Iterator[Finding]:
    count = row.facts("graph_breaks")
    if not count:
        return
    reasons = row.record.facts.get("graph_break_reasons") or ["no reason given"]
    graphs = row.facts("graphs")
    yield finding(
        "graph-breaks",
        "trouble",
        row,
        f"{count} graph break{'s' * (count != 1)}, so it runs as {graphs} separate graphs",
        f"{reasons[0]}; between graphs Python runs, and nothing is fused across",
        {"graph_breaks": count, "graphs": graphs, "reasons": reasons},
    )


def _fallback(row: Row) -> Iterator[Finding]:
    """Nodes on another provider than the one asked for first."""
    nodes, asked = row.record.facts.get("nodes"), row.record.facts.get("providers")
    if not isinstance(nodes, dict) or not isinstance(asked, list) or not asked:
        return
    elsewhere = {p: n for p, n in nodes.items() if p != asked[0] and isinstance(n, int) and n}
    if not elsewhere:
        return
    total = sum(n for n in nodes.values() if isinstance(n, int))
    count = sum(elsewhere.values())
    yield finding(
        "fallback",
        "trouble",
        row,
        f"{count} of {total} nodes run on {', '.join(elsewhere)} and not on {asked[0]}",
        f"{asked[0]} has no kernel for them, or is not there; tensors are copied where the two meet",
        {"nodes": nodes, "asked": asked[0]},
    )


def _denormals(row: Row) -> Iterator[Finding]:
    said = next((w for w in row.record.warnings if " are subnormal" in w), None)
    if said is None or row.record.case.device != "cpu" or row.record.facts.get("denormals") == "flush":
        return
    yield finding(
        "denormals",
        "trouble",
        row,
        f"{said.split(':')[0]}",
        "numbers that small are handled by microcode on most processors, many times slower",
        {
            "latency_ms": row.ms,
            "warning": said.split(":")[0],
            "share_of_arithmetic": row.place.arithmetic if row.place else None,
        },
    )


def _faults(row: Row) -> Iterator[Finding]:
    anatomy, faults = row.anatomy, faults_of(row)
    if not faults or not row.ms > 0:
        return
    least_ms = faults * least_us(row) / 1e3
    largest = anatomy.demand.largest_bytes if anatomy and anatomy.demand else None
    if least_ms / row.ms < LEAST_SHARE or (largest is not None and largest < _GIVEN_BACK):
        return
    yield finding(
        "page-faults",
        "trouble",
        row,
        f"{faults:.0f} page faults in each call ({bytes_text(faults * PAGE)})",
        "the allocator gives large temporaries back to the kernel after each use, and every call gets new "
        f"pages, each cleared and mapped first: at least {ms_text(least_ms)} of {ms_text(row.ms)}",
        {
            "page_faults": faults,
            "largest_tensor_bytes": largest,
            "latency_ms": row.ms,
            "least_each_us": least_us(row),
            "likely_ms": likely_ms(row),
            "least_share": min(1.0, least_ms / row.ms),
        },
    )


def _float64(row: Row) -> Iterator[Finding]:
    demand = row.demand
    if demand is None or not demand.formats:
        return
    total = sum(demand.formats.values())
    count = demand.formats.get("float64", 0)
    if not total or count < _FLOAT64 * total:
        return
    yield finding(
        "float64",
        "trouble",
        row,
        f"{count} of {total} floating-point operators compute in float64",
        "a tensor of the model is float64 and promotes what it meets: twice the bytes and half the "
        "arithmetic rate of "
        "float32",
        {"formats": demand.formats, "flops_by_format": demand.flops_by_format},
    )


def _copies(row: Row) -> Iterator[Finding]:
    share = row.share(COPY)
    if share < _COPIES or row.anatomy is None:
        return
    top = [o for o in row.anatomy.operators if o.category == COPY]
    told = (
        f"{top[0].name} runs {sum(o.calls for o in top):.0f} times a call"
        if top
        else "by copies between operators"
    )
    what, why = "only moves tensors", f"layouts are changed: {told}; nothing is computed meanwhile"
    if row.demand is not None and row.demand.stand_in:
        # Which of its copies convert cannot be told: what was watched is the model in float32.
        what = "converts or moves tensors"
        why = (
            f"what was rounded is brought into another format or layout in each call: {told}; a runner that "
            "multiplies it as it lies needs none of that"
        )
    yield finding(
        "copies",
        "trouble",
        row,
        f"{percent(share)} of a call {what}",
        why,
        {"copy_share": share, "operators": {f"{o.name} {o.shapes}".strip(): o.ms for o in top[:3]}},
    )


def _lookup(row: Row) -> Iterator[Finding]:
    share, demand = row.share(LOOKUP), row.demand
    if share < _LOOKUPS or demand is None:
        return
    read = demand.least_bytes / demand.weights_bytes if demand.weights_bytes else None
    yield finding(
        "lookup",
        "place",
        row,
        f"{percent(share)} of a call looks rows up in a table",
        f"of {bytes_text(demand.weights_bytes)} of weights a call reads "
        f"{bytes_text(demand.least_bytes)}, in rows at random "
        "places: bound by memory's latency, and hardly any arithmetic to speed up",
        {
            "lookup_share": share,
            "weights_bytes": demand.weights_bytes,
            "least_bytes": demand.least_bytes,
            "read_share": read,
        },
    )


def _spinning(row: Row) -> Iterator[Finding]:
    """Threads that wait for one another on the processor, on a machine that has other work for it."""
    spins, case = row.record.facts.get("spinning"), row.record.case
    if spins is not True or case.threads < 2 or row.faster or "run delay" not in row.record.noise:
        return
    yield finding(
        "spinning",
        "trouble",
        row,
        f"its {case.threads} threads spin while they wait for one another, and other work took their "
        "processors",
        "a spinning thread holds a processor that the one it waits for may need; one that sleeps gives it up",
        {"threads": case.threads, "noise": row.record.noise, "speedup": row.ratio},
    )


def _threads(row: Row) -> Iterator[Finding]:
    """Threads that are busy although there is nothing for them to do."""
    anatomy, place, case = row.anatomy, row.place, row.record.case
    if anatomy is None or place is None or case.device != "cpu" or case.threads < 2 or not anatomy.cpu_ms:
        return
    busy = anatomy.cpu_ms / anatomy.plain_ms if anatomy.plain_ms > 0 else 0.0
    little = (place.arithmetic or 0.0) + (place.memory or 0.0) < 0.3
    operators = anatomy.demand.operators if anatomy.demand else anatomy.operator_calls
    short = row.ms < _SHORT_MS * max(1.0, operators)
    if busy < _BUSY or not little or not short or place.bound not in ("host", "none"):
        return
    yield finding(
        "threads",
        "trouble",
        row,
        f"{busy:.1f} processors busy for a call of {ms_text(row.ms)} that has little to compute",
        f"{case.threads} threads share operators too small to be shared, and wait for each other on "
        "the processor",
        {
            "cpu_ms": anatomy.cpu_ms,
            "plain_ms": anatomy.plain_ms,
            "threads": case.threads,
            "share_of_arithmetic": place.arithmetic,
        },
    )
