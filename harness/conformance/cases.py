"""Checks of a runner that are made on cases: what they are held against, and one verdict of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.catalogue.loading import PluginRequest
from harness.conformance import probes
from harness.conformance.contract import ON_PROBES, Check
from harness.errors import NothingMeasured
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending
from harness.execute.signals import Interrupted
from harness.jobs import CaseJob
from harness.records import codec
from harness.records.case import PlannedCase
from harness.records.conformance import FAILED, NOT_APPLICABLE, OK, Verdict
from harness.records.settings import Settings

if TYPE_CHECKING:
    from harness.conformance.target import Target

Ask = Callable[[Launcher, Check, "Target", CaseJob], tuple[Verdict, str | None]]
_PROBES = str(Path(probes.__file__).resolve())


class CaseRuns:
    """Makes checks on the cases that a runner supports.

    Args:
        plugins: how a child loads the runner.
        zygotes: what forks the children that make references.
        timeout_s: for each child.
        ask: makes one check on one case.
    """

    def __init__(self, plugins: PluginRequest, zygotes: Launcher, timeout_s: float, ask: Ask) -> None:
        self._plugins = plugins
        self._zygotes = zygotes
        self._timeout_s = timeout_s
        self._ask = ask
        self._references: dict[str, str | NothingMeasured] = {}
        """Files by model and batch size, or why there is none."""
        self._dropped: set[tuple[Target, str]] = set()
        """Cases that turned out to be unsupported when they were built or loaded."""
        self._built: set[str] = set()
        self._last: tuple[Target, Launcher] | None = None

    def verdict(self, check: Check, target: Target, data: dict[str, Any]) -> tuple[Verdict, str | None]:
        """One verdict of a check on all cases of its group.

        Args:
            data: what `runner.supports` found out.
        """
        group = "each" if check.cases in ("first", "files") else check.cases
        planned = [codec.convert(one, PlannedCase) for one in data[group]]
        left = [one for one in planned if (target, one.id) not in self._dropped]
        if not left:
            why = data.get("reason") or "it refuses all cases of this kind"
            return Verdict(NOT_APPLICABLE, f"no case: {why}"), None
        if check.cases == "files":
            left = [one for one in left if one.builds]
            if not left:
                return Verdict(OK, note="it makes no files"), None
        zygotes = self._preloaded(target, data)
        verdicts: list[Verdict] = []
        details: list[str] = []
        for one in left:
            try:
                job = self._job(one, target, check.cases)
            except NothingMeasured as error:
                # A model of the plugin itself: that it is wrong is told by the checks of the model.
                verdicts.append(Verdict(NOT_APPLICABLE, str(error), data={"unsupported": True}))
                continue
            if check.cases in ("large", "single"):
                self._build(zygotes, job)
            found, detail = self._ask(zygotes, check, target, job)
            verdicts.append(found)
            details += [detail] if detail else []
            if found.data.get("unsupported"):
                self._dropped.add((target, one.id))
            elif found.status == FAILED or check.cases in ("first", "large", "single"):
                break
        return _together(verdicts), "\n".join(details) or None

    def _job(self, planned: PlannedCase, target: Target, cases: str) -> CaseJob:
        probing = cases in ON_PROBES
        extra = (*self._plugins.extra, *([_PROBES] if probing else []))
        folder = self._zygotes.folder / f"runner-{target.index}-{abs(hash(target.source))}"
        job = CaseJob(
            planned=planned,
            plugins=PluginRequest(extra, self._plugins.blocked),
            seed=0,
            folder=str(folder / "cases" / planned.id),
            reference="",
            cache=str(folder / "caches" / planned.id),
            replicate=0,
            settings=Settings(timeout_s=self._timeout_s),
        )
        if cases in ("raising", "narrow", "files"):
            return job
        return replace(job, reference=self._reference(job))

    def _build(self, zygotes: Launcher, job: CaseJob) -> None:
        """Lets the runner make the files of a case that `runner.builds` was not made on, once. Where that
        fails, loading will say so.
        """
        if job.planned.builds and job.folder not in self._built:
            zygotes.run(0, "build", job, self._timeout_s)
            self._built.add(job.folder)

    def _reference(self, job: CaseJob) -> str:
        """The file of the reference outputs, made once for a model and batch size.

        Raises:
            NothingMeasured: the model gives none.
        """
        case = job.planned.case
        name = f"{job.planned.label['model']} {case.batch_size}"
        if name not in self._references:
            path = str(self._zygotes.folder / f"reference-{len(self._references)}.pt")
            outcome = self._zygotes.run(0, "reference", replace(job, reference=path), self._timeout_s)
            end = ending(outcome, self._timeout_s)
            if end.status == "interrupted":
                raise Interrupted
            lacking = NothingMeasured(f"no reference of {name}: {end.reason}", detail=end.detail)
            self._references[name] = path if end.status == OK else lacking
        found = self._references[name]
        if isinstance(found, NothingMeasured):
            raise found
        return found

    def _preloaded(self, target: Target, data: dict[str, Any]) -> Launcher:
        """Children of a zygote in which the runner has preloaded, as in a run; others where it does not."""
        if not data.get("preloads"):
            return self._zygotes
        if self._last is None or self._last[0] != target:
            self.close()
            folder = self._zygotes.folder / f"preloaded-{target.index}"
            folder.mkdir(exist_ok=True)
            launcher = Launcher(folder, self._zygotes.interrupts, imports=self._zygotes.imports)
            launcher.start(1)
            launcher.preload([codec.convert(one, PlannedCase) for one in data["each"]], self._plugins)
            self._last = target, launcher
        return self._last[1]

    def close(self) -> None:
        """Ends the processes of the last runner."""
        if self._last is not None:
            self._last[1].close()
            self._last = None


def _together(verdicts: list[Verdict]) -> Verdict:
    """One verdict of several: the failure, after which none follows, or what those say that apply."""
    if verdicts[-1].status == FAILED:
        return verdicts[-1]
    good = [v for v in verdicts if v.status == OK]
    if not good:
        return verdicts[0]
    notes = list(dict.fromkeys(v.note for v in good if v.note))
    return Verdict(OK, note="; ".join(notes) or None)
