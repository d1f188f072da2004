"""Measures a request as a run of its own, for commands that judge what comes out."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace

import click

from harness.analyse.analyse import analyse
from harness.cli.run import ceilings_of
from harness.cli.show import kept, message
from harness.cli.telling import Display
from harness.errors import HarnessError, Terminated
from harness.execute.lock import Locks
from harness.execute.observers import Observers
from harness.execute.run import RunRequest, launcher, make_plan, measure, start_header
from harness.execute.signals import Interrupted, Interrupts
from harness.explain.explain import explained
from harness.records.case import Plan, Scenario
from harness.records.report import Report
from harness.store.folder import Folder
from harness.store.runfile import StoredRun


def measured(
    request: RunRequest,
    folder: Folder,
    locks: Locks,
    what: str,
    check: Callable[[Plan], None] = lambda plan: None,
    together: Callable[[Plan], Sequence[frozenset[str]]] = lambda plan: (),
) -> tuple[Report, Exception | None]:
    """(the report of a new run, kept like any other; what a signal that ended it is to be raised as).

    Where nothing of it can run here, the report says why, and there is nothing to keep.

    Args:
        what: what was being done, for the message of a signal.
        check: refuses a plan by raising.
        together: cases whose ratios are wanted.

    Raises:
        HarnessError: planning or measuring failed.
        Terminated, click.Abort: a signal came before anything was measured.
    """
    with Interrupts() as interrupts, launcher(interrupts) as zygotes:
        interrupts.on_second = zygotes.kill
        try:
            plan = make_plan(request, zygotes, Scenario())
            check(plan)
            devices = {c.case.device for c in plan.cases if not c.unsupported}
            if not devices:
                return analyse(StoredRun(start_header(request, plan, Scenario()))), None
            locks.take(devices, interrupts)
            for text in (*plan.warnings, *plan.notes, *zygotes.notes):
                message(text)
            plan = replace(plan, warnings=[*plan.warnings, *locks.warnings])
            header = start_header(request, plan, Scenario(), ceilings_of(request, plan, zygotes))
            observers = Observers(plan.plugins, request.plugins, message)
            with Display(observers, header) as display:
                run = measure(header, request, zygotes, folder, display, display.on_event, together(plan))
        except Interrupted:
            raise _ended(interrupts, what) from None
        report = explained(analyse(run))
        path = folder.report_path(header.id)
        lost = kept(path, report)
        observers.tell("harness_run_finished", report=report)
        # What is made of it is worth showing all the same.
        message(f"saved: {path}" if lost is None else f"warning: {lost.message}; {lost.hint}")
        return report, _ended(interrupts, what) if interrupts else None


def _ended(interrupts: Interrupts, what: str) -> HarnessError | click.Abort:
    if interrupts.received == signal.SIGINT:
        return click.Abort()
    return Terminated(f"terminated while {what}")
