"""A live comparison from start to end: sides planned and prepared, a trial, then pairs until it is enough.

Every pair is on the disk as soon as it is measured. Stopping at any moment leaves what was measured, and
verdicts as sure as that allows.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Protocol

from harness.analyse.spreads import spreads
from harness.compare import rule
from harness.compare.arms import ArmRequest, PlannedArm, launchers, plan_arms, prepare
from harness.compare.lockstep import Arm, LockStep
from harness.compare.paired import blocks_of, primary
from harness.execute.lock import Locks
from harness.execute.one import OneRequest
from harness.execute.run import recording
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.sweep import now
from harness.jobs import CaseJob
from harness.records.comparison import SCHEMA
from harness.records.events import Ended
from harness.records.pairs import ComparisonStarted, PairEvent, PairMeasured
from harness.store import calibration
from harness.store.comparisonfile import StoredComparison
from harness.store.eventfile import EventWriter
from harness.store.folder import Folder, new_run_id


@dataclass(frozen=True)
class CompareRequest:
    """What the user asked for."""

    arms: list[ArmRequest]
    """The base first."""
    one: OneRequest
    """What all sides have in common: seed, time-out, tolerance; its matrix is not looked at."""
    mode: rule.Mode
    level: float
    margin: float
    command: str


class Watcher(Protocol):
    """Who looks on: called between processes only, never while one is timed."""

    def preparing(self, name: str) -> None:
        """A side's reference and files are about to be made, and it is tried."""

    def pair_begins(self, run: StoredComparison, number: int) -> None:
        """A pair is about to be made; the trial is behind."""

    def tell(self, text: str) -> None:
        """One line the user should know."""


def compare_live(
    request: CompareRequest, folder: Folder, interrupts: Interrupts, watcher: Watcher, locks: Locks
) -> StoredComparison:
    """Measures a comparison and keeps every pair in its file.

    Args:
        locks: taken for the devices of the sides, before anything is measured.

    Raises:
        HarnessError: a side cannot be planned or prepared, or the disk is full.
        Interrupted: a signal came before anything was measured.
    """
    with ExitStack() as stack:
        by_python = launchers(request.arms, interrupts, stack)
        arms = plan_arms(request.arms, request.one, by_python, watcher.tell)
        locks.take({arm.plan.planned.case.device for arm in arms}, interrupts)
        for arm in arms:
            watcher.preparing(arm.request.name)
            prepare(arm)
        header = ComparisonStarted(
            schema=SCHEMA,
            id=new_run_id(),
            started=now(),
            command=request.command,
            seed=request.one.seed,
            harness_version=metadata.version("pytorch-inference-lab"),
            mode=request.mode.name,
            level=request.level,
            margin=request.margin,
            settings=request.one.settings,
            arms=[arm.plan for arm in arms],
            calibration=spreads(calibration.load()),
            warnings=[*locks.warnings, *(f"{a.request.name}: {w}" for a in arms for w in a.case.warnings)],
        )
        run = StoredComparison(header)
        writer = EventWriter(folder.comparison_path(header.id), header)

        def write(event: PairEvent | Ended) -> None:
            writer.write(event)
            run.add(event)

        with recording(writer, run):
            session = _Session(request, arms, run, write, interrupts, watcher)
            with contextlib.suppress(Interrupted):
                session.measure()
            write(session.ended())
        return run


class _Session:
    """The pairs of one comparison."""

    def __init__(
        self,
        request: CompareRequest,
        arms: Sequence[PlannedArm],
        run: StoredComparison,
        write: Callable[[PairEvent | Ended], None],
        interrupts: Interrupts,
        watcher: Watcher,
    ) -> None:
        self.request = request
        self.arms = arms
        self.run = run
        self.write = write
        self.interrupts = interrupts
        self.watcher = watcher
        self.reason: str | None = None
        self.lockstep = LockStep(
            [Arm(arm.launcher, _job_of(arm)) for arm in arms],
            request.mode.rounds,
            request.mode.most,
            request.one.seed,
            request.one.timeout_s,
            interrupts,
        )

    def measure(self) -> None:
        """The trial, and then pairs until there are enough."""
        trial = self.lockstep.trial({n: a.failed for n, a in enumerate(self.arms) if a.failed is not None})
        if self.interrupts:
            return
        self.write(trial)
        fine = [arm for arm, end in enumerate(trial.arms) if end.fine]
        if rule.BASE not in fine or len(fine) < 2:
            self.reason = "nothing was timed: no two sides run and are right"
            return
        number = 0

        def measure() -> list[rule.Block] | None:
            nonlocal number
            if self.interrupts:
                return None
            number += 1
            self.watcher.pair_begins(self.run, number)
            pair = self.lockstep.pair(number, fine)
            if self.interrupts:
                return None
            self.write(pair)
            if not _whole(pair, fine, self.request.mode.rounds):
                names = [arm.name for arm in self.run.header.arms]
                failed = [f"{names[a]} {pair.arms[a].status}" for a in fine if not pair.arms[a].fine]
                self.reason = f"ended in pair {number}: {', '.join(failed) or 'it sent no answer'}"
                return None
            return blocks_of(pair, fine, primary([pair], fine))

        rule.collect(self.request.mode, len(fine), measure, self.request.level)

    def ended(self) -> Ended:
        """How it ended."""
        if self.interrupts:
            number = self.interrupts.received
            word = "interrupted" if number == signal.SIGINT else "terminated"
            return Ended(now(), word, f"ended by {signal.Signals(number or signal.SIGINT).name}")
        return Ended(now(), "failed" if self.reason else "finished", self.reason)


def _job_of(arm: PlannedArm) -> CaseJob:
    job = arm.case.job()
    return replace(job, settings=replace(job.settings, memory=False))


def _whole(pair: PairMeasured, fine: Sequence[int], rounds: int) -> bool:
    return all(pair.arms[arm].fine for arm in fine) and len(pair.blocks) == rounds * len(fine)
