"""The sweep: pass after pass over the cases, each in random order, every event written at once.

Breadth first: after the first pass every case has a row, and each further pass, with children of
another zygote, makes the rows surer. After the first passes only the cases whose interval is still too
wide are measured again, with their baselines. Stopping at any moment leaves a valid, less precise
result.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Protocol

from harness.catalogue.loading import PluginRequest
from harness.execute.known import NOTHING, Known
from harness.execute.launch import Launcher
from harness.execute.outcomes import sample_of
from harness.execute.passes import still_wide, why_another, why_enough, with_baselines
from harness.execute.saturate import Saturator
from harness.execute.signals import Interrupts
from harness.execute.steps import Steps
from harness.records.case import PlannedCase
from harness.records.events import (
    OK,
    Ended,
    Event,
    RunStarted,
    Sample,
    Timing,
)

_GOES_ON = (OK, "incorrect")
"""After one of these a case is measured again in the next pass."""


class Watcher(Protocol):
    """Who looks on: called between jobs only, never while one is timed."""

    def begin(self, planned: PlannedCase, what: str, done: int, total: int) -> None:
        """A job of a case is about to start; `done` of `total` replicates are behind."""

    def pass_begins(self, number: int, passes: int, cases: int, why: str) -> None:
        """A pass over so many cases begins: one of `passes`, or, beyond those that every case gets, of at
        most so many, and why.
        """

    def case_finished(self, planned: PlannedCase) -> None:
        """Nothing more will be measured of this case."""


def now() -> str:
    """UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Sweep:
    """Measures the supported cases of a plan.

    Args:
        header: the run, with its plan and settings.
        write: where events go; returns when they are on the disk.
        launcher: gives jobs to children.
        plugins: what --plugin said.
        folder: a temporary folder of the run.
        interrupts: set by signals.
        watcher: who looks on.
        together: ids of cases whose ratios are wanted: one is measured again only with the others.
        known: what was measured before the run was taken up again. The order is drawn as it was then, and
            what is known is passed over.
    """

    def __init__(
        self,
        header: RunStarted,
        write: Callable[[Event], None],
        launcher: Launcher,
        plugins: PluginRequest,
        folder: Path,
        interrupts: Interrupts,
        watcher: Watcher,
        together: Sequence[frozenset[str]] = (),
        known: Known = NOTHING,
    ) -> None:
        self.header = header
        self.settings = header.settings
        self.write = write
        self.launcher = launcher
        self.interrupts = interrupts
        self.watcher = watcher
        self.together = together
        self.active = [c for c in header.plan.cases if not c.unsupported]
        self.known = known
        self.steps = Steps(header, write, launcher, plugins, folder, known)
        self.saturator = Saturator(self.settings, launcher, write, lambda: bool(interrupts), known)
        self._ready: dict[str, bool] = {}
        """Cases that were made ready for their replicates, and whether they are."""
        self._measured: set[str] = set()
        self._timings: dict[str, list[Timing]] = {}
        """Of every correct case, what its replicates took: what decides on further passes."""
        self._wrong: set[str] = set()
        self._first_pass_end: float | None = None
        self._first_passes_end: float | None = None
        self._passes_done = 0
        self._done, self._total = 0, len(self.active) * self.settings.passes
        self._cut = False
        """Time ran out."""

    def run(self) -> Ended:
        """Measures until all is done, the budget is spent or a signal came."""
        order = random.Random(self.header.seed)
        for number in count():
            cases = self._cases_of(number)
            order.shuffle(cases)
            if not cases or not self._pass(number, cases):
                break
            if number == 0:
                self._first_pass_end = time.monotonic()
            if number == self.settings.passes - 1:
                self._first_passes_end = time.monotonic()
        if not self.interrupts:
            for planned in list(self.active):
                self._leave(planned)
        return self.ended()

    def _cases_of(self, number: int) -> list[PlannedCase]:
        """The cases of a pass; what needs no further one is left behind."""
        settings = self.settings
        if self._out_of_time():
            return []
        if number < settings.passes:
            if self.active:
                self.watcher.pass_begins(number, settings.passes, len(self.active), "")
            return list(self.active)
        if settings.until is None or number >= settings.most_passes:
            return []
        wide = still_wide(self.active, self._timings, settings.until)
        # An incorrect baseline has no timings here, and is measured no further.
        measured = [c for c in self.active if c.id in self._timings]
        chosen = with_baselines(wide, measured, self.together)
        for planned in [c for c in self.active if c not in chosen]:
            self._leave(planned)
        if chosen:
            why = why_another(len(wide), len(chosen), settings.until)
            self.watcher.pass_begins(number, settings.most_passes, len(chosen), why)
        self._total += len(chosen)
        return chosen

    def _pass(self, number: int, cases: list[PlannedCase]) -> bool:
        """One pass; whether there may be another."""
        last = self.settings.passes if self.settings.until is None else self.settings.most_passes
        for planned in cases:
            if self.interrupts or self._out_of_time():
                return False
            goes_on = self._replicate(planned, number)
            self._done += 1
            if self.interrupts:
                return False
            if not goes_on:
                self._total -= max(0, self.settings.passes - number - 1)
            if not goes_on or number == last - 1:
                self._leave(planned)
        self._passes_done = number + 1
        return True

    def _leave(self, planned: PlannedCase) -> None:
        """Nothing more will be measured of a case."""
        self.active.remove(planned)
        self.watcher.case_finished(planned)

    def _out_of_time(self) -> bool:
        """Whether no new replicate may start; once it is so, it stays so."""
        now_s, budget, since = time.monotonic(), self.settings.time_budget_s, self._first_pass_end
        if budget is not None and since is not None and now_s - since >= budget:
            self._cut = True
        budget, since = self.settings.further_s, self._first_passes_end
        if budget is not None and since is not None and now_s - since >= budget:
            self._cut = True
        return self._cut

    def ended(self) -> Ended:
        """How the run ends if it ends now."""
        if self.interrupts:
            import signal

            number = self.interrupts.received
            word = "interrupted" if number == signal.SIGINT else "terminated"
            return Ended(now(), word, f"ended by {signal.Signals(number or signal.SIGINT).name}")
        if self._cut and self._passes_done < self.settings.passes:
            return Ended(now(), "out_of_time", "the time budget is spent")
        until = self.settings.until
        measured = [c for c in self.header.plan.cases if c.id in self._timings]
        wide = 0 if until is None else len(still_wide(measured, self._timings, until))
        return Ended(now(), "finished", why_enough(wide, len(measured), self.settings, self._cut))

    # -- one case ---------------------------------------------------------------------------------

    def _replicate(self, planned: PlannedCase, number: int) -> bool:
        """One replicate of a case, with what must be made before the first; whether it goes on."""

        def begin(what: str) -> None:
            self.watcher.begin(planned, what, self._done, self._total)

        known = self.known.samples.get((planned.id, number))
        if known is not None:
            status = known.status
            self._count(known)
        elif self._make_ready(planned, begin):
            begin(f"replicate {number + 1}")
            status = self._sample(planned, number)
        else:
            return False
        if number == 0 and status in _GOES_ON:
            if self.settings.memory and planned.id not in self.known.memory:
                self._once_more(planned, "memory", self.steps.memory, begin)
            if self.settings.anatomy and planned.id not in self.known.anatomy:
                self._once_more(planned, "anatomy", self.steps.anatomy, begin)
        if (
            status == OK
            and self.saturator.lacks(planned, number)
            and not self.interrupts
            and self._make_ready(planned, begin)
        ):
            self.saturator.measure(planned, number, self.steps.job(planned, number), begin)
        return status in _GOES_ON

    def _once_more(
        self,
        planned: PlannedCase,
        what: str,
        measure: Callable[[PlannedCase], None],
        begin: Callable[[str], None],
    ) -> None:
        """What each case gets once, in a process of its own."""
        if not self.interrupts and self._make_ready(planned, begin):
            begin(what)
            measure(planned)

    def _make_ready(self, planned: PlannedCase, begin: Callable[[str], None]) -> bool:
        """Makes what a replicate needs before it, unless that was done; whether it may be measured."""
        if planned.id not in self._ready:
            if planned.id in self.known.unbuilt:
                return False
            begin("reference")
            self.steps.reference(planned)
            ready = True
            if planned.builds and not self.interrupts:
                begin("build")
                ready = self.steps.build(planned)
            if self.interrupts:
                return False
            self._ready[planned.id] = ready
        return self._ready[planned.id]

    def _sample(self, planned: PlannedCase, number: int) -> str:
        started = now()
        timeout = self.settings.timeout_s
        outcome = self.launcher.run(number, "sample", self.steps.job(planned, number), timeout)
        sample = sample_of(outcome, planned.id, number, started, timeout)
        self._keep(sample)
        return sample.status

    def _keep(self, sample: Sample) -> None:
        """Writes a sample. A replicate cut short is not held against the finished ones before it."""
        if sample.status == "interrupted" and sample.case in self._measured:
            return
        self.write(sample)
        self._count(sample)

    def _count(self, sample: Sample) -> None:
        """Takes a sample into account for what is measured next."""
        self._measured.add(sample.case)
        if sample.status == OK and sample.timing is not None and sample.case not in self._wrong:
            self._timings.setdefault(sample.case, []).append(sample.timing)
        elif sample.status in _GOES_ON:
            self._wrong.add(sample.case)
            self._timings.pop(sample.case, None)
