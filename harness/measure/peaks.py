"""Measured ceilings beside what the vendor publishes: far off either way, something is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.records.ceilings import Bandwidth

MOST = 1.1
"""Of a published peak: that is at a published clock, and cards of the same name go somewhat higher."""
LEAST = 0.6
"""Libraries reach 70 to 95 % of a peak with large products."""
_GIB, _GB = 1 << 30, 1e9


def published(name: str, known: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The first entry of the registry whose words are all in a device's name, and whose others are not."""
    low = name.lower()

    def fits(entry: Mapping[str, Any]) -> bool:
        has_all = all(word.lower() in low for word in entry["match"])
        return has_all and not any(word.lower() in low for word in entry.get("not", ()))

    return next((entry for entry in known if fits(entry)), None)


def notes(
    tflops: Mapping[str, float], moved: Sequence[Bandwidth], entry: Mapping[str, Any] | None
) -> list[str]:
    """What is odd about measured ceilings; nothing where no peak is published.

    Args:
        moved: by working set, ascending; the largest is beyond all caches.
    """
    if entry is None:
        return []
    found = [
        _note(f"{name} products", rate, entry["tflops"][name], "TFLOP/s")
        for name, rate in tflops.items()
        if name in entry["tflops"]
    ]
    if moved:
        rate = moved[-1].gib_per_s * _GIB / _GB
        found.append(_note("memory bandwidth", rate, entry["gb_per_s"], "GB/s"))
    return [note for note in found if note]


def _note(what: str, measured: float, peak: float, unit: str) -> str:
    share = measured / peak
    if LEAST <= share <= MOST:
        return ""
    why = (
        "more than there can be: the measurement or the entry of the registry is wrong"
        if share > MOST
        else "a power cap, a low clock, another user of the device, or a library that does not know it"
    )
    return f"{what}: {measured:.0f} {unit} measured, {peak:g} published ({share:.0%}); {why}"
