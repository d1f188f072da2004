"""What a user sees while a run goes on: redrawn between measurements only, never during one."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import click

from harness.analyse.aim import width_text
from harness.analyse.analyse import record_of
from harness.plan.estimate import further_estimate_s, total_estimate_s
from harness.records.case import Plan, PlannedCase
from harness.records.report import Record
from harness.records.settings import Settings
from harness.report import numbers
from harness.store.runfile import StoredRun


def case_name(planned: PlannedCase) -> str:
    """`mlp batch 16 compile fp32`."""
    case = planned.case
    place = "" if case.device == "cpu" else f" {case.device}"
    return numbers.safe(
        f"{planned.label['model']} batch {case.batch_size}{place} {planned.label['runner']} {case.precision}"
    )


def outcome(record: Record) -> str:
    """`1.49 ms ± 3 %` or `timeout: ...`. No speed-up: the baseline may have passes to go."""
    latency = record.latency_ms
    if latency is None:
        return numbers.safe(f"{record.status}: {record.reason}")
    text = f"{numbers.significant(latency.median)} ms"
    half = numbers.half_width(latency.low, latency.high)
    if half is not None:
        text += f" ± {numbers.percent(half)}"
    if record.status != "ok":
        text += f", {record.status}: {record.reason}"
    return numbers.safe(text)


def how_long(plan: Plan, settings: Settings) -> str:
    """`about 20 s`, and what an aim may add to it."""
    text = f"about {numbers.duration(total_estimate_s(plan, settings))}"
    more = further_estimate_s(plan, settings)
    if not more or settings.until is None:
        return text
    return (
        f"{text}, and up to {numbers.duration(more)} more where intervals are wider than "
        f"±{width_text(settings.until)}"
    )


class PlainDisplay:
    """For pipes and logs: a line as a pass begins, and one for each finished case."""

    def __init__(self) -> None:
        self.run: StoredRun | None = None
        self._finished = 0

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def begin(self, planned: PlannedCase, what: str, done: int, total: int) -> None:
        return

    def run_begins(self, run: StoredRun) -> None:
        """The plan is made; what the children import once is next, and that may take a while."""
        self.run = run
        plan = run.header.plan
        cases = sum(not c.unsupported for c in plan.cases)
        about = how_long(plan, run.header.settings)
        self.say(f"run {run.header.id}: {cases} case{'s' * (cases != 1)}, {about}")

    def pass_begins(self, number: int, passes: int, cases: int, why: str) -> None:
        of = f"at most {passes}" if why else str(passes)
        because = f" ({why})" if why else ""
        self.say(f"pass {number + 1} of {of}: {cases} case{'s' * (cases != 1)}{because}")

    def case_finished(self, planned: PlannedCase) -> None:
        assert self.run is not None
        self._finished += 1
        total = sum(not c.unsupported for c in self.run.header.plan.cases)
        text = outcome(record_of(self.run, planned.id))
        self.say(f"[{self._finished}/{total}] {case_name(planned)}: {text}")

    def say(self, text: str) -> None:
        # Where nobody reads any more, the run goes on.
        with contextlib.suppress(BrokenPipeError):
            click.echo(text, err=True)


class LiveDisplay(PlainDisplay):
    """For a terminal: a bar with what is running and the time left, finished cases above it."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True, highlight=False)
        # No refresh thread: it would wake up while a case is timed.
        self._progress = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.fields[cases]}"),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task: Any = None
        self._began = 0.0

    def __enter__(self) -> LiveDisplay:
        self._progress.start()
        self._task = self._progress.add_task("starting", total=None, cases="", left="")
        self._progress.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, planned: PlannedCase, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._began:
            self._began = now
        left = ""
        if done:
            left = f"about {numbers.duration((now - self._began) / done * (total - done))} left"
        from rich.markup import escape

        supported = sum(not c.unsupported for c in self.run.header.plan.cases) if self.run else 0

        self._progress.update(
            self._task,
            completed=done,
            total=total,
            description=escape(f"{case_name(planned)}: {what}"),
            cases=f"{self._finished} cases done, {supported - self._finished} left",
            left=left,
        )
        self._progress.refresh()

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False)
