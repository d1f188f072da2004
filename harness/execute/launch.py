"""The zygotes of a run: one for each lane, so that every pass has fresh, independent parents."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.catalogue.loading import PluginRequest
from harness.execute.child import Outcome
from harness.execute.leftovers import Orphans
from harness.execute.signals import Interrupts
from harness.execute.supervise import ZygoteProcess
from harness.inventory import cache_home
from harness.jobs import Job
from harness.records.case import PlannedCase, Provider

TOGETHER = 4
"""At most so many zygotes are kept waiting."""
SPAWN_VARIABLE = "HARNESS_SPAWN"
"""If set and not empty, every job gets an interpreter of its own: slower, for systems where a fork
is not safe."""


class Launcher:
    """Gives jobs to zygotes and replaces those that die.

    Args:
        folder: the run's temporary folder.
        interrupts: signals to heed while waiting.
        python: another interpreter than this one's.
        imports: a module that children need besides what all of them do.
    """

    def __init__(
        self,
        folder: Path,
        interrupts: Interrupts | None = None,
        python: str = sys.executable,
        imports: str = "",
    ) -> None:
        self.folder = folder
        self.python = python
        self.imports = imports
        self.interrupts = interrupts
        self.notes: list[str] = []
        self.memory_limit: int | None = None
        """Bytes that a job may hold; None for what the machine has. Of zygotes that start from now on."""
        self._orphans = Orphans()
        self.solo = sys.platform != "linux" or bool(os.environ.get(SPAWN_VARIABLE))
        if self.solo:
            self.notes.append("every replicate is a new interpreter: forking is off here")
        self._lanes: dict[int, ZygoteProcess] = {}
        self._preloads: list[dict[str, Any]] = []

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends every zygote with all it started."""
        self._drop_all()
        self._orphans.close()

    def _drop_all(self) -> None:
        for lane in list(self._lanes):
            self._drop(lane)

    @property
    def identity(self) -> dict[str, str | None]:
        """Which harness the started interpreter runs (see `harness.identity`)."""
        return next(iter(self._lanes.values())).identity

    def kill(self) -> None:
        """Ends everything at once, without waiting for anything: safe inside a signal handler, where
        the interrupted code may hold any lock.
        """
        for zygote in list(self._lanes.values()):
            zygote.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, lanes: int) -> None:
        """Starts zygotes for the first lanes, to import side by side, and waits for the first of them.

        Raises:
            EnvironmentFault: it cannot start.
        """
        for lane in range(min(lanes, TOGETHER) if not self.solo else 1):
            self._begin(lane)
        self._finish(0)

    def _begin(self, lane: int) -> ZygoteProcess:
        if lane not in self._lanes:
            folder = self.folder / f"lane-{lane}"
            folder.mkdir(exist_ok=True)
            self._lanes[lane] = ZygoteProcess(
                folder, self.solo, _inductor_variables(), self.python, self.imports, self.memory_limit
            )
        return self._lanes[lane]

    def _finish(self, lane: int) -> None:
        zygote = self._begin(lane)
        zygote.wait_ready(self.interrupts)
        if zygote.threads > 1 and not self.solo:
            self.notes.append(
                f"every replicate is a new interpreter: a process that has imported torch has "
                f"{zygote.threads} threads here, and forking it is not safe"
            )
            self._all_solo()
            return
        self._preload_all([lane])

    def _preload_all(self, lanes: list[int]) -> None:
        """Has ready zygotes preload, side by side. One that dies of it is gone afterwards, and nobody is
        asked for that preload any more.
        """
        for request in list(self._preloads):
            there = [lane for lane in lanes if lane in self._lanes]
            for lane in there:
                self._lanes[lane].ask_preload(request)
            dead = [lane for lane in there if not self._lanes[lane].preloaded(self.interrupts)]
            if dead and not self.interrupts:
                self._preloads.remove(request)
                self.notes.append(self._left_out(request["runner"], self._lanes[dead[0]]))
                for lane in dead:
                    self._drop(lane)

    def _left_out(self, name: str, zygote: ZygoteProcess) -> str:
        why = "ends the process" if zygote.ended() else "does not end"
        return f"preload of runner {name} is left out: it {why}"

    def _all_solo(self) -> None:
        self._drop_all()
        self.solo = True

    def preload(self, cases: list[PlannedCase], plugins: PluginRequest) -> None:
        """Lets the plan's runners import once what every child would import again."""
        runners: dict[Provider, set[str]] = {}
        for planned in cases:
            if not planned.unsupported:
                runner = next(p for p in planned.providers if p.kind == "runner")
                runners.setdefault(runner, set()).add(planned.case.device.partition(":")[0])
        if self.solo or self.interrupts:
            return
        for runner, devices in runners.items():
            request = {
                "runner": runner.name,
                "source": runner.source,
                "devices": sorted(devices),
                "extra": plugins.extra,
                "blocked": plugins.blocked,
            }
            if self._accepts(request, runner.name):
                self._preloads.append(request)
        others = [lane for lane in self._lanes if lane != 0]
        for lane in others:
            self._lanes[lane].wait_ready(self.interrupts)
        self._preload_all(others)

    def _accepts(self, request: dict[str, Any], name: str) -> bool:
        """Tries one preload in the first lane, which is made anew if it does harm."""
        zygote = self._lane(0)
        zygote.ask_preload(request)
        alive = zygote.preloaded(self.interrupts)
        if alive and zygote.note:
            self.notes.append(zygote.note)
            zygote.note = None
        if alive and zygote.threads == 1:
            return True
        if self.interrupts:
            return False
        self.notes.append(
            f"preload of runner {name} is left out: it leaves {zygote.threads} threads"
            if alive
            else self._left_out(name, zygote)
        )
        self._drop(0)
        return False

    def fresh(self, lane: int, ahead: int, since: int) -> ZygoteProcess:
        """The lane's zygote, ready; it starts several at once, so that nothing is imported while
        something is timed.

        Args:
            lane: which.
            ahead: how many lanes to start if this one is not there.
            since: lanes before this one are of the past, and ended.
        """
        for old, zygote in list(self._lanes.items()):
            if old < since or (old == lane and not zygote.usable):
                self._drop(old)
        if lane not in self._lanes:
            for zygote in [self._begin(n) for n in range(lane, lane + ahead)]:
                zygote.wait_ready(self.interrupts)
            self._preload_all(list(range(lane, lane + ahead)))
        return self._lane(lane)

    def _drop(self, lane: int) -> None:
        zygote = self._lanes.pop(lane)
        died = not zygote.usable
        zygote.close()
        if died:
            self._orphans.end(zygote.mark, zygote.orphaned)

    def _lane(self, lane: int) -> ZygoteProcess:
        """A ready zygote for a lane; lanes of the past are ended when there are too many."""
        if lane in self._lanes and not self._lanes[lane].usable:
            self._drop(lane)
        if lane not in self._lanes:
            for old in sorted(self._lanes)[: max(0, len(self._lanes) - TOGETHER + 1)]:
                if old < lane:
                    self._drop(old)
            self._finish(lane)
            if lane not in self._lanes:
                return self._lane(lane)
        return self._lanes[lane]

    def run(
        self,
        lane: int,
        kind: str,
        job: Job,
        timeout_s: float,
        on_message: Callable[[str, Any], None] = lambda name, body: None,
    ) -> Outcome:
        """Does one job in a child of the lane's zygote."""
        lane = 0 if self.solo else lane
        outcome = self._lane(lane).run(kind, job, timeout_s, self.interrupts, on_message)
        if outcome.lost and outcome.ended_by_others and not self.interrupts:
            # Whoever ended the zygote, a job may be innocent of it: once more, with another one.
            self._drop(lane)
            outcome = self._lane(lane).run(kind, job, timeout_s, self.interrupts, on_message)
        if outcome.lost or self.solo:
            self._drop(lane)
        return outcome


def _inductor_variables() -> dict[str, str]:
    """Where inductor keeps what it finds out about the processor (each case has its own cache for the
    rest), and no pool of compile workers: on many cores its import alone would start one, with a thread.
    """
    variables = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return variables
    return {**variables, "TORCHINDUCTOR_CACHE_DIR": str(cache_home() / f"inductor-{version}")}
