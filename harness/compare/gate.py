"""Which verdicts fail a gate: what `harness compare --fail-on` turns into an exit code."""

from __future__ import annotations

from collections.abc import Collection

from harness.records.comparison import INCONCLUSIVE, SLOWER, Compared, ComparisonReport
from harness.records.events import OK

MATERIAL = "material"
GATES = (SLOWER, MATERIAL, INCONCLUSIVE)
"""Any slower verdict; a slower one that clears the margin; anything without a clear verdict."""
BROKEN = "broken"
"""Right in base and not in new: fails every gate, since a wrong answer is never fast."""
UNTOLD = "no verdict"


def failures(report: ComparisonReport, gates: Collection[str]) -> list[tuple[Compared, str]]:
    """What fails, with the word for it, in the order of the comparison; nothing without a gate."""
    if not gates:
        return []
    found = ((one, _failure(one, gates)) for one in report.compared)
    return [(one, word) for one, word in found if word is not None]


def _failure(one: Compared, gates: Collection[str]) -> str | None:
    if broken(one):
        return f"{BROKEN} ({one.new.status.replace('_', ' ')})"
    verdicts = [v for v in (one.latency, one.device) if v is not None]
    slower = [v for v in verdicts if v.word == SLOWER]
    if any(v.material for v in slower) and {SLOWER, MATERIAL} & set(gates):
        return f"{SLOWER}, {MATERIAL}"
    if slower and SLOWER in gates:
        return SLOWER
    if INCONCLUSIVE in gates:
        if not verdicts:
            return UNTOLD
        if any(v.word == INCONCLUSIVE for v in verdicts):
            return INCONCLUSIVE
    return None


def broken(one: Compared) -> bool:
    """Whether the base ran and was right, and the new one does not or is not."""
    return one.base.status == OK and one.new.status != OK
