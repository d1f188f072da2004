"""Sustained throughput in a sweep: how many callers, and a child for each measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from harness.answers import ThroughputResult
from harness.execute.known import NOTHING, Known
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.jobs import CaseJob, ThroughputJob
from harness.records.case import PlannedCase
from harness.records.events import OK, Event, ThroughputMeasured
from harness.records.settings import Settings

PROCESSES = 3
"""The first passes have a child that saturates the case; further ones are for latency alone."""
PROBE_WINDOWS = 3
MOST_CALLERS = 16


def candidates(planned: PlannedCase, settings: Settings) -> list[int]:
    """The numbers of callers to choose from: 1, 2, 4, ... up to the case's threads.

    Where a session is not to be called from several threads, and on an accelerator, where calls are kept
    in flight instead, there is nothing to choose.
    """
    if not planned.concurrent or planned.case.device != "cpu":
        return [1]
    if settings.callers is not None:
        return [settings.callers]
    most = min(planned.case.threads, MOST_CALLERS)
    return sorted({*(2**k for k in range(most.bit_length()) if 2**k <= most), most})


def best(probes: Sequence[ThroughputMeasured]) -> int | None:
    """The number of callers that gave the most; None if none of the probes came to anything."""
    rates = {
        p.callers: math.fsum(p.saturated.rates) / len(p.saturated.rates)
        for p in probes
        if p.status == OK and p.saturated is not None and p.saturated.rates
    }
    return max(rates, key=lambda callers: rates[callers]) if rates else None


def notes(planned: PlannedCase, settings: Settings, callers: int) -> list[str]:
    """What a reader should know of the number of callers that was asked for."""
    asked, threads = settings.callers, planned.case.threads
    if asked is None or planned.case.device != "cpu":
        return []
    if asked != callers:
        return [
            f"sustained: {callers} caller instead of {asked}: the runner does not say that several threads "
            "may call one session, or the model keeps state"
        ]
    if asked > threads:
        return [f"sustained: {asked} callers share {threads} thread{'s' * (threads != 1)}, and wait for them"]
    return []


class Saturator:
    """Measures the sustained throughput of cases.

    Args:
        launcher: gives jobs to children.
        write: where events go.
        stop: whether a signal came.
    """

    def __init__(
        self,
        settings: Settings,
        launcher: Launcher,
        write: Callable[[Event], None],
        stop: Callable[[], bool],
        known: Known = NOTHING,
    ) -> None:
        self._settings = settings
        self._launcher = launcher
        self._write = write
        self._stop = stop
        self._known = known
        self._callers: dict[str, int | None] = dict(known.callers)

    def lacks(self, planned: PlannedCase, number: int) -> bool:
        """Whether a case is still to be saturated in a pass."""
        wanted = self._settings.throughput and number < PROCESSES
        return wanted and (planned.id, number) not in self._known.throughput

    def measure(self, planned: PlannedCase, number: int, job: CaseJob, begin: Callable[[str], None]) -> None:
        """One measurement of a case in a pass, if the pass has one; the first chooses the callers.

        A case whose child failed is saturated no further.
        """
        if not self.lacks(planned, number):
            return
        if planned.id not in self._callers:
            self._callers[planned.id] = self._choose(planned, number, job, begin)
        callers = self._callers[planned.id]
        if callers is None or self._stop():
            return
        begin(f"throughput, {callers} caller{'s' * (callers != 1)}")
        found = self._one(number, job, callers, probe=False)
        if found is not None and found.status != OK:
            self._callers[planned.id] = None

    def _choose(
        self, planned: PlannedCase, number: int, job: CaseJob, begin: Callable[[str], None]
    ) -> int | None:
        possible = candidates(planned, self._settings)
        if len(possible) == 1:
            return possible[0]
        probes = []
        for callers in possible:
            if self._stop():
                return None
            begin(f"throughput, trying {callers} caller{'s' * (callers != 1)}")
            found = self._one(number, job, callers, probe=True)
            probes += [found] if found is not None else []
        return best(probes)

    def _one(self, number: int, job: CaseJob, callers: int, probe: bool) -> ThroughputMeasured | None:
        """One child; None if a signal cut it short."""
        settings = self._settings
        window_s = settings.window_s / 2 if probe else settings.window_s
        windows = min(PROBE_WINDOWS, settings.windows) if probe else settings.windows
        asked = ThroughputJob(job, callers, windows, window_s, ramp_s=window_s)
        outcome = self._launcher.run(number, "throughput", asked, settings.timeout_s)
        end = ending(outcome, settings.timeout_s)
        if end.status == "interrupted":
            return None
        found: ThroughputResult | None = result(outcome, ThroughputResult) if end.status == OK else None
        status, reason = end.status, end.reason
        if found is None and status == OK:
            status, reason = "failed", "its process sent an answer that cannot be read"
        elif found is not None and found.verification is not None and not found.verification.passed:
            status, reason = "incorrect", found.verification.reason
        elif found is not None and found.spoiled:
            status, reason = "failed", found.spoiled
        event = ThroughputMeasured(
            case=job.planned.id,
            replicate=number,
            status=status,
            seconds=outcome.seconds,
            callers=callers,
            probe=probe,
            saturated=found.saturated if found is not None else None,
            verification=found.verification if found is not None else None,
            reason=reason,
            detail=end.detail,
            warnings=[*found.warnings, *notes(job.planned, settings, callers)] if found is not None else [],
        )
        self._write(event)
        return event
