"""The parent's side: which checks are made on what, each in a child process, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.conformance.cases import CaseRuns
from harness.conformance.child import case_text, ended, lets, name_of, sentence
from harness.conformance.contract import CHECKS, Check
from harness.conformance.importing import LOADS
from harness.conformance.subjects import Subject
from harness.conformance.table import checks_of
from harness.conformance.target import Target
from harness.execute.child import Outcome
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.execute.signals import Interrupted
from harness.jobs import CaseJob, ConformanceJob
from harness.records.conformance import FAILED, NOT_APPLICABLE, OK, CheckResult, Verdict, Verdicts

TIMEOUT_S = 120.0
_MOST_OF_IT = 0.8
"""A check that was ended after so much of the time for it has had that time."""
IMPORTS = "harness.conformance.table"
"""What every child imports: better once, in the process that they are forked from."""


@dataclass(frozen=True)
class Item:
    """One check on one target."""

    check: Check
    target: Target

    def __str__(self) -> str:
        return f"{self.target}: {self.check.name}"


class Kit:
    """Checks of some plugins, each made once, whoever asks for it.

    Args:
        subject: the plugins.
        zygotes: what forks the children.
        timeout_s: for each child.
    """

    def __init__(self, subject: Subject, zygotes: Launcher, timeout_s: float = TIMEOUT_S) -> None:
        self.subject = subject
        self.timeout_s = timeout_s
        self._zygotes = zygotes
        self._made: dict[tuple[str, Target], tuple[CheckResult, Verdict]] = {}
        self._cases = CaseRuns(subject.plugins, zygotes, timeout_s, self._case_verdict)
        self._quick: dict[tuple[Target, int], dict[str, tuple[Verdict, str | None]]] = {}
        self._hung: dict[Target, str] = {}
        """The check in which something of a target did not come to an end."""
        self._started = False

    # -- what there is to check -------------------------------------------------------------------

    def items(self) -> Iterator[Item]:
        """Every check that is to be made, plugin by plugin; loads the plugins in children to find out."""
        for source in self.subject.sources:
            plugin = Target(source, name_of(source))
            yield from (Item(c, plugin) for c in checks_of("plugin"))
            _, loaded = self._result(Item(CHECKS[LOADS], plugin))
            if loaded.data.get("listens"):
                yield from (Item(c, plugin) for c in checks_of("listener"))
            for row in loaded.data.get("components", ()):
                target = Target(source, **row)
                checks = checks_of(target.kind)
                if any(c.twice for c in checks):
                    self._zygotes.start(2)  # the second begins meanwhile, and is waited for when it is needed
                yield from (Item(c, target) for c in checks)

    def plugins(self) -> list[str]:
        """The plugins with distribution and version, as far as they load."""
        found = []
        for source in self.subject.sources:
            _, loaded = self._result(Item(CHECKS[LOADS], Target(source, name_of(source))))
            found.append(str(loaded.data.get("name", name_of(source))))
        return found

    def result(self, item: Item) -> CheckResult:
        """What becomes of one check; what it needs is found out first."""
        return self._result(item)[0]

    def close(self) -> None:
        """Ends the processes that were started for one runner; the zygotes are the caller's."""
        self._cases.close()

    # -- one check --------------------------------------------------------------------------------

    def _result(self, item: Item) -> tuple[CheckResult, Verdict]:
        key = (item.check.name, item.target)
        if key not in self._made:
            began = time.monotonic()
            verdict, detail = self._blocked(item) or self._find_out(item)
            found = CheckResult(
                check=item.check.name,
                component=str(item.target),
                status=verdict.status,
                reason=verdict.reason,
                hint=verdict.hint,
                note=verdict.note,
                seconds=round(time.monotonic() - began, 3),
                detail=detail,
            )
            self._made[key] = found, verdict
        return self._made[key]

    def _blocked(self, item: Item) -> tuple[Verdict, None] | None:
        """Why a check cannot be made, if so: something that it needs is not so."""
        target = item.target
        if target.refused is not None and item.check.behaves:
            reason = f"the harness leaves it out: {target.refused}"
            return Verdict(NOT_APPLICABLE, reason), None
        for name in item.check.needs:
            # What is needed of the plugin is found under the plugin and not its component.
            owner = target if CHECKS[name].subject != "plugin" else _plugin_of(target)
            needed, verdict = self._result(Item(CHECKS[name], owner))
            if needed.status == FAILED and self._hung.get(owner) != name:
                return Verdict(NOT_APPLICABLE, f"{name} comes first"), None
            if needed.status != FAILED and not lets(verdict):
                return Verdict(NOT_APPLICABLE, needed.reason), None
        return self._hangs(item)

    def _hangs(self, item: Item) -> tuple[Verdict, None] | None:
        """Why a check is not made on something that hangs, if so: it would only wait once more."""
        if item.check.subject != "plugin":
            self._together(item.target, 0)
        where = self._hung.get(item.target)
        if where is None or item.check.name in self._quick.get((item.target, 0), {}):
            return None
        if item.check.name in below(where):
            return None  # without it nothing is said of the one that hangs either
        return Verdict(NOT_APPLICABLE, f"it hangs, see {where}"), None

    def _find_out(self, item: Item) -> tuple[Verdict, str | None]:
        if item.check.cases:
            needed = Item(CHECKS["runner.supports"], item.target)
            return self._cases.verdict(item.check, item.target, self._result(needed)[1].data)
        verdict, detail = self._verdict(item)
        if not item.check.twice or verdict.status != OK:
            return verdict, detail
        other, detail = self._verdict(item, lane=1)
        if other.status == OK and other.data != verdict.data:
            # What was made before in the same process may be to blame: once more, with nothing before it.
            (verdict, _), (other, detail) = (self._apart(item, lane) for lane in (0, 1))
        if other.status == verdict.status == OK and other.data != verdict.data:
            differs = next(k for k, v in verdict.data.items() if other.data.get(k) != v)
            found = f"other {differs} in another process"
            return Verdict(
                FAILED, sentence(str(item.target), item.check.expected, found), item.check.hint
            ), None
        return (other, detail) if verdict.status == OK else (verdict, detail)

    def _verdict(self, item: Item, lane: int = 0) -> tuple[Verdict, str | None]:
        """What a child says of one check, or what its end says of it."""
        found = self._together(item.target, lane).get(item.check.name)
        if found is not None:
            return found
        return self._apart(item, lane)

    def _apart(self, item: Item, lane: int) -> tuple[Verdict, str | None]:
        """The same from a child that makes no other check."""
        outcome = self._run(self._zygotes, lane, [item.check], item.target, None)
        return self._read(outcome, item.check, item.target, None)

    def _together(self, target: Target, lane: int) -> dict[str, tuple[Verdict, str | None]]:
        """Verdicts on all checks of a target that may share a process.

        They are made one after another in one child, up to the first that fails or ends it. That one is made
        again in a process of its own, since it may suffer from what another did, and the rest in a new one.
        After one that hangs no other is made.
        """
        key = (target, lane)
        if key in self._quick:
            return self._quick[key]
        found: dict[str, tuple[Verdict, str | None]] = {}
        self._quick[key] = found
        left = [c for c in checks_of(target.kind or "plugin") if not c.cases and not c.alone]
        left = [c for c in left if target.refused is None or not c.behaves]
        if lane:
            first = self._together(target, 0)
            left = [c for c in left if c.twice and c.name in first and lets(first[c.name][0])]
        while left and target not in self._hung:
            outcome, waited_s = self._timed(lane, left, target)
            said: Verdicts | None = result(outcome, Verdicts)
            good = {n: v for n, v in said.verdicts.items() if v.status != FAILED} if said is not None else {}
            found.update((name, (verdict, None)) for name, verdict in good.items())
            ended_well = ending(outcome, self.timeout_s).status == OK
            began, left = left[0], open_to(left, found)
            if not left or (ended_well and said is not None and len(good) == len(said.verdicts)):
                break
            bad = left[0]
            hung = outcome.timed_out and waited_s > _MOST_OF_IT * self.timeout_s
            if bad is not began and not hung:
                outcome = self._run(self._zygotes, lane, [bad], target, None)
            found[bad.name] = self._read(outcome, bad, target, None)
            left = open_to(left, found)
        return found

    def _timed(self, lane: int, checks: list[Check], target: Target) -> tuple[Outcome, float]:
        """The checks made in one child, and how long the last one that began has taken."""
        began = time.monotonic()

        def hear(name: str, _: Any) -> None:
            nonlocal began
            if name == "check":
                began = time.monotonic()

        outcome = self._run(self._zygotes, lane, checks, target, None, hear)
        return outcome, time.monotonic() - began

    def _case_verdict(
        self, zygotes: Launcher, check: Check, target: Target, case: CaseJob
    ) -> tuple[Verdict, str | None]:
        return self._read(self._run(zygotes, 0, [check], target, case), check, target, case)

    def _run(
        self,
        zygotes: Launcher,
        lane: int,
        checks: list[Check],
        target: Target,
        case: CaseJob | None,
        hear: Callable[[str, Any], None] = lambda name, body: None,
    ) -> Outcome:
        """Makes some checks in one child."""
        if not self._started:
            self._zygotes.start(1)
            self._started = True
        job = ConformanceJob(
            checks=[c.name for c in checks],
            plugins=case.plugins if case is not None else self.subject.plugins,
            source=target.source,
            kind=target.kind,
            index=target.index,
            folder=str(zygotes.folder / f"{target.kind or 'plugin'}-{target.index}"),
            case=case,
            timeout_s=self.timeout_s,
            lane=lane,
        )
        return zygotes.run(lane, "conformance", job, self.timeout_s, hear)

    def _read(
        self, outcome: Outcome, check: Check, target: Target, case: CaseJob | None
    ) -> tuple[Verdict, str | None]:
        end = ending(outcome, self.timeout_s)
        if end.status == "interrupted":
            raise Interrupted
        said: Verdicts | None = result(outcome, Verdicts) if end.status == OK else None
        if said is not None:
            found = said.verdicts[check.name]
            return found, end.detail if found.status == FAILED else None
        if end.status == "unsupported":
            return Verdict(NOT_APPLICABLE, f"unsupported: {end.reason}", data={"unsupported": True}), None
        if end.status == "timeout":
            self._hung.setdefault(target, check.name)
        why = end.reason or "an answer that cannot be read"
        label = f"{target} on {case_text(case.planned)}" if case is not None else str(target)
        reason = ended(label, check.expected, why)
        return Verdict(FAILED, reason, _hint(end.status, check)), end.detail


def open_to(checks: list[Check], found: dict[str, tuple[Verdict, str | None]]) -> list[Check]:
    """Those that are still to be made: not found yet, and nothing that they build on is found wanting."""
    closed = {name for name, (verdict, _) in found.items() if not lets(verdict)}
    left = []
    for check in checks:
        if closed.intersection(check.needs):
            closed.add(check.name)  # and so does what builds on it
        elif check.name not in found:
            left.append(check)
    return left


def below(name: str) -> set[str]:
    """A check and all that it builds on."""
    return {name}.union(*(below(need) for need in CHECKS[name].needs))


def _plugin_of(target: Target) -> Target:
    return Target(target.source, name_of(target.source))


def _hint(status: str, check: Check) -> str:
    words: dict[str, str] = {
        "timeout": "--timeout gives it more time, if it only is slow",
        "crashed": "its process is gone: look for native code; --verbose shows where it was",
        "out_of_memory": "it took more memory than there is",
    }
    return words.get(status, check.hint)


def counts(results: list[CheckResult]) -> dict[str, int]:
    """How many checks ended with each status."""
    statuses: list[Any] = [OK, FAILED, NOT_APPLICABLE]
    return {status: sum(r.status == status for r in results) for status in statuses}
