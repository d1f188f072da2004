"""One case outside of a run, for the commands that look at a single one: planned, prepared, asked."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from harness.answers import BuildResult, ReferenceResult
from harness.catalogue.loading import PluginRequest
from harness.errors import NothingMeasured, Terminated, UsageError
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.execute.run import RunRequest, launcher, make_plan
from harness.execute.signals import Interrupted, Interrupts
from harness.jobs import CaseJob, Job, Matrix
from harness.records.case import Environment, PlannedCase, Scenario
from harness.records.events import OK
from harness.records.settings import Settings

T = TypeVar("T")


class CaseFailed(NothingMeasured):
    """A case whose child did not do its job."""

    def __init__(self, status: str, reason: str, detail: str | None = None) -> None:
        super().__init__(f"{status.replace('_', ' ')}: {reason}", detail=detail)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class OneRequest:
    """Which case, and what for."""

    matrix: Matrix
    plugins: PluginRequest
    seed: int = 0
    timeout_s: float = 600.0
    tolerance: float | None = None

    @property
    def settings(self) -> Settings:
        return Settings(passes=1, timeout_s=self.timeout_s, tolerance=self.tolerance)


class OneCase:
    """A planned case with zygotes to fork children from.

    Every job runs in a child of its own, so that a crash, a time-out or an exception of the model is
    one line here, as it is a row in a run.

    Args:
        folder: for its files and caches, where it must not share them with another of the same id.
    """

    def __init__(
        self,
        request: OneRequest,
        planned: PlannedCase,
        environment: Environment,
        zygotes: Launcher,
        folder: Path | None = None,
    ) -> None:
        self.request = request
        self.planned = planned
        self.environment = environment
        self.warnings: list[str] = []
        self.zygotes = zygotes
        self.folder = folder or zygotes.folder
        self._references: dict[int, str] = {}

    def job(self, planned: PlannedCase | None = None, file: Path | None = None) -> CaseJob:
        """The job of this case, or of the same at another batch size, with the reference made so far.

        Args:
            file: an exported file to load in place of what the runner would build.
        """
        planned = planned or self.planned
        folder = self.folder
        return CaseJob(
            planned=planned,
            plugins=self.request.plugins,
            seed=self.request.seed,
            folder=str(folder / "cases" / planned.id),
            reference=self._references.get(planned.case.batch_size, ""),
            cache=str(folder / "caches" / planned.id),
            replicate=0,
            settings=self.request.settings,
            file=str(file) if file else None,
        )

    def at_batch(self, batch_size: int) -> PlannedCase:
        """The same case at another batch size."""
        case = replace(self.planned.case, batch_size=batch_size)
        return replace(self.planned, case=case, id=case.id(Scenario()))

    def make_reference(self, planned: PlannedCase | None = None) -> None:
        """Makes the reference of the case; where that fails, a warning says so and nothing is verified."""
        planned = planned or self.planned
        batch_size = planned.case.batch_size
        if batch_size in self._references:
            return
        self._references[batch_size] = str(self.folder / f"reference-{batch_size}.pt")
        try:
            made = self.ask("reference", self.job(planned), ReferenceResult)
        except NothingMeasured as error:
            self.warnings.append(f"not verified, no reference: {error.message}")
        else:
            self.warnings += [w for w in made.warnings if w not in self.warnings]

    def build(self) -> None:
        """Lets the runner make its files, if it makes any."""
        if self.planned.builds:
            self.ask("build", self.job(), BuildResult)

    def ask(self, kind: str, job: Job, cls: type[T]) -> T:
        """Does one job in a child and returns its result.

        Raises:
            NothingMeasured: the child failed, crashed, ran out of memory or time, or says that the
                case is unsupported.
        """
        timeout_s = self.request.timeout_s
        outcome = self.zygotes.run(0, kind, job, timeout_s)
        end = ending(outcome, timeout_s)
        if end.status == "interrupted":
            raise Interrupted
        found: T | None = result(outcome, cls) if end.status == OK else None
        if found is None:
            reason = end.reason or "its process sent an answer that cannot be read"
            raise CaseFailed(end.status, reason, end.detail)
        return found


@contextmanager
def one_case(request: OneRequest, tell: Callable[[str], None]) -> Iterator[OneCase]:
    """Plans the one case and keeps its processes for as long as the context lasts.

    Args:
        tell: gets one line for each thing the user should know on the way.

    Raises:
        UsageError: a name or value is wrong, or it is more than one case.
        NothingMeasured: the case cannot run here.
        KeyboardInterrupt, Terminated: a signal came.
    """
    with Interrupts() as interrupts:
        try:
            with launcher(interrupts) as zygotes:
                interrupts.on_second = zygotes.kill
                yield _planned(request, zygotes, tell)
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None


def _planned(request: OneRequest, zygotes: Launcher, tell: Callable[[str], None]) -> OneCase:
    asked = RunRequest([request.matrix], request.plugins, request.settings, baseline="none")
    plan = make_plan(asked, zygotes, Scenario())
    for text in (*plan.warnings, *plan.notes, *zygotes.notes):
        tell(text)
    zygotes.notes.clear()
    if len(plan.cases) != 1:
        raise UsageError(f"this command takes one case, and these are {len(plan.cases)}")
    planned = plan.cases[0]
    if planned.unsupported:
        raise NothingMeasured(f"unsupported: {planned.unsupported}")
    zygotes.preload([planned], request.plugins)
    return OneCase(request, planned, plan.environment, zygotes)
