"""From what a profiler recorded to the parts of one plain call, which sum to its length."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.measure.categories import category
from harness.measure.torchprofile import GRAPH
from harness.records.anatomy import CAST, COPY, GENERATED, OTHER, OperatorShare
from harness.records.profile import OperatorTime, Recording

SHOWN = 12
"""So many operators are told one by one."""
MOST_ADDED_US = 5.0
"""A profiler adds about half a microsecond to an operator, some add a few. A call that is longer by more
than this was slower for another reason, which its operators and what is between them share."""


@dataclass(frozen=True)
class Parts:
    """Of one plain call."""

    operators: list[OperatorShare]
    outside_ms: float
    profiled_ms: float
    """The median of the calls under the profiler."""


def divided(recording: Recording, plain_ms: float, casts: Counter[str], generated: int = 0) -> Parts:
    """One plain call, divided into its operators and what is in none.

    On a device its kernels' times are used, which a profiler does not lengthen. On the host, what it adds is
    taken off, half of it from the operators, each the same, and half from the time between them: that is
    where it was found to be. The rest is brought to the length of a plain call.

    Args:
        casts: shape -> how many tensors of it the model casts.
        generated: so many kernels of its own making the session runs. Where none of them shows, the time
            outside operators is theirs.
    """
    count = len(recording.wall_us)
    profiled = statistics.median(recording.wall_us) / 1e3
    if recording.kernels is not None:
        shares = _shares(recording, [o.self_device_us / 1e3 / count for o in recording.operators], casts)
        return Parts(shares, max(0.0, plain_ms - sum(s.ms for s in shares)), profiled)
    # Sums are of all calls: one that was disturbed must not make the parts longer than the median.
    mean = statistics.fmean(recording.wall_us) / 1e3
    scale = profiled / mean / count / 1e3 if mean > 0 else 0.0
    own = [o.self_cpu_us * scale for o in recording.operators]
    calls = sum(o.calls for o in recording.operators) / count
    added = min(max(0.0, profiled - plain_ms), calls * MOST_ADDED_US / 1e3)
    outside = max(0.0, profiled - sum(own) - added / 2)
    each = added / 2 / calls if calls else 0.0
    own = [max(0.0, ms - each * o.calls / count) for ms, o in zip(own, recording.operators, strict=True)]
    total = sum(own) + outside
    to_plain = plain_ms / total if total > 0 else 0.0
    shares = _shares(recording, [ms * to_plain for ms in own], casts)
    outside *= to_plain
    if generated and not any(s.category == GENERATED for s in shares):
        inside = outside * _generated_share(recording, profiled - sum(own))
        shares.append(OperatorShare("generated code", GENERATED, float(generated), inside))
        outside -= inside
    return Parts(shares, outside, profiled)


def _generated_share(recording: Recording, outside_ms: float) -> float:
    """Of the time outside operators, what a compiler's own code takes: torch marks the call of each compiled
    graph, and what is around it. Marks are lengthened by the profiler like all else, so their shares of each
    other count.
    """
    graphs = sum(d.self_us for d in recording.dispatch if d.name == GRAPH)
    around = sum(d.self_us for d in recording.dispatch if d.name != GRAPH)
    if graphs:
        return graphs / (graphs + around)
    around_ms = around / 1e3 / max(1, len(recording.wall_us))
    return max(0.0, 1 - around_ms / outside_ms) if outside_ms > 0 else 0.0


def _shares(recording: Recording, times_ms: Sequence[float], casts: Counter[str]) -> list[OperatorShare]:
    left = Counter(casts)
    count = len(recording.wall_us)
    pairs = zip(recording.operators, times_ms, strict=True)
    return [share for o, ms in pairs for share in _named(o, o.calls / count, ms, left)]


def _named(o: OperatorTime, calls: float, ms: float, casts: Counter[str]) -> Iterator[OperatorShare]:
    """An operator with its category. torch casts with the operator that it copies with: so many of a shape
    as the model casts count as casts.
    """
    what = category(o.name)
    if o.name.startswith("aten::") and what == CAST and not casts:
        what = OTHER  # it is asked to cast and finds nothing to do
    if what == COPY and o.name == "aten::copy_":
        shape = o.shapes.split(",")[0].strip()
        known = min(calls, casts.get(shape, 0))
        if known > 0:
            casts[shape] -= round(known)
            yield OperatorShare(o.name, CAST, known, ms * known / calls, o.shapes)
            calls, ms = calls - known, ms * (1 - known / calls)
    if calls > 0:
        yield OperatorShare(o.name, what, calls, ms, o.shapes)


def shortened(shares: Sequence[OperatorShare]) -> list[OperatorShare]:
    """The most expensive ones, and the others as one."""
    ordered = sorted(shares, key=lambda s: (-s.ms, s.name, s.shapes))
    rest = ordered[SHOWN:]
    if not rest:
        return ordered
    others = OperatorShare("others", OTHER, sum(s.calls for s in rest), sum(s.ms for s in rest))
    return [*ordered[:SHOWN], others]


def totals(shares: Sequence[OperatorShare]) -> dict[str, float]:
    """Category -> milliseconds, the most expensive first."""
    found: dict[str, float] = {}
    for share in shares:
        found[share.category] = found.get(share.category, 0.0) + share.ms
    return {k: v for k, v in sorted(found.items(), key=lambda x: -x[1]) if v > 0}
