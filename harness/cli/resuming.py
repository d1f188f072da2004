"""`harness run --resume`: which run is taken up again, and whether it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from harness.cli.show import message
from harness.errors import StoreError, UsageError
from harness.execute.known import known
from harness.execute.resume import changes, request_of
from harness.execute.run import Again, RunRequest
from harness.execute.sweep import now
from harness.plan import suites
from harness.records.case import Plan
from harness.records.events import OK, Resumed
from harness.report.numbers import safe
from harness.store import runfile, trust
from harness.store.folder import Folder, results_folder
from harness.store.runfile import StoredRun

F = TypeVar("F", bound=Callable[..., Any])

_MAY = {
    *("resume", "resume_anyway", "retry_failed", "wait", "no_lock", "format_", "output", "results"),
    *("verbose", "strict", "allow_code"),
}
"""Options that say nothing of what is measured."""
_SHOWN = 3


def options(function: F) -> F:
    """--resume and what belongs to it."""
    for option in (
        click.option(
            "--retry-failed",
            is_flag=True,
            help="With --resume: measure again what failed, crashed or timed out.",
        ),
        click.option(
            "--resume-anyway",
            is_flag=True,
            help="With --resume: even if the environment, a plugin or the plan has changed; records tell.",
        ),
        click.option(
            "--resume",
            metavar="RUN",
            help="Take a run up again: measure what is missing of it, in the same plan, seed and order. "
            "An id, `latest` or a file.",
        ),
    ):
        function = option(function)
    return function


@dataclass(frozen=True)
class Unfinished:
    """A run that is to be taken up again."""

    run: StoredRun
    path: Path
    request: RunRequest
    anyway: bool
    retry_failed: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        again = self.retry_failed and any(s.status not in (OK, "incorrect") for s in self.run.samples)
        return self.run.ended is not None and self.run.ended.status == "finished" and not again

    def again(self, plan: Plan, command: str) -> Again:
        """How its file goes on.

        Raises:
            UsageError: what is measured now would not be what was measured then.
        """
        header = self.run.header
        found = changes(header, plan, metadata.version("pytorch-inference-lab"))
        if found and not self.anyway:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise UsageError(
                f"run {header.id} cannot be taken up again, since this has changed: "
                f"{'; '.join(found[:_SHOWN])}{more}",
                "measure it anew; or --resume-anyway, and its records say so",
            )
        have = known(self.run, self.retry_failed)
        active = [c for c in header.plan.cases if not c.unsupported]
        first = sum((c.id, 0) in have.samples for c in active)
        count = len(have.samples)
        message(
            f"run {header.id} goes on: it has {count} replicate{'s' * (count != 1)}, "
            f"of {first} of its {len(active)} cases"
        )
        return Again(self.run, self.path, Resumed(now(), command, found), have)


def unfinished(ctx: click.Context, given: dict[str, Any]) -> Unfinished | None:
    """The run that --resume names, None without it.

    Raises:
        UsageError: there is none, or an option asks for what the run already says.
    """
    if given["resume"] is None:
        for name in ("resume_anyway", "retry_failed"):
            if given[name]:
                raise UsageError(
                    f"--{name.replace('_', '-')} is about --resume", "name a run: --resume latest"
                )
        return None
    own = [
        param.opts[0]
        for param in ctx.command.params
        if param.name not in _MAY
        and param.name is not None
        and ctx.get_parameter_source(param.name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    ]
    if own or (ctx.obj or {}).get("plugin"):
        raise UsageError(
            f"--resume measures what the run says: leave {', '.join(own) or '--plugin'} out",
            "what is to be measured otherwise is another run",
        )
    path = Folder(results_folder(given["results"])).find(given["resume"])
    if path.suffix != runfile.SUFFIX:
        raise StoreError(
            f"{safe(str(path))} is no run file", f"name the run, or its file ending in {runfile.SUFFIX}"
        )
    run = runfile.read(path)
    for text in run.damage:
        message(text)
    request = request_of(run.header)
    trust.check_run(run.header, suites.models(request.matrices), request.plugins.extra, given["allow_code"])
    return Unfinished(run, path, request, given["resume_anyway"], given["retry_failed"])
