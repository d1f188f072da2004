"""Why a row is faster than its baseline, slower, or as fast."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.commands import axes_of, compare
from harness.explain.rules.equal import amdahl, equal
from harness.explain.rules.faster import faster
from harness.explain.rules.slower import casts, slower
from harness.explain.said import finding, times_text
from harness.explain.scene import Row
from harness.records.finding import Finding
from harness.report.numbers import half_width, percent

_LITTLE = 1.1


def gains(row: Row) -> Iterator[Finding]:
    """Why the row's speed-up is what it is; of a faster one also what it loses to casts."""
    if row.baseline is None or row.ratio is None:
        return
    if row.unsure:
        little = amdahl(row)
        # However noisy: what cannot gain a tenth has its reason.
        yield _doubt(row) if little is None or little.evidence["amdahl_bound"] > _LITTLE else little
        cast = casts(row)
        if cast is not None:
            yield cast  # what they take is counted, whatever the speed-up
        return
    if row.faster:
        yield from faster(row)
        cast = casts(row)
        if cast is not None:
            yield cast  # what it gains all the same, it could gain more
    elif row.slower:
        yield from slower(row)
    else:
        yield from equal(row)


def _doubt(row: Row) -> Finding:
    s = row.record.speedup
    assert s is not None
    half = half_width(s.low, s.high)
    width = "it ran once" if half is None else f"its interval is ±{percent(half)}"
    return finding(
        "too-noisy",
        "doubt",
        row,
        f"no saying whether it is faster than {row.baseline.words if row.baseline else 'its baseline'}",
        f"{times_text(s.ratio)}, but {width}: processes differ by more than the two do",
        {
            "speedup": s.ratio,
            "low": s.low,
            "high": s.high,
            "replicates": row.record.replicates,
            "noise": row.record.noise,
        },
        f"in lock-step, with a verdict: {_duel(row)}",
    )


def _duel(row: Row) -> str:
    """The comparison of a row with its baseline."""
    assert row.baseline is not None
    mine, theirs = axes_of(row.record), axes_of(row.baseline.record)
    changed = [axis for axis in mine if mine[axis] != theirs[axis]]
    return compare(row.record, {a: mine[a] for a in changed}, {a: theirs[a] for a in changed})
