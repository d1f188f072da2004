"""The ceilings that a run's rows are held against: known from the machine's calibration, or measured now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.errors import HarnessError
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.jobs import CeilingsJob
from harness.records.ceilings import Ceilings
from harness.records.events import OK
from harness.store import calibration

TIMEOUT_S = 120.0
ATTEMPTS = 3
"""So often runs measure them on a machine where every measurement is disturbed, or something is missing."""


def known_or_measured(
    pairs: Iterable[tuple[str, int]], zygotes: Launcher, tell: Callable[[str], None]
) -> list[Ceilings]:
    """The ceilings of each device with a number of threads.

    What is missing is measured and kept, and what was measured beside a neighbour is measured again, a few
    times at most. A failure is told and leaves it out: no run is to end over it.
    """
    wanted = list(dict.fromkeys(pairs))
    known = calibration.ceilings_for(wanted)
    settled = {p for p, c in known.items() if (c.quiet and _complete(c)) or c.attempts >= ATTEMPTS}
    missing = [pair for pair in wanted if pair not in settled]
    if missing:
        again = " again, since something disturbed it" if all(p in known for p in missing) else ""
        tell(
            f"measuring what this machine can do at most{again} (once, {3 * len(missing)} s or somewhat more)"
        )
    for pair in missing:
        ceilings = measured(*pair, zygotes, tell)
        if ceilings is not None:
            known[pair] = ceilings
    return [known[pair] for pair in wanted if pair in known]


def _complete(known: Ceilings) -> bool:
    """Whether all that is measured now was measured then; some systems do not say all of it."""
    return known.device != "cpu" or known.fault_us is not None


def measured(device: str, threads: int, zygotes: Launcher, tell: Callable[[str], None]) -> Ceilings | None:
    """Measured now, in a child, and kept with the machine unless better ones are; None where that fails."""
    outcome = zygotes.run(0, "ceilings", CeilingsJob(device, threads), TIMEOUT_S)
    end = ending(outcome, TIMEOUT_S)
    found: Ceilings | None = result(outcome, Ceilings) if end.status == OK else None
    if found is None:
        if end.status != "interrupted":
            tell(f"what {device} can do at most could not be measured: {end.reason}")
        return None
    try:
        return calibration.add_ceilings(found)[0]
    except HarnessError as error:
        tell(f"the machine's ceilings could not be kept: {error.message}")
    return found
