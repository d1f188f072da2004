"""Which of the causes that were found say why a claim came out as it did.

A claim is answered by causes of what it is about: a memory by findings about memory, an error by findings
about errors, a speed by the cause of the row. A true sentence about something else explains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.claims.claim import Claim
from harness.claims.metrics import SPEEDUP, metric_of
from harness.claims.noise import of_time
from harness.records.finding import WITHDRAWN, Finding
from harness.records.report import Record, Report

_MOST = 2
_OF_GAINS = ("pays-from",)
"""Keys of findings over several batch sizes that are about a speed-up, and not about a latency."""
_OF_ERRORS = ("incorrect", "saturated")
_OF_MEMORY = ("weights-kept", "weights-cast")
_OF_OPERATORS = ("arithmetic-bound", "memory-bound", "lookup", "copies", "float64", "hottest")
"""Keys of the causes of a row that say what its operators spend their time on."""


def why(claim: Claim, records: Sequence[Record], ends: Sequence[Record], report: Report) -> list[str]:
    """Causes of what the claim is about; empty if none was found.

    Args:
        records: of all its cases.
        ends: those that say why: of the case itself, and, along an axis, at its first and last value.
    """
    own = [f for r in records for f in r.findings if f.state != WITHDRAWN]
    texts = [_of(f) + _text(f) for f in own if f.key in _about(claim)]
    if claim.grows or claim.falls:
        texts += _of_trend(claim, records, ends, report)
    elif _of_speed(claim):
        texts += _at_each(claim, ends)
    elif claim.hottest:
        texts += reasons([r for r in ends if r.explanation and r.explanation.key in _OF_OPERATORS])
    return list(dict.fromkeys(texts))[:_MOST]


def _about(claim: Claim) -> tuple[str, ...]:
    """Keys of the findings about the claim's memory or error."""
    output = any(metric_of(c.name).of_output for c in claim.conditions)
    return (*(_OF_MEMORY if "memory" in claim.needs() else ()), *(_OF_ERRORS if output else ()))


def _of_speed(claim: Claim) -> bool:
    """Whether a condition is about neither memory nor an error."""
    return any(of_time(metric_of(c.name)) for c in claim.conditions)


def _of_trend(claim: Claim, records: Sequence[Record], ends: Sequence[Record], report: Report) -> list[str]:
    """What was found over several of its cases; else what explains the first and the last."""
    gain, ids = SPEEDUP in (*claim.grows, *claim.falls), {r.id for r in records}
    over = [
        _text(f)
        for f in report.findings
        if f.state != WITHDRAWN and len(ids & set(f.records)) > 1 and (f.key in _OF_GAINS) == gain
    ]
    return over or _at_each(claim, ends)


def _at_each(claim: Claim, ends: Sequence[Record]) -> list[str]:
    """The reasons of the ends, each told where it holds if they differ."""
    if claim.axis is None or len(set(reasons(ends))) < 2:
        return reasons(ends)
    values = (claim.values[0], claim.values[-1])
    axis = claim.axis.replace("_size", "").replace("_", " ")
    return [
        f"at {axis} {value}: {text}"
        for value, end in zip(values, ends, strict=True)
        for text in reasons([end])
    ]


def reasons(records: Sequence[Record]) -> list[str]:
    """The cause of each row's number, where one is known."""
    return [r.explanation.text for r in records if r.explanation is not None and r.explanation.explained]


def _of(finding: Finding) -> str:
    """Which row it is about, which a sentence on memory or errors does not say."""
    return f"{finding.subject}: " if finding.subject else ""


def _text(finding: Finding) -> str:
    return f"{finding.phenomenon}: {finding.cause}"
