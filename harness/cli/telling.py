"""Who is told what: the screen and the plugins that listen, while a run goes on and at its end."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.analyse.analyse import analyse, record_of
from harness.cli.display import LiveDisplay, PlainDisplay
from harness.cli.show import in_order, kept, show
from harness.components import Reporter
from harness.errors import HarnessError
from harness.execute.observers import Observers
from harness.execute.signals import leave_dead_terminals
from harness.records.case import PlannedCase
from harness.records.events import RunStarted
from harness.records.report import Report
from harness.store.runfile import StoredRun


@contextmanager
def _alive() -> Iterator[None]:
    """A terminal that was closed on a run that is to go on all the same (nohup) takes nothing any more."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        leave_dead_terminals()


class Display:
    """Joins the display on the screen and the plugins that listen."""

    def __init__(self, observers: Observers, header: RunStarted) -> None:
        self._screen = LiveDisplay() if sys.stderr.isatty() else PlainDisplay()
        self._observers = observers
        self._header = header
        self.run: StoredRun | None = None

    def __enter__(self) -> Display:
        with _alive():
            self._screen.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with _alive():
            self._screen.__exit__(*_)

    def on_event(self, run: StoredRun, event: Any) -> None:
        self.run = self._screen.run = run
        if isinstance(event, RunStarted):
            with _alive():
                self._screen.run_begins(run)
            ids = [c.id for c in event.plan.cases]
            self._observers.tell("harness_run_started", run=analyse(run).run, case_ids=ids)

    def begin(self, planned: PlannedCase, what: str, done: int, total: int) -> None:
        with _alive():
            self._screen.begin(planned, what, done, total)

    def pass_begins(self, number: int, passes: int, cases: int, why: str) -> None:
        with _alive():
            self._screen.pass_begins(number, passes, cases, why)

    def case_finished(self, planned: PlannedCase) -> None:
        with _alive():
            self._screen.case_finished(planned)
        assert self.run is not None
        record = record_of(self.run, planned.id)
        self._observers.tell("harness_case_finished", run=analyse(self.run).run, record=record)


def told(report: Report, path: Path, form: Reporter, observers: Observers, given: dict[str, Any]) -> Report:
    """Keeps and shows the report of a run.

    Raises:
        StoreError: it is shown, but cannot be kept; or it is kept, and cannot be written where it was to go.
    """
    lost = kept(path, report)
    observers.tell("harness_run_finished", report=report)
    try:
        show(in_order(report), form, given["output"] if lost is None else None)
    except HarnessError as error:
        error.hint = error.hint or f"the run is kept: harness report {report.run.id}"
        raise
    if lost is not None:
        raise lost
    return report
