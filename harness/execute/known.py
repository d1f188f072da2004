"""What was measured of a run before it was taken up again, and need not be measured now."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.records.events import OK, Sample
from harness.store.runfile import StoredRun


@dataclass(frozen=True)
class Known:
    """What was measured before the run was taken up again, and need not be measured now."""

    samples: dict[tuple[str, int], Sample] = field(default_factory=dict)
    """(case, replicate) -> what came of it."""
    references: frozenset[str] = frozenset()
    """Cases whose reference was made, and said so."""
    built: frozenset[str] = frozenset()
    unbuilt: frozenset[str] = frozenset()
    """Cases whose files could not be made."""
    memory: frozenset[str] = frozenset()
    anatomy: frozenset[str] = frozenset()
    throughput: frozenset[tuple[str, int]] = frozenset()
    callers: dict[str, int | None] = field(default_factory=dict)
    """Case -> with how many callers it was saturated; None if that failed."""


NOTHING = Known()


def known(run: StoredRun, retry_failed: bool = False) -> Known:
    """What a stored run has. A replicate that a signal cut short is missing; one that failed is, if it is to
    be tried again.
    """

    def counts(status: str) -> bool:
        return status != "interrupted" and (not retry_failed or status in (OK, "incorrect"))

    samples = {(s.case, s.replicate): s for s in run.samples if counts(s.status)}
    saturated = [t for t in run.throughput if not t.probe]
    return Known(
        samples=samples,
        references=frozenset(c for r in run.references for c in r.cases),
        built=frozenset(b.case for b in run.built.values() if b.status == OK),
        unbuilt=frozenset(b.case for b in run.built.values() if b.status != OK and counts(b.status)),
        memory=frozenset(m.case for m in run.memory.values() if counts(m.status)),
        anatomy=frozenset(a.case for a in run.anatomy.values() if counts(a.status)),
        throughput=frozenset((t.case, t.replicate) for t in saturated if counts(t.status)),
        callers={t.case: t.callers if t.status == OK else None for t in saturated},
    )
