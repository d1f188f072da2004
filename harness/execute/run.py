"""One run from start to end: plan in a child, file on disk, sweep, report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from harness.analyse.spreads import spreads
from harness.answers import Failure
from harness.catalogue.loading import PluginRequest, entry_points, plugins_disabled
from harness.errors import HarnessError, NothingMeasured, UsageError
from harness.execute.known import NOTHING, Known
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending, result
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.sweep import Sweep, Watcher, now
from harness.execute.temporary import temporary_folder
from harness.jobs import Matrix, PlanJob
from harness.records import codec
from harness.records.case import Plan, Scenario
from harness.records.ceilings import Ceilings
from harness.records.events import SCHEMA, Ended, Event, Resumed, RunStarted
from harness.records.settings import Settings
from harness.store import calibration
from harness.store.eventfile import EventWriter
from harness.store.folder import Folder, new_run_id
from harness.store.runfile import StoredRun
from harness.store.trust import marked

PLAN_TIMEOUT_S, PLAN_LEAST_S = 300.0, 60.0
"""Planning imports all plugins: it may take as long as a replicate, within these."""


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for."""

    matrices: list[Matrix]
    plugins: PluginRequest = field(default_factory=PluginRequest)
    settings: Settings = field(default_factory=Settings)
    baseline: str = ""
    suite: str | None = None
    seed: int = 0
    command: str = "harness run"


@contextmanager
def launcher(interrupts: Interrupts, python: str = sys.executable, imports: str = "") -> Iterator[Launcher]:
    """Zygotes with a temporary folder, both gone afterwards; of another interpreter, if need be."""
    with temporary_folder() as folder, Launcher(folder, interrupts, python, imports) as started:
        yield started


def make_plan(request: RunRequest, zygotes: Launcher, scenario: Scenario) -> Plan:
    """Asks a child for the plan.

    Raises:
        UsageError: the request is wrong; the child says how.
        EnvironmentFault: no child can be started.
    """
    job = PlanJob(
        matrices=request.matrices,
        plugins=request.plugins,
        scenario=scenario,
        settings=request.settings,
        baseline=request.baseline,
    )
    zygotes.start(request.settings.passes)
    limit_s = min(PLAN_TIMEOUT_S, max(PLAN_LEAST_S, request.settings.timeout_s))
    outcome = zygotes.run(0, "plan", job, limit_s)
    plan: Plan | None = result(outcome, Plan)
    if plan is None:
        end = ending(outcome, limit_s)
        if end.status == "interrupted":
            raise Interrupted
        named = ", ".join([*request.plugins.extra, *_installed(request.plugins)])
        hint = f"the code of a plugin may do that: {named}; leave out what is installed with --plugin no:NAME"
        raise as_error(
            outcome.messages.get("failure"),
            NothingMeasured(f"planning failed: {end.reason}", hint if named else None, end.detail),
        )
    return plan


def _installed(plugins: PluginRequest) -> list[str]:
    """Names of the installed plugins that were loaded."""
    if plugins_disabled():
        return []
    return [point.name for point, dist, _ in entry_points() if not {point.name, dist} & set(plugins.blocked)]


def as_error(failure: object, otherwise: HarnessError) -> HarnessError:
    """The user's error that a child found, or `otherwise`."""
    with contextlib.suppress(codec.ValidationError):
        said = codec.convert(failure, Failure)
        if said.usage:
            return UsageError(said.reason, said.hint, said.detail)
    return otherwise


def asked(request: RunRequest) -> dict[str, Any]:
    """What a run keeps of what was asked for; settings and seed are in its header in any case."""
    return {name: codec.plain(getattr(request, name)) for name in ("matrices", "plugins", "baseline")}


def start_header(
    request: RunRequest, plan: Plan, scenario: Scenario, ceilings: Sequence[Ceilings] = ()
) -> RunStarted:
    """The header of a new run."""
    return marked(
        RunStarted(
            schema=SCHEMA,
            id=new_run_id(),
            started=now(),
            command=request.command,
            suite=request.suite,
            seed=request.seed,
            harness_version=metadata.version("pytorch-inference-lab"),
            settings=request.settings,
            scenario=scenario,
            plan=plan,
            calibration=spreads(calibration.load()),
            ceilings=list(ceilings),
            asked=asked(request),
        )
    )


def measure(
    header: RunStarted,
    request: RunRequest,
    zygotes: Launcher,
    folder: Folder,
    watcher: Watcher,
    on_event: Callable[[StoredRun, Event], None] = lambda run, event: None,
    together: Sequence[frozenset[str]] = (),
    again: Again | None = None,
) -> StoredRun:
    """Measures a plan and keeps every event in the run's file.

    Args:
        again: the run that is taken up again, whose file goes on.
        on_event: told of each event once it is on the disk, with all that is known so far.
        together: ids of cases whose ratios are wanted: further passes take them together.
    """
    interrupts = zygotes.interrupts
    assert interrupts is not None
    run = again.run if again else StoredRun(header)
    path = again.path if again else folder.run_path(header.id)
    writer = EventWriter(path, again.mark if again else header, header.id)
    if again:
        run.add(again.mark)
    with recording(writer, run):

        def write(event: Event) -> None:
            writer.write(event)
            run.add(event)
            on_event(run, event)

        on_event(run, header)
        known = again.known if again else NOTHING
        sweep = Sweep(
            header, write, zygotes, request.plugins, zygotes.folder, interrupts, watcher, together, known
        )
        try:
            zygotes.preload(header.plan.cases, request.plugins)
            write(sweep.run())
        except Interrupted:
            write(sweep.ended())
    return run


@dataclass(frozen=True)
class Again:
    """A run that is taken up again."""

    run: StoredRun
    """As its file tells it; grows with what is measured now."""
    path: Path
    mark: Resumed
    known: Known


class Recorded(Protocol):
    """What is known of a measurement: grows with its events."""

    damage: list[str]
    """What happened to its file."""

    def add(self, event: Ended) -> None:
        """Takes one event in."""


@contextmanager
def recording(writer: EventWriter, known: Recorded) -> Iterator[None]:
    """Closes the file of a measurement, and says in it if an error ended it."""
    try:
        yield
    except HarnessError as error:
        ended = Ended(now(), "failed", error.message)
        known.add(ended)
        with contextlib.suppress(HarnessError):  # a full disk may take no more
            writer.write(ended)
        raise
    finally:
        known.damage += writer.notes
        writer.close()
