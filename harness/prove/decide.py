"""What an experiment says of a finding. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.verdict import MARGIN
from harness.records.comparison import Verdict
from harness.records.finding import Intervention


@dataclass(frozen=True)
class Decision:
    """Whether the cause is the cause; None if the experiment could not say."""

    proved: bool | None
    ratio: float | None
    """Time of base over time of new, of an item where the batch is what was changed."""
    low: float | None
    high: float | None
    reason: str | None


def decide(made: Intervention, verdict: Verdict) -> Decision:
    """An intervention and the verdict on its two sides.

    The expected direction must be beyond doubt, and where a size is expected, the interval must reach it: a
    cause that accounts for less than what it was said to is not the cause.
    """
    items = _items(made)
    if verdict.low is None or verdict.high is None:
        return Decision(None, items / verdict.ratio, None, None, verdict.reason or "it has no interval")
    ratio, low, high = items / verdict.ratio, items / verdict.high, items / verdict.low
    proved, reason = _judged(made, low, high)
    if proved is False and made.besides:
        proved, reason = None, f"{reason}; it also changes {made.besides}, so this says nothing against it"
    if verdict.reason and high >= 1 / (1 + MARGIN) and low <= 1 + MARGIN:
        # Of a noisy machine. That makes intervals wide and never narrow: a clear difference stays one.
        proved, reason = None, verdict.reason
    return Decision(proved, ratio, low, high, reason)


def _judged(made: Intervention, low: float, high: float) -> tuple[bool | None, str | None]:
    """(proved, why not), from the interval of how much faster the new side is."""
    edge = 1 + MARGIN
    if made.expect == "equivalent":
        if low >= 1 / edge and high <= edge:
            return True, None
        if high < 1 / edge or low > edge:
            return False, "the two differ"
        return None, "the interval is too wide to say: more pairs would tell (--mode standard)"
    # A slower side is looked at as the faster one of the two.
    a, b = (low, high) if made.expect == "faster" else (1 / high, 1 / low)
    if b < 1:
        return False, "it went the other way"
    if b <= edge:
        return False, "it made no difference"
    if a <= 1:
        return None, "the interval holds 1: more pairs would tell (--mode standard)"
    if made.beyond is not None and a <= made.beyond:
        return None, f"up to {made.beyond:.2f} times could be due to what else was changed"
    if made.at_least is not None and b < made.at_least:
        return False, f"it made a difference, but less than the {made.at_least:g} times that the cause would"
    return True, None


def _items(made: Intervention) -> float:
    """How many times the items of base a call of new has, where items are what counts."""
    if not made.per_item:
        return 1.0
    return int(made.new.get("batch_size", made.base["batch_size"])) / int(made.base["batch_size"])
