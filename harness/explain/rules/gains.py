"""Why a row is faster than its baseline, slower, or as fast."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.said import against, bytes_text, finding, ms_text, percent, times_text
from harness.explain.scene import OUTSIDE, PART_WORDS, PRODUCTS, SMALL, WIDE, Row
from harness.records.anatomy import CAST, COPY, ELEMENTWISE, GENERATED, NORMALISATION, OTHER, REDUCTION
from harness.records.finding import Finding
from harness.report.numbers import half_width
from harness.report.numbers import percent as per_cent

MOSTLY = 0.5
"""The part that accounts for half of a difference is where its cause is."""
_LITTLE = 1.1
_PLAIN = (ELEMENTWISE, NORMALISATION, REDUCTION, OTHER, GENERATED)


def gains(row: Row) -> Iterator[Finding]:
    """At most one finding: why the row's speed-up is what it is."""
    if row.baseline is None or row.ratio is None:
        return
    if row.unsure:
        little = _amdahl(row)
        # However noisy: what cannot gain a tenth has its reason.
        yield _doubt(row) if little is None or little.evidence["amdahl_bound"] > _LITTLE else little
        return
    if row.faster:
        yield from _faster(row)
        casts = _casts(row)
        if casts is not None:
            yield casts  # what it gains all the same, it could gain more
    elif row.slower:
        yield from _slower(row)
    else:
        yield from _equal(row)


def _doubt(row: Row) -> Finding:
    s = row.record.speedup
    assert s is not None
    half = half_width(s.low, s.high)
    width = "it ran once" if half is None else f"its interval is ±{per_cent(half)}"
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
        "harness compare says with pairs in lock-step which is faster",
    )


# ---- faster ---------------------------------------------------------------------------------------


def _faster(row: Row) -> Iterator[Finding]:
    base = row.baseline
    assert base is not None
    gained = row.gains
    total = base.ms - row.ms
    if not gained or total <= 0:
        return
    by_part = {
        "products": sum(gained.get(p, 0.0) for p in PRODUCTS),
        "small": sum(gained.get(p, 0.0) for p in (*SMALL, COPY)),
        OUTSIDE: gained.get(OUTSIDE, 0.0),
    }
    part = max(by_part, key=lambda p: by_part[p])
    share = by_part[part] / total
    if share < MOSTLY:
        both = by_part["small"] + by_part[OUTSIDE]
        if both / total < MOSTLY or row.same("runner"):
            return
        part, share = "small", both / total
    evidence: dict[str, object] = {
        "speedup": row.ratio,
        "gained_ms": total,
        "share_of_gain": min(1.0, share),
        "parts_ms": dict(sorted(row.parts.items(), key=lambda x: -x[1])),
        "baseline_parts_ms": dict(sorted(base.parts.items(), key=lambda x: -x[1])),
    }
    if part == "products" and not row.same("precision"):
        yield from _format(row, share, evidence)
    elif part == "products":
        yield _products(row, share, evidence)
    elif not row.same("runner"):
        yield _fused(row, share, evidence)
    elif not row.same("precision"):
        yield from _bytes(row, share, evidence)


def _format(row: Row, share: float, evidence: dict[str, object]) -> Iterator[Finding]:
    """Products in another number format: half the bytes, or units made for it."""
    base = row.baseline
    assert base is not None
    if base.bound == "memory" or row.bound == "memory":
        yield from _bytes(row, share, evidence)
        return
    kernels = [k for k in row.anatomy.kernels if k.calls] if row.anatomy else []
    names = list(dict.fromkeys(f"{k.library}'s {k.name}" for k in kernels))[:2]
    mine, theirs = _rates(row)
    if names:
        evidence = {**evidence, "kernels": [k.name for k in kernels][:4]}
    said = [f"they ran as {' and '.join(names)}"] if names else []
    if mine and theirs:
        said.append(f"large ones reach {mine / theirs:.1f} times the rate of the baseline's format here")
    if not names and not (mine and theirs and mine > theirs):
        return
    yield finding(
        "native-format",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in the matrix products, which the processor "
        f"does in this format: {', and '.join(said)}",
        {**evidence, "tflops": mine, "baseline_tflops": theirs},
    )


