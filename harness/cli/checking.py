"""What `harness plugins check` shows while it works: on a terminal alone."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


class Working:
    """One line on stderr: which check is being made, how many are done, and for how long it goes on.

    Nothing is written where stderr is no terminal.
    """

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None
        self._done = 0

    def __enter__(self) -> Working:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            # Nothing is timed meanwhile, so the line may be redrawn by a thread.
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TextColumn("{task.fields[done]}", style="dim"),
                TimeElapsedColumn(),
                console=Console(stderr=True, highlight=False),
                refresh_per_second=4,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._progress.start()
            self._task = self._progress.add_task("loading the plugin", total=None, done="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, what: str) -> None:
        """Another check begins, the one before it is done."""
        if self._progress is not None:
            from harness.report.numbers import safe

            # The clock is that of the check: one that hangs is seen at once.
            self._progress.remove_task(self._task)
            done = f"{self._done} check{'s' * (self._done != 1)} done"
            self._task = self._progress.add_task(safe(what), total=None, done=done)
        self._done += 1

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """The line is gone inside of it: something else is written."""
        if self._progress is not None:
            self._progress.stop()
        try:
            yield
        finally:
            if self._progress is not None:
                self._progress.start()
