"""What `harness plugins check` prints for people: a line for each component, and what is wrong with it."""

from __future__ import annotations

from collections import Counter

from harness.records.conformance import FAILED, NOT_APPLICABLE, OK, CheckResult
from harness.report.numbers import safe


class Checked:
    """Lines as results come in: those of a component are said when its last check is made.

    Args:
        every: every check in a line of its own, also those that are ok.
    """

    def __init__(self, every: bool) -> None:
        self._every = every
        self._component: str | None = None
        self._results: list[CheckResult] = []

    def add(self, found: CheckResult) -> list[str]:
        """What there is to say now that this one is known."""
        said = self.end() if found.component != self._component else []
        self._component = found.component
        self._results.append(found)
        return said

    def end(self) -> list[str]:
        """What is left to say of the last component."""
        if not self._results:
            return []
        said = [f"{safe(self._component or '')}: {told(Counter(r.status for r in self._results))}"]
        for result in self._results:
            said += self._lines(result)
        self._results = []
        return said

    def _lines(self, found: CheckResult) -> list[str]:
        if found.status == FAILED:
            return [
                f"    {found.check}: FAILED: {safe(found.reason or '')}",
                f"        hint: {safe(found.hint or '')}",
            ]
        if found.note:
            return [f"    {found.check}: ok; note: {safe(found.note)}"]
        if not self._every:
            return []
        reason = f": {safe(found.reason or '')}" if found.status == NOT_APPLICABLE else ""
        return [f"    {found.check}: {found.status}{reason}"]


def told(number: Counter[str] | dict[str, int]) -> str:
    """`31 ok, 1 failed, 2 not applicable`."""
    rest = ((FAILED, number.get(FAILED, 0)), (NOT_APPLICABLE, number.get(NOT_APPLICABLE, 0)))
    return ", ".join([f"{number.get(OK, 0)} ok", *(f"{count} {status}" for status, count in rest if count)])


def summary(what: str, number: dict[str, int], passed: bool) -> str:
    """The last line."""
    verdict = "keeps the contracts" if passed else "does not keep the contracts"
    return f"{told(number)}: {safe(what)} {verdict}\n"
