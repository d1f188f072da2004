"""Why a row is as fast as its baseline: what its runner or number format cannot change."""

from __future__ import annotations

from collections.abc import Iterator

from harness.explain.rules.slower import casts
from harness.explain.said import against, finding, percent, times_text
from harness.explain.scene import MOSTLY, PRODUCTS, Row
from harness.records.finding import Finding

_ALIKE = 1.25
"""Within this ratio a row is as fast as its baseline, as far as one process of each can tell."""


def equal(row: Row) -> Iterator[Finding]:
    base = row.baseline
    assert base is not None
    if row.same("runner") and row.same("precision"):
        return
    speedup = row.record.speedup
    if speedup is not None and speedup.low is None and not 1 / _ALIKE <= speedup.ratio <= _ALIKE:
        return  # a single process: neither alike nor known to be different
    if not row.same("precision"):
        cast = casts(row)
        if cast is not None:
            yield cast
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
        little = amdahl(row)
        if little is not None:
            yield little


def amdahl(row: Row) -> Finding | None:
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
