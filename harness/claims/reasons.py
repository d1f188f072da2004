"""Which of the causes that were found say why a claim came out as it did."""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.language import Claim
from harness.records.finding import WITHDRAWN, Finding
from harness.records.report import Record, Report

_MOST = 2


def why(claim: Claim, records: Sequence[Record], report: Report) -> list[str]:
    """Causes of the claim's cases, those that are about what it claims first; empty if none was found."""
    own = [f for r in records for f in r.findings if f.state != WITHDRAWN]
    ids = {r.id for r in records}
    shared = [f for f in report.findings if f.state != WITHDRAWN and ids & set(f.records)]
    about = [c.name for c in claim.conditions]
    texts: list[str] = []
    if "memory" in claim.needs():
        texts += [_text(f) for f in own if _of_memory(f)]
    elif claim.axis == "batch_size" and (claim.grows or claim.falls):
        # A trend is explained by what is over several rows, and not by one row's own cause.
        wanted = ids if len(ids) > 1 else set()
        texts += [_text(f) for f in shared if len(wanted & set(f.records)) > 1]
    if not texts and ("memory" not in claim.needs() or len(about) > 1):
        texts += reasons(records[:1] if claim.axis is None else records[-2:])
    return list(dict.fromkeys(texts))[:_MOST]


def reasons(records: Sequence[Record]) -> list[str]:
    """The cause of each row's number, where one is known."""
    return [r.explanation.text for r in records if r.explanation is not None and r.explanation.explained]


def _of_memory(finding: Finding) -> bool:
    return "memory" in finding.phenomenon or "weights" in finding.key


def _text(finding: Finding) -> str:
    return f"{finding.phenomenon}: {finding.cause}"
