"""Products that another row of the same report does sooner in the same number format: it is the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analyse.analyse import group_key
from harness.explain.said import finding, ms_text, percent
from harness.explain.scene import PRODUCTS, Row, Scene
from harness.records.events import OK
from harness.records.finding import Finding

LEAST_SHARE, LEAST_GAIN = 0.6, 1.3


def library_kernels(scene: Scene) -> Iterator[Finding]:
    """Of a baseline that no ceiling bounds, where products take most of the time."""
    for row in scene:
        if row.baseline is not None or row.bound != "none" or row.share(*PRODUCTS) < LEAST_SHARE:
            continue
        mine = sum(row.parts.get(p, 0.0) for p in PRODUCTS)
        quicker = [
            (ms, other) for other in scene if (ms := _same_work(row, other)) and mine > LEAST_GAIN * ms
        ]
        if not quicker:
            continue
        theirs, other = min(quicker, key=lambda x: x[0])
        place = row.place
        reach = (
            f", at {percent(place.arithmetic)} of the rate of large ones"
            if place and place.arithmetic
            else ""
        )
        names = (
            list(dict.fromkeys(f"{k.library}'s {k.name}" for k in row.anatomy.kernels)) if row.anatomy else []
        )
        ran = f" ({', '.join(names[:2])})" if names else ""
        yield finding(
            "library-kernels",
            "place",
            row,
            f"{percent(row.share(*PRODUCTS))} of a call is in its matrix products{reach}",
            f"its library's kernels{ran} are not made for these shapes: {other.record.label['runner']} does "
            f"the same products in {ms_text(theirs)} and not in {ms_text(mine)}",
            {
                "products_ms": mine,
                "other_products_ms": theirs,
                "share_of_arithmetic": place.arithmetic if place else None,
                "kernels": names or None,
            },
            also=[other.record.id],
        )


def _same_work(row: Row, other: Row) -> float | None:
    """Milliseconds of the products of a row that does the same in the same format; None if it does not."""
    if other is row or other.record.status != OK or group_key(other.record) != group_key(row.record):
        return None
    if other.record.case.precision != row.record.case.precision:
        return None
    return sum(other.parts.get(p, 0.0) for p in PRODUCTS) or None
