"""Products that reach little of what the machine gives to large ones: it is the kernels, for these shapes."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analyse.analyse import group_key
from harness.explain.rules.pages import likely_ms
from harness.explain.said import finding, ms_text, percent
from harness.explain.scene import PRODUCTS, Row, Scene
from harness.records.events import OK
from harness.records.finding import Finding

LEAST_SHARE, LEAST_GAIN = 0.6, 1.3
FAULTS = 0.1
"""From this share of page faults on nothing is said of kernels, in whose time they are."""
LEFT = 0.5
"""Of a call: where arithmetic and then bytes account for less, the rest is how it is done."""


def library_kernels(scene: Scene) -> Iterator[Finding]:
    """Of a baseline that no ceiling bounds, where products take most of the time.

    Best shown by another row that does the same products sooner in the same number format. Without one it is
    what is left: the products' own code takes the time, and the machine could do their arithmetic and then
    their bytes in less than half of it.
    """
    for row in scene:
        if row.baseline is not None or row.share(*PRODUCTS) < LEAST_SHARE:
            continue
        if row.place is None or row.bound != "none" or row.place.arithmetic is None:
            continue
        if likely_ms(row) > FAULTS * row.ms:
            continue  # the products write into new pages: what that takes is not their kernels'
        mine = sum(row.parts.get(p, 0.0) for p in PRODUCTS)
        quicker = [
            (ms, other) for other in scene if (ms := _same_work(row, other)) and mine > LEAST_GAIN * ms
        ]
        if quicker:
            yield _sooner(row, mine, *min(quicker, key=lambda x: x[0]))
        elif row.place.arithmetic + (row.place.memory or 0.0) < LEFT:
            yield _short_of(row, mine)


def _sooner(row: Row, mine: float, theirs: float, other: Row) -> Finding:
    """Another row's kernels do the same."""
    return finding(
        "library-kernels",
        "place",
        row,
        f"{percent(row.share(*PRODUCTS))} of a call is in its matrix products, at {_reach(row)}",
        f"its library's kernels{_ran(row)} are not made for these shapes: "
        f"{other.record.label['runner']} does the same products in {ms_text(theirs)} and not in "
        f"{ms_text(mine)}",
        {**_evidence(row, mine), "other_products_ms": theirs},
        also=[other.record.id],
    )


def _short_of(row: Row, mine: float) -> Finding:
    """What takes the time is one library's code, and neither memory nor arithmetic is what it waits for."""
    return finding(
        "library-kernels",
        "place",
        row,
        f"{percent(row.share(*PRODUCTS))} of a call is in its matrix products, at {_reach(row)}",
        f"for these shapes its library's kernels{_ran(row)} are the limit, and neither memory nor arithmetic",
        _evidence(row, mine),
    )


def _reach(row: Row) -> str:
    """What the call reaches of the two ceilings of computing."""
    place = row.place
    assert place is not None
    shares = ((place.arithmetic, "the arithmetic rate"), (place.memory, "the bandwidth"))
    known = [f"{percent(share)} of {words}" for share, words in shares if share is not None]
    return f"{' and '.join(known)} of large ones"


def _ran(row: Row) -> str:
    kernels = row.anatomy.kernels if row.anatomy else []
    names = list(dict.fromkeys(f"{k.library}'s {k.name}" for k in kernels))
    return f" ({', '.join(names[:2])})" if names else ""


def _evidence(row: Row, mine: float) -> dict[str, object]:
    place, kernels = row.place, row.anatomy.kernels if row.anatomy else []
    assert place is not None
    return {
        "latency_ms": row.ms,
        "products_ms": mine,
        "products_share": row.share(*PRODUCTS),
        "share_of_arithmetic": place.arithmetic,
        "share_of_bandwidth": place.memory,
        "share_of_host": place.host,
        "kernels": list(dict.fromkeys(f"{k.library}'s {k.name}" for k in kernels)) or None,
    }


def _same_work(row: Row, other: Row) -> float | None:
    """Milliseconds of the products of a row that does the same in the same format, and surely sooner; None if
    it does not.
    """
    if other is row or other.record.status != OK or group_key(other.record) != group_key(row.record):
        return None
    if not other.faster:
        return None
    if other.record.case.precision != row.record.case.precision:
        return None
    return sum(other.parts.get(p, 0.0) for p in PRODUCTS) or None
