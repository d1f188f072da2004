"""What the batch size does: throughput, latency, and from where on a configuration pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.explain.said import finding, ms_text, percent, times_text
from harness.explain.scene import Row, Scene
from harness.records.finding import Finding
from harness.report.numbers import significant

KNEE = 1.2
"""Doubling the batch that brings less throughput than this much more is beyond the knee."""
GROWS = 1.1


def batches(scene: Scene) -> Iterator[Finding]:
    """One finding for every configuration that ran at several batch sizes."""
    for rows in scene.by_batch():
        if len(rows) >= 2:
            yield from _growth(rows)
            yield from _from_where(rows)


def _growth(rows: Sequence[Row]) -> Iterator[Finding]:
    first, last = rows[0], rows[-1]
    small, large = first.record.case.batch_size, last.record.case.batch_size
    factor = large / small
    slower = last.ms / first.ms
    quicker = factor / slower
    if slower < GROWS or quicker < GROWS or factor < 4:
        return
    knee = knee_of([(r.record.case.batch_size, r.ms) for r in rows])
    # latency = fixed + each * batch, through the smallest and the largest
    each = (last.ms - first.ms) / (large - small)
    fixed = max(0.0, first.ms - each * small)
    label = f"{first.record.label['model']}, {first.words}"
    at = f"; from batch {knee} on doubling it brings less than {percent(KNEE - 1)}" if knee else ""
    place = first.place
    of_what = {
        "host": "starting operators",
        "memory": "reading the weights",
        "arithmetic": "small products that leave units idle",
        "waiting": "waiting",
    }.get(place.bound if place else "")
    why = f" ({of_what})" if of_what else ""
    yield finding(
        "batch-knee",
        "choice",
        first,
        f"from batch {small} to {large} throughput grows {times_text(quicker)} and latency "
        f"{times_text(slower)}{at}",
        f"about {ms_text(fixed)} of a call are the same for every batch size{why}, shared by "
        "more samples in a "
        f"larger one; each sample adds about {ms_text(each)}",
        {
            "latency_ms": {str(r.record.case.batch_size): r.ms for r in rows},
            "fixed_ms": fixed,
            "each_ms": each,
            "knee": knee,
            "bound_at_smallest": place.bound if place else None,
        },
        also=[r.record.id for r in rows[1:]],
        subject=label,
    )


def knee_of(points: Sequence[tuple[int, float]]) -> int | None:
    """The smallest batch from which on no doubling brings `KNEE` more; None if the last one still does.

    Args:
        points: batch size and latency, by batch size.
    """
    found = None
    for (a, low), (b, high) in pairwise(points):
        per_doubling = ((b / high) / (a / low)) ** (1 / _doublings(a, b))
        if per_doubling >= KNEE:
            found = None
        elif found is None:
            found = a
    return found


def _doublings(a: int, b: int) -> float:
    import math

    return math.log2(b / a)


def _from_where(rows: Sequence[Row]) -> Iterator[Finding]:
    """From which batch size on a configuration is faster than its baseline, where it depends on that."""
    known = [r for r in rows if r.baseline is not None and r.ratio is not None]
    if len(known) < 2 or all(r.same("runner") for r in known):
        return
    faster = [r.faster for r in known]
    if any(r.unsure for r in known):
        return  # where one is not known to be faster or not, nobody knows from where on
    if all(faster) or not any(faster):
        return
    start = next((k for k in range(len(known)) if all(faster[k:])), None)
    end = next((k for k in range(len(known), 0, -1) if all(faster[:k])), None)
    label = f"{known[0].record.label['model']}, {known[0].words}"
    base = known[0].baseline
    assert base is not None
    ratios = {str(r.record.case.batch_size): r.ratio for r in known}
    listed = ", ".join(f"{times_text(r.ratio or 0.0)} at {r.record.case.batch_size}" for r in known)
    if start:
        phrase, row = (
            f"faster than {base.words} from batch {known[start].record.case.batch_size} on",
            known[start],
        )
        why = "what it saves grows with the batch; what it adds to each call does not"
    elif end:
        phrase, row = (
            f"faster than {base.words} up to batch {known[end - 1].record.case.batch_size} only",
            known[end - 1],
        )
        why = "what it saves is the same in every call, and a smaller share of a longer one"
    else:
        return
    yield finding(
        "pays-from",
        "choice",
        row,
        f"{phrase} ({listed})",
        why,
        {"speedup": ratios},
        also=[r.record.id for r in known if r is not row],
        subject=label,
    )


def pays_off(row: Row) -> Iterator[Finding]:
    """After how many calls a slow start is earned back."""
    record = row.record
    ready, calls = record.ready_s, record.break_even_calls
    if (
        row.baseline is None
        or ready is None
        or ready.cold is None
        or ready.cold < 1
        or not calls
        or not row.faster
    ):
        return
    base_ready = row.baseline.record.ready_s
    saved = row.baseline.ms - row.ms
    yield finding(
        "pays-off",
        "choice",
        row,
        f"earned back after {significant(calls, 2)} calls",
        f"ready after {ready.cold:.1f} s, its baseline after {base_ready.cold or 0:.1f} s; each "
        f"call saves {ms_text(saved)}"
        if base_ready and base_ready.cold is not None
        else f"ready after {ready.cold:.1f} s; each call saves {ms_text(saved)}",
        {"cold_s": ready.cold, "warm_s": ready.warm, "saved_ms": saved, "break_even_calls": calls},
    )
