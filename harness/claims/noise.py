"""Whether the machine was too busy for anything to be said of a time.

Other work on the same processors is no noise that passes average out: two threads that must wait for each
other lose more by it than one, so ratios move as well. Numbers are shown all the same, only their verdict is
not. What is quick enough beside other work is so without.
"""

from __future__ import annotations

from dataclasses import replace

from harness.claims.claim import Condition
from harness.claims.metrics import LIMITS, Metric
from harness.records.claims import NOT_TESTABLE, Answer
from harness.records.report import Report


def busy(report: Report) -> str | None:
    """How busy the machine was, if it was too busy; None if not, or without audits."""
    return report.run.noise.busy if report.run.noise is not None else None


def of_time(metric: Metric) -> bool:
    """Whether it is neither of memory nor of the output."""
    return not (metric.of_output or metric.needs == "memory")


def kept_all_the_more(condition: Condition) -> bool:
    """Whether it limits how slow a case may be: kept beside other work, it is kept without."""
    metric = LIMITS.get(condition.name)
    if metric is None or not of_time(metric) or metric.unit not in ("ms", "s", "per s"):
        return False
    return (condition.at_most if metric.unit == "per s" else condition.at_least) is None


def doubted(answer: Answer, busy: str | None, sure: str = "") -> Answer:
    """The answer without its word, where the machine was busy, unless it is a word that is sure even so."""
    if busy is None or answer.word in (NOT_TESTABLE, sure):
        return answer
    reason = f"{busy}; on a quiet one it might not be {answer.word.lower()}"
    return replace(answer, word=NOT_TESTABLE, reason=reason)