def _bytes(row: Row, share: float, evidence: dict[str, object]) -> Iterator[Finding]:
    mine, theirs = row.demand, row.baseline.demand if row.baseline else None
    if mine is None or theirs is None or not mine.moved_bytes:
        return
    ratio = theirs.moved_bytes / mine.moved_bytes
    if ratio < 1.3:
        return
    yield finding(
        "half-the-bytes",
        "gain",
        row,
        against(row),
        f"it moves {bytes_text(mine.moved_bytes)} in a call and its baseline "
        f"{bytes_text(theirs.moved_bytes)}, and the "
        f"time went with them: {percent(min(1.0, share))} of the gain is where the bytes are moved",
        {**evidence, "moved_bytes": mine.moved_bytes, "baseline_moved_bytes": theirs.moved_bytes},
    )


def _rates(row: Row) -> tuple[float | None, float | None]:
    """TFLOP/s of large products in the formats of a row and of its baseline."""

    def rate(one: Row | None) -> float | None:
        if one is None or one.demand is None or one.ceilings is None or not one.demand.flops_by_format:
            return None
        most = max(one.demand.flops_by_format, key=lambda f: one.demand.flops_by_format[f])  # type: ignore[union-attr]
        return one.ceilings.matmul_tflops.get(most)

    return rate(row), rate(row.baseline)


def _products(row: Row, share: float, evidence: dict[str, object]) -> Finding:
    """The same products, by other kernels."""
    facts = row.record.facts
    prepacked = facts.get("prepacking") in (True, "on", "enabled")
    fused = facts.get("fused") if isinstance(facts.get("fused"), dict) else None
    base = row.baseline
    assert base is not None
    mine = sum(row.parts.get(p, 0.0) for p in PRODUCTS)
    theirs = sum(base.parts.get(p, 0.0) for p in PRODUCTS)
    how = "with kernels of its own" + (", its weights laid out for them beforehand" if prepacked else "")
    return finding(
        "prepacked" if prepacked else "other-kernels",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in the matrix products: "
        f"{row.record.label['runner']} does them in {ms_text(mine)} "
        f"and {base.record.label['runner']} in {ms_text(theirs)}, {how}",
        {
            **evidence,
            "prepacking": prepacked or None,
            "fused": fused,
            "products_ms": mine,
            "baseline_products_ms": theirs,
        },
    )


def _fused(row: Row, share: float, evidence: dict[str, object]) -> Finding:
    """Fewer, larger pieces of code: less to start, less to move."""
    base = row.baseline
    assert base is not None
    facts = row.record.facts
    before = base.demand.operators if base.demand else None
    generated = row.facts("generated_kernels")
    fused = facts.get("fused") if isinstance(facts.get("fused"), dict) else None
    after = facts.get("operators_optimised")
    if generated:
        how = (
            f"{before} operators became {generated} generated kernel{'s' * (generated != 1)} beside the "
            "library's products"
        )
    elif fused:
        how = "fused into " + ", ".join(f"{n} {name}" for name, n in list(fused.items())[:3])
    else:
        now = (
            sum(after.values())
            if isinstance(after, dict)
            else row.anatomy.operator_calls
            if row.anatomy
            else None
        )
        how = f"{before} operators are {now:.0f} here" if now is not None else "fewer operators"
    saved = row.gains.get(OUTSIDE, 0.0)
    where_bytes = ""
    if base.bound == "memory" and base.demand and base.demand.moved_bytes > 1.5 * base.demand.least_bytes:
        where_bytes = (
            f"; one by one they move {bytes_text(base.demand.moved_bytes)}, fused as little as "
            f"{bytes_text(base.demand.least_bytes)}"
        )
    return finding(
        "fused",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in what can be fused: {how}{where_bytes}",
        {
            **evidence,
            "baseline_operators": before,
            "generated_kernels": generated or None,
            "fused": fused,
            "saved_outside_ms": saved,
        },
    )


# ---- slower ---------------------------------------------------------------------------------------


