"""Pairs of processes in lock-step: a fresh child of each arm, timed in turns, all others frozen.

The children of a pair are forked from one zygote that no other pair uses; arms that need another
interpreter get a fresh one of theirs. One arm after the other loads, verifies and warms up, alone. Then
in each round every arm is resumed, makes some calls to wake up, times one block, and is stopped again:
also runtimes that wait by spinning leave the machine to the arm that is timed.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from harness import machine
from harness.answers import ArmBlock, ArmResult, ArmWarm
from harness.compare.rule import round_order, starting_order
from harness.execute.child import Child
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending
from harness.execute.signals import Interrupts
from harness.execute.sweep import now
from harness.jobs import ArmJob, CaseJob
from harness.records import codec
from harness.records.events import OK, Verification
from harness.records.pairs import ArmEnd, PairBlock, PairMeasured

T = TypeVar("T")

AHEAD = 4
"""So many zygotes are started at once."""
NOT_IN_THIS_PAIR = ArmEnd("not_reached", 0.0)


@dataclass
class Arm:
    """One side: where its processes come from, and what they are told."""

    launcher: Launcher
    job: CaseJob


@dataclass
class _Process:
    """An arm's process in one pair."""

    child: Child
    cpu: int | None
    began: float = field(default_factory=time.monotonic)
    warm: ArmWarm | None = None
    result: ArmResult | None = None
    events: int = 0

    @property
    def alive(self) -> bool:
        return not self.child.outcome.ended


class LockStep:
    """Makes the pairs of a comparison, one at a time.

    Args:
        arms: the base first.
        rounds: of each pair.
        most: so many pairs at most.
        seed: for who starts first, and the order within the rounds.
        timeout_s: for one process to load and warm up, and for each of its blocks.
        interrupts: signals to heed.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        rounds: int,
        most: int,
        seed: int,
        timeout_s: float,
        interrupts: Interrupts | None = None,
    ) -> None:
        self.arms = arms
        self.rounds = rounds
        self.most = most
        self.timeout_s = timeout_s
        self.interrupts = interrupts
        self._rng = random.Random(seed)
        self._cpus = machine.affinity()

    def trial(self, failed: dict[int, ArmEnd]) -> PairMeasured:
        """Every arm once, loaded, verified and warmed up, and nothing timed: what does not run is found
        here, and caches are filled.

        Args:
            failed: the arms that cannot even be tried, with why.
        """
        order = [arm for arm in range(len(self.arms)) if arm not in failed]
        found = self._pair(0, order, rounds=0)
        return replace(found, arms=[failed.get(arm, end) for arm, end in enumerate(found.arms)])

    def pair(self, number: int, taking_part: Sequence[int]) -> PairMeasured:
        """One pair of the arms that take part."""
        drawn = starting_order(self._rng, len(self.arms))
        return self._pair(number, [a for a in drawn if a in taking_part], self.rounds)

    def _pair(self, number: int, order: list[int], rounds: int) -> PairMeasured:
        started, begin = now(), time.monotonic()
        processes: dict[int, _Process] = {}
        blocks: list[PairBlock] = []
        with contextlib.ExitStack() as stack:
            for arm in order:
                process = processes[arm] = self._start(arm, number)
                stack.callback(process.child.close)
                self._warm_up(process)
                process.child.stop()
                if not process.alive and rounds:
                    break
            if all(p.alive for p in processes.values()):
                blocks = self._rounds(processes, order, rounds)
            for process in processes.values():
                self._finish(process)
        ends = [
            self._end(processes[arm]) if arm in processes else NOT_IN_THIS_PAIR
            for arm in range(len(self.arms))
        ]
        return PairMeasured(number, started, time.monotonic() - begin, order, blocks, ends)

    def _start(self, arm: int, number: int) -> _Process:
        """The arm's process of this pair; the others are frozen already."""
        launcher, job = self.arms[arm].launcher, self.arms[arm].job
        if launcher.solo:
            # Where nothing is forked, every process is an interpreter of its own.
            since = number * len(self.arms)
            zygote = launcher.fresh(since + arm, 1, since)
        else:
            ahead = min(AHEAD, max(1, self.most - number + 1))
            zygote = launcher.fresh(number, ahead, number)
        cpu = self._cpus[number % len(self._cpus)] if job.planned.case.device != "cpu" else None
        child = zygote.begin("arm", ArmJob(replace(job, replicate=number), cpu))
        return _Process(child, cpu)

    def _deadline(self) -> float:
        return time.monotonic() + self.timeout_s

    def _warm_up(self, process: _Process) -> None:
        said = process.child.wait_for("warm", self._deadline(), self.interrupts)
        process.warm = _as(said, ArmWarm)

    def _rounds(self, processes: dict[int, _Process], order: list[int], rounds: int) -> list[PairBlock]:
        found: list[PairBlock] = []
        for number in range(rounds):
            for place in round_order(self._rng, len(order)):
                arm = sorted(order)[place]
                block = self._block(processes[arm])
                if block is None:
                    return found
                found.append(
                    PairBlock(arm, number, block.stamps_ns, block.events, block.noise, block.device_ns)
                )
        return found

    def _block(self, process: _Process) -> ArmBlock | None:
        """One block of one arm, everyone else frozen; None if its process has ended over it."""
        process.child.resume()
        process.child.command("block")
        said = process.child.wait_for("block", self._deadline(), self.interrupts)
        process.child.stop()
        found = _as(said, ArmBlock)
        if found is not None:
            process.events += found.events
        return found

    def _finish(self, process: _Process) -> None:
        """Lets it verify once more and say what really ran."""
        if not process.alive:
            return
        process.child.resume()
        process.child.command("end")
        process.child.wait(self._deadline(), self.interrupts)
        process.result = _as(process.child.outcome.messages.get("result"), ArmResult)

    def _end(self, process: _Process) -> ArmEnd:
        outcome = process.child.outcome
        end = ending(outcome, self.timeout_s)
        warm, result = process.warm, process.result
        verification = (
            result.verification if result else _as(outcome.messages.get("verification"), Verification)
        )
        status, reason = end.status, end.reason
        if status == OK and result is None:
            status, reason = "failed", "its process sent an answer that cannot be read"
        elif status == OK and verification is not None and not verification.passed:
            status, reason = "incorrect", verification.reason
        elif status == OK and process.events:
            status = "failed"
            reason = f"it compiled or tuned {process.events} times while calls were timed"
        return ArmEnd(
            status=status,
            seconds=time.monotonic() - process.began,
            reason=reason,
            detail=end.detail if status != OK else None,
            stage=end.stage,
            ready_s=result.ready_s if result else None,
            load_s=result.load_s if result else None,
            warm_up=result.warm_up if result else None,
            warm_up_calls=warm.warm_up_calls if warm else 0,
            warm_up_s=warm.warm_up_s if warm else 0.0,
            calls_per_stamp=warm.calls_per_stamp if warm else 1,
            empty_ns=warm.empty_ns if warm else 0.0,
            device_note=result.device_note if result else None,
            cpu=process.cpu,
            verification=verification,
            facts=result.facts if result else {},
            warnings=result.warnings if result else [],
        )


def _as(body: Any, cls: type[T]) -> T | None:
    """A message as its type; None if there is none, or a child sent something else."""
    try:
        return codec.convert(body, cls)
    except codec.ValidationError:
        return None
