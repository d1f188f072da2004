"""Which cases another pass is for, and how a run that aims at a width says why it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.analyse.aim import too_wide, width_text
from harness.records.case import PlannedCase
from harness.records.events import Timing
from harness.records.settings import Settings


def still_wide(
    cases: Sequence[PlannedCase], timings: Mapping[str, Sequence[Timing]], until: float
) -> list[PlannedCase]:
    """The cases whose interval is above `until`. What has no timings (it was incorrect) is none."""
    return [c for c in cases if timings.get(c.id) and too_wide(timings[c.id], until)]


def with_baselines(
    wide: Sequence[PlannedCase], cases: Sequence[PlannedCase], together: Sequence[frozenset[str]] = ()
) -> list[PlannedCase]:
    """The wide ones and the baselines they are counted from, in the order of `cases`.

    A ratio is paired by pass, so its interval narrows only where both were measured. `together` has the ids
    of other cases that ratios are made of.
    """
    names = {c.id for c in wide}
    chosen: set[str | None] = {*names, *(c.baseline_id for c in wide)}
    for group in together:
        if group & names:
            chosen |= group
    return [c for c in cases if c.id in chosen]


def why_another(wide: int, together: int, until: float) -> str:
    """`2 wider than ±5 %, 1 as baseline`."""
    extra = together - wide
    beside = f", {extra} as baseline" if extra else ""
    return f"{wide} wider than ±{width_text(until)}{beside}"


def why_enough(wide: int, of: int, settings: Settings, cut: bool) -> str | None:
    """Why a run that aimed at a width ended; None if it aimed at none, or nothing was measured."""
    if settings.until is None or not of:
        return None
    aim = width_text(settings.until)
    if not wide:
        return f"every interval is within ±{aim}"
    left = f"{wide} of {of} intervals are wider than ±{aim}"
    done = "the time for further passes is spent" if cut else f"{settings.most_passes} passes are made"
    return f"{done}: {left}"