def _slower(row: Row) -> Iterator[Finding]:
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
    casts = _casts(row, total)
    if casts is not None:
        yield casts
        return
    part = max(lost, key=lambda p: lost[p])
    if lost[part] < MOSTLY * total:
        return
    mine, theirs = row.beside
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
        cause = f"its {words} take {now}, its baseline's {before}"
        key = "slower-parts"
        if part in PRODUCTS:
            cause += ": other kernels, and slower ones for these shapes"
            key = "slower-kernels"
    yield finding(key, "no gain", row, against(row), cause, evidence)


def _casts(row: Row, difference: float | None = None) -> Finding | None:
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


# ---- no difference --------------------------------------------------------------------------------


def _equal(row: Row) -> Iterator[Finding]:
    base = row.baseline
    assert base is not None
    if row.same("runner") and row.same("precision"):
        return
    if not row.same("precision"):
        casts = _casts(row)
        if casts is not None:
            yield casts
            return
        if base.bound == "host" or row.bound == "host":
            host = row.place.host if row.place else None
            yield finding(
                "format-irrelevant",
                "no gain",
                row,
                against(row),
                f"the host takes {percent(host or 0.0)} of a call, whatever the number format",
                {
                    "speedup": row.ratio,
                    "share_of_host": host,
                    "share_of_arithmetic": row.place.arithmetic if row.place else None,
                },
            )
            return
    if not row.same("runner"):
        if same_operators(row):
            return  # said as a trouble
        little = _amdahl(row)
        if little is not None:
            yield little


def _amdahl(row: Row) -> Finding | None:
    """What a runner could gain at most where it leaves the products to the same library."""
    base = row.baseline
    if base is None or row.same("runner") or not row.same("precision") or same_operators(row):
        return None
    products = base.share(*PRODUCTS)
    if products < MOSTLY or not _same_products(row, base):
        return None
    hottest = next(
        (o for o in (base.anatomy.operators if base.anatomy else []) if o.category in PRODUCTS), None
    )
    name = f" ({hottest.name})" if hottest else ""
    return finding(
        "amdahl",
        "no gain",
        row,
        against(row),
        f"{percent(products)} of the baseline's time is in matrix products{name}, which stay with the "
        f"library: all else made free would give {times_text(1 / products)} (Amdahl)",
        {
            "speedup": row.ratio,
            "products_share": products,
            "amdahl_bound": 1 / products,
            "products_ms": sum(row.parts.get(p, 0.0) for p in PRODUCTS) or None,
            "baseline_products_ms": sum(base.parts.get(p, 0.0) for p in PRODUCTS),
        },
    )


def _same_products(row: Row, base: Row) -> bool:
    """Whether the products of both are calls of the same library: operators of the same names."""
    mine, theirs = (
        {o.name for o in one.anatomy.operators if o.category in PRODUCTS} if one.anatomy else set()
        for one in (row, base)
    )
    return bool(mine) and mine <= theirs


def same_operators(row: Row) -> bool:
    """Whether a row of another runner calls the very operators that its baseline calls."""
    base = row.baseline
    if base is None or row.record.case.runner == base.record.case.runner or not row.same("precision"):
        # The same runner with other options is no other runner.
        return False
    if row.anatomy is None or base.anatomy is None or row.facts("generated_kernels"):
        return False
    mine = sorted((o.name, o.shapes, round(o.calls, 2)) for o in row.anatomy.operators)
    theirs = sorted((o.name, o.shapes, round(o.calls, 2)) for o in base.anatomy.operators)
    return bool(mine) and mine == theirs


def unchanged(row: Row) -> Iterator[Finding]:
    """A runner that calls what the baseline calls."""
    if not same_operators(row):
        return
    assert row.anatomy is not None
    assert row.baseline is not None
    runner = row.record.label["runner"]
    yield finding(
        "same-operators",
        "trouble",
        row,
        f"runs the same {row.anatomy.operator_calls:.0f} operators as {row.baseline.words}",
        f"{runner} changes nothing of this model: it falls back to what its baseline does",
        {
            "operators": row.anatomy.operator_calls,
            "names": [o.name for o in row.anatomy.operators[:5]],
            "speedup": row.ratio,
        },
    )


__all__ = ["WIDE", "gains", "same_operators", "unchanged"]
