"""The experiments of findings, one after the other: lock-step comparisons, or a look at both sides."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.answers import MemoryResult
from harness.catalogue.loading import PluginRequest
from harness.compare import rule
from harness.compare.arms import BASE, ArmRequest
from harness.compare.live import CompareRequest, compare_live
from harness.compare.paired import report_of
from harness.compare.verdict import LEVEL, MARGIN
from harness.errors import Busy, HarnessError, StoreError, Terminated, UsageError
from harness.execute.lock import Locks
from harness.execute.one import OneCase, OneRequest, one_case
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.sweep import now
from harness.jobs import CheckJob, Matrix
from harness.prove.decide import Decision, decide
from harness.records import codec
from harness.records.check import Check
from harness.records.comparison import Verdict
from harness.records.events import OK
from harness.records.finding import Finding, Intervention, Proof
from harness.store.comparisonfile import StoredComparison
from harness.store.folder import Folder, write_whole

T = TypeVar("T")

SMALLER = 0.9
"""Of the weights: what needs more than this is no smaller."""


@dataclass(frozen=True)
class Laboratory:
    """What experiments need."""

    folder: Folder
    plugins: PluginRequest
    mode: rule.Mode
    seed: int
    locks: Locks
    command: str
    tell: Callable[[str], None]
    tolerance: float | None = None
    """Of the run, where it was set by hand: what was right there is right here."""

    def request(self, wanted: Matrix) -> OneRequest:
        """One case of the run's sort."""
        return OneRequest(wanted, self.plugins, self.seed, tolerance=self.tolerance)


def distinct(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that one experiment is about, together; those without one are left out."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        made = one.intervention
        if made is not None:
            asked = (made.expect, made.at_least, made.per_item, made.beyond, made.besides)
            key = repr((sorted(made.base.items()), sorted(made.new.items()), asked))
            groups.setdefault(key, []).append(one)
    return list(groups.values())


def experiment(lab: Laboratory, findings: Sequence[Finding]) -> list[Proof]:
    """One experiment, and what it says of each of the findings that it is about.

    Raises:
        KeyboardInterrupt, Terminated: a signal came.
        StoreError: what was measured cannot be kept.
        Busy: another measurement runs.
    """
    made = findings[0].intervention
    assert made is not None
    blank = Proof("", [], made, None, None, None, None, None, 0, now())
    try:
        if made.expect in ("correct", "smaller"):
            said = _looked_at(lab, made, blank)
        else:
            said = _compared(lab, made, blank)
    except UsageError as error:
        said = replace(blank, reason=f"it cannot be planned here: {error.message}")
    except (Terminated, StoreError, Busy):
        raise  # of the whole command, and no word on the cause
    except HarnessError as error:
        said = replace(blank, reason=error.message)
    return [replace(said, finding=f.key, records=f.records) for f in findings]


def matrix(axes: dict[str, str]) -> Matrix:
    """One configuration, from axis -> value as on the command line."""
    return Matrix(
        model=[axes["model"]],
        runner=[axes["runner"]],
        precision=[axes["precision"]],
        batch_size=[int(axes["batch_size"])],
        device=[axes["device"]],
        threads=[int(axes["threads"])],
    )


def _compared(lab: Laboratory, made: Intervention, blank: Proof) -> Proof:
    sides = [(BASE, made.base), ("new", {**made.base, **made.new})]
    arms = [ArmRequest(name, matrix(axes), lab.plugins) for name, axes in sides]
    run = lockstep(lab, arms)
    found = report_of(run).compared[0]
    proof = replace(blank, comparison=run.header.id)
    if found.latency is None:
        end = found.new if found.new.status != OK else found.base
        why = f"{end.name} is {end.status}: {end.reason or 'no reason given'}" if end.status != OK else None
        return replace(proof, reason=why or "no pair was measured to its end")
    decision, verdict = judged(made, found.latency, found.device)
    return replace(
        proof,
        proved=decision.proved,
        word=verdict.word,
        ratio=decision.ratio,
        low=decision.low,
        high=decision.high,
        pairs=verdict.pairs,
        reason=decision.reason or verdict.reason,
    )


def judged(made: Intervention, latency: Verdict, device: Verdict | None) -> tuple[Decision, Verdict]:
    """What request latency says, since findings are about it. Where that differs too much from process to
    process, device time may prove a cause. It refutes none: what the host costs is not in it.
    """
    decision = decide(made, latency)
    if decision.proved is None and device is not None and made.expect in ("faster", "slower"):
        apart = decide(made, device)
        if apart.proved:
            said = "by device time: request latency differs too much from process to process"
            return replace(apart, reason=said), device
    return decision, latency


def lockstep(lab: Laboratory, arms: list[ArmRequest]) -> StoredComparison:
    """A live comparison of these sides, kept like any other."""
    request = CompareRequest(
        arms=arms,
        one=lab.request(Matrix()),
        mode=lab.mode,
        level=LEVEL,
        margin=MARGIN,
        command=lab.command,
    )
    lab.folder.check(lab.folder.comparisons)
    with Interrupts() as interrupts:
        try:
            run = compare_live(request, lab.folder, interrupts, _Quiet(lab.tell), lab.locks)
        except Interrupted:
            raise _signalled(interrupts) from None
        if interrupts:
            raise _signalled(interrupts)
    write_whole(lab.folder.comparison_report_path(run.header.id), codec.pretty(report_of(run)))
    return run


def _signalled(interrupts: Interrupts) -> BaseException:
    if interrupts.received == signal.SIGINT:
        return KeyboardInterrupt()
    return Terminated("ended by a signal")


class _Quiet:
    """Experiments have one line each, and none for their pairs."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    def preparing(self, name: str) -> None:
        pass

    def pair_begins(self, run: StoredComparison, number: int) -> None:
        pass


def _looked_at(lab: Laboratory, made: Intervention, blank: Proof) -> Proof:
    """Is the new side right where the base is not; does it need less."""
    new = {**made.base, **made.new}
    if made.expect == "correct":
        before, after = (_with(lab, axes, _error) for axes in (made.base, new))
        if before is None or after is None:
            return replace(blank, reason="there is no reference to hold it against")
        passed = after[0] and not before[0]
        why = f"error {before[1]:.2g} before, {after[1]:.2g} after"
        return replace(blank, proved=passed, word="correct" if after[0] else "incorrect", reason=why)
    small, large = _with(lab, new, _weights), _with(lab, made.base, _weights)
    if not small or not large:
        return replace(blank, reason="its weights are not known")
    word = "smaller" if small < SMALLER * large else "not smaller"
    why = f"weights {large:.3g} MiB before, {small:.3g} MiB after"
    return replace(blank, proved=small < SMALLER * large, word=word, reason=why)


def _with(lab: Laboratory, axes: dict[str, str], look: Callable[[OneCase], T]) -> T:
    with one_case(lab.request(matrix(axes)), lab.tell) as case:
        case.make_reference()
        case.build()
        return look(case)


def _error(case: OneCase) -> tuple[bool, float] | None:
    found = case.ask("check", CheckJob(case.job(), []), Check).verification
    return None if found is None else (found.passed, found.error if found.error is not None else float("nan"))


def _weights(case: OneCase) -> float | None:
    return case.ask("memory", case.job(), MemoryResult).memory.weights
