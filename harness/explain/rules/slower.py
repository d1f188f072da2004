"""Why a row is slower than its baseline, and what casts take of a call."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.said import against, bytes_text, finding, ms_text, percent
from harness.explain.scene import MOSTLY, OUTSIDE, PART_WORDS, PRODUCTS, Row
from harness.records.anatomy import CAST, GENERATED
from harness.records.finding import Finding

Parts = dict[str, float]
_ELSEWHERE = (*PRODUCTS, OUTSIDE)


def slower(row: Row) -> Iterator[Finding]:
    base = row.baseline
    assert base is not None
    if any(w.startswith("emulated: ") for w in row.record.warnings):
        return  # that is the cause, and said
    gained = row.gains
    total = row.ms - base.ms
    if not gained or total <= 0:
        return
    lost = {p: -ms for p, ms in gained.items() if ms < 0}
    if not lost:
        return
    cast = casts(row, total)
    if cast is not None:
        yield cast
        return
    mine, theirs = row.beside
    unpacked = _unpacking(row, mine, theirs, total)
    if unpacked is not None:
        yield unpacked
        return
    part = max(lost, key=lambda p: lost[p])
    if lost[part] < MOSTLY * total:
        return
    evidence = {
        "speedup": row.ratio,
        "lost_ms": total,
        "share_of_loss": min(1.0, lost[part] / total),
        "parts_ms": mine,
        "baseline_parts_ms": theirs,
    }
    if part == OUTSIDE:
        cause = (
            f"{ms_text(lost[part])} more of a call is outside of all operators: what "
            f"{row.record.label['runner']} does around them"
        )
        key = "wrapping"
    else:
        words = "generated code and small operators" if part == GENERATED else PART_WORDS.get(part, part)
        before, now = ms_text(theirs.get(part, 0.0)), ms_text(mine.get(part, 0.0))
        cause = f"for its {words} a call takes {now}, its baseline's {before}"
        key = "slower-parts"
        if part in PRODUCTS:
            cause += ": other kernels, and slower ones for these shapes"
            key = "slower-kernels"
    yield finding(key, "no gain", row, against(row), cause, evidence)


def _unpacking(row: Row, mine: Parts, theirs: Parts, total: float) -> Finding | None:
    """Operators that round activations and unpack weights in every call, and take what int8 saves."""
    quantised = row.record.facts.get("quantised")
    if not isinstance(quantised, dict) or row.same("precision"):
        return None
    before, now = (sum(ms for p, ms in parts.items() if p not in _ELSEWHERE) for parts in (theirs, mine))
    if now - before < MOSTLY * total:
        return None
    products_before, products = (sum(parts.get(p, 0.0) for p in PRODUCTS) for parts in (theirs, mine))
    beside = "and no less for its products"
    if products < products_before:
        beside = f"and saves {ms_text(products_before - products)} of its products"
    return finding(
        "unpacking",
        "no gain",
        row,
        against(row),
        "what is rounded is converted in operators of its own, around each product and in every call: for "
        f"those a call takes {ms_text(now)}, its baseline's {ms_text(before)}, {beside}",
        {
            "speedup": row.ratio,
            "lost_ms": total,
            "share_of_loss": min(1.0, (now - before) / total),
            "quantised_by": quantised.get("by"),
            "parts_ms": mine,
            "baseline_parts_ms": theirs,
        },
    )


def casts(row: Row, difference: float | None = None) -> Finding | None:
    """Casts in every call that eat a gain, or make a loss."""
    demand = row.demand
    if demand is None or not demand.casts:
        return None
    ms = row.parts.get(CAST, 0.0)
    share = ms / row.ms
    if share < 0.15 and (difference is None or ms < MOSTLY * difference):
        return None
    weights = f", {demand.weight_casts} of them of weights, the same each time" if demand.weight_casts else ""
    return finding(
        "casts",
        "no gain",
        row,
        against(row),
        f"{demand.casts} casts in every call{weights}, take {percent(share)} of it "
        f"({bytes_text(demand.cast_bytes)} read and written)",
        {
            "casts": demand.casts,
            "weight_casts": demand.weight_casts,
            "cast_share": share,
            "cast_bytes": demand.cast_bytes,
            "speedup": row.ratio,
        },
    )
