"""What is asked of children for a case besides its replicates: reference, files, memory, anatomy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.answers import AnatomyResult, BuildResult, MemoryResult, ReferenceResult
from harness.catalogue.loading import PluginRequest
from harness.execute.known import NOTHING, Known
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.jobs import CaseJob
from harness.records.case import PlannedCase
from harness.records.events import OK, AnatomyTaken, Built, Event, MemoryMeasured, ReferenceMade, RunStarted


class Steps:
    """Each step is a child and an event.

    Args:
        known: what was measured before the run was taken up again: it is not told twice.
    """

    def __init__(
        self,
        header: RunStarted,
        write: Callable[[Event], None],
        launcher: Launcher,
        plugins: PluginRequest,
        folder: Path,
        known: Known = NOTHING,
    ) -> None:
        self.header = header
        self.settings = header.settings
        self.write = write
        self.launcher = launcher
        self.plugins = plugins
        self.folder = folder
        self.known = known
        self._references: dict[str, str] = {}

    def job(self, planned: PlannedCase, replicate: int) -> CaseJob:
        return CaseJob(
            planned=planned,
            plugins=self.plugins,
            seed=self.header.seed,
            folder=str(self.folder / "cases" / planned.id),
            reference=self._references.get(_model_key(planned), ""),
            cache=str(self.folder / "caches" / planned.id),
            replicate=replicate,
            settings=self.settings,
        )

    def reference(self, planned: PlannedCase) -> None:
        """Makes the reference of the case's model and batch size, unless another case had it made."""
        key = _model_key(planned)
        if key in self._references:
            return
        self._references[key] = str(self.folder / f"reference-{len(self._references)}.pt")
        outcome = self.launcher.run(0, "reference", self.job(planned, 0), self.settings.timeout_s)
        end = ending(outcome, self.settings.timeout_s)
        if end.status == "interrupted":
            return
        if planned.id in self.known.references:
            return  # it is made anew for those that are measured now, and was told
        made: ReferenceResult | None = result(outcome, ReferenceResult)
        self.write(
            ReferenceMade(
                cases=[c.id for c in self.header.plan.cases if _model_key(c) == key],
                status=end.status,
                seconds=outcome.seconds,
                precision=made.precision if made else None,
                reason=end.reason,
                detail=end.detail,
                warnings=made.warnings if made else [],
            )
        )

    def build(self, planned: PlannedCase) -> bool:
        outcome = self.launcher.run(0, "build", self.job(planned, 0), self.settings.timeout_s)
        end = ending(outcome, self.settings.timeout_s)
        if end.status == "interrupted":
            return False
        if end.status == OK and planned.id in self.known.built:
            return True  # what it took the first time counts
        made: BuildResult | None = result(outcome, BuildResult)
        self.write(
            Built(
                case=planned.id,
                status=end.status,
                seconds=outcome.seconds,
                build_s=made.build_s if made else None,
                reason=end.reason,
                detail=end.detail,
                facts=made.facts if made else {},
            )
        )
        return end.status == OK

    def memory(self, planned: PlannedCase) -> None:
        timeout = self.settings.timeout_s
        outcome = self.launcher.run(0, "memory", self.job(planned, 0), timeout)
        end = ending(outcome, timeout)
        if end.status == "interrupted":
            return
        found: MemoryResult | None = result(outcome, MemoryResult)
        self.write(
            MemoryMeasured(
                case=planned.id,
                status=end.status,
                seconds=outcome.seconds,
                memory=found.memory if found else None,
                reason=end.reason,
                detail=end.detail,
            )
        )

    def anatomy(self, planned: PlannedCase) -> None:
        timeout = self.settings.timeout_s
        outcome = self.launcher.run(0, "anatomy", self.job(planned, 0), timeout)
        end = ending(outcome, timeout)
        if end.status == "interrupted":
            return
        found: AnatomyResult | None = result(outcome, AnatomyResult)
        self.write(
            AnatomyTaken(
                case=planned.id,
                status=end.status,
                seconds=outcome.seconds,
                anatomy=found.anatomy if found else None,
                reason=end.reason,
                detail=end.detail,
            )
        )


def _model_key(planned: PlannedCase) -> str:
    """What cases must share to share a reference: model, its provider, parameters and batch size."""
    case = planned.case
    provider = next(p for p in planned.providers if p.kind == "model")
    return repr((provider, case.model, sorted(case.params.items()), case.batch_size))
