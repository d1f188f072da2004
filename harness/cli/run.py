"""`harness run`: measures a sweep."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness import registry
from harness.analyse.analyse import analyse, record_of
from harness.catalogue.targets import split
from harness.cli import aiming, options, resuming
from harness.cli.display import LiveDisplay, PlainDisplay, how_long
from harness.cli.names import check_names
from harness.cli.numbers import Finite
from harness.cli.show import in_order, kept, message, reporter, show, show_details
from harness.cli.sizes import size
from harness.components import Reporter
from harness.errors import ExitCode, HarnessError, UsageError
from harness.execute.ceilings import known_or_measured
from harness.execute.launch import Launcher
from harness.execute.observers import Observers
from harness.execute.run import (
    RunRequest,
    launcher,
    make_plan,
    measure,
    start_header,
)
from harness.execute.signals import Interrupted, Interrupts
from harness.explain.explain import explained
from harness.plan import suites
from harness.records.case import AXES, Plan, PlannedCase, Scenario
from harness.records.ceilings import Ceilings
from harness.records.events import RunStarted, Settings
from harness.records.report import Report
from harness.report.numbers import safe
from harness.store import trust
from harness.store.folder import Folder, check_output, results_folder
from harness.store.runfile import StoredRun
from harness.store.traces import check_writable

_BAD = ("failed", "crashed", "timeout", "out_of_memory", "incorrect")


@click.command("run", short_help="Measure a model under several configurations, verified and isolated.")
@options.axes("to measure", "; `all` for every one usable here")
@click.option("--suite", metavar="NAME|FILE", help="A named sweep; options above replace its axes.")
@click.option("--plan", "plan_only", is_flag=True, help="Show what would be measured, and measure nothing.")
@options.replication(aiming.FURTHER_S)
@click.option(
    "--baseline",
    metavar="AXIS=VALUE,...",
    help="What speed-ups are counted from (eager fp32 by default), or `none`.",
)
@click.option(
    "--tolerance",
    type=Finite(min=0, min_open=True),
    metavar="X",
    help="Accept errors up to X whatever the precision; printed with every result.",
)
@click.option(
    "--throughput", is_flag=True, help="Measure sustained throughput, too, in processes of its own."
)
@click.option(
    "--callers",
    type=click.IntRange(1, 256),
    metavar="N",
    help="So many threads call at once for --throughput.  [default: as many as give the most]",
)
@click.option(
    "--windows",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    metavar="N",
    help="Windows of --throughput in each process.",
)
@click.option(
    "--window",
    type=Finite(min=0.01, max=options.MOST_S),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds of one such window.",
)
@click.option(
    "--memory-limit",
    callback=size,
    metavar="SIZE",
    help="What a process may hold with all that it starts, like 8GiB; more is out_of_memory.  "
    "[default: what the machine has]",
)
@click.option("--memory/--no-memory", default=True, help="Measure memory, in a process of its own.")
@click.option(
    "--anatomy/--no-anatomy",
    default=True,
    help="Take one inference of each case apart, in a process of its own: what `harness explain` rests on.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For weights, inputs and the order of the cases.",
)
@resuming.options
@click.option("--strict", is_flag=True, help="Exit with 3 if something is unsupported, too.")
@options.allow_code
@options.inputs
@options.lock
@options.output
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Measure a sweep: by default the suite `default`, mlp, cnn and transformer under every runner.

    \b
    harness run
    harness run --runner compile --precision bf16
    harness run -m mlp:hidden_dim=4096,cnn -r eager,onnxruntime -b 1,64
    harness run --suite quick --format markdown --output table.md
    harness run --resume latest
    """
    if given["output"] is not None:
        check_output(Path(given["output"]))
    old = resuming.unfinished(ctx, given)
    if old is not None and old.is_complete:
        return _shown_again(old, given)
    request = old.request if old else _request(ctx, given)
    check_names(request)
    folder = Folder(results_folder(given["results"]))
    form = reporter(given["format_"], request.plugins)
    if not given["plan_only"]:
        check_writable(folder.benchmarks / "run")
    with (
        options.locks(given, _devices(request, given)) as locks,
        Interrupts() as interrupts,
        launcher(interrupts) as zygotes,
    ):
        interrupts.on_second = zygotes.kill
        zygotes.memory_limit = request.settings.memory_limit_bytes
        try:
            plan = make_plan(request, zygotes, Scenario())
            if not given["plan_only"]:
                locks.take({c.case.device for c in plan.cases if not c.unsupported}, interrupts)
        except Interrupted:
            message("ended by a signal: nothing was measured")
            return _signal_code(interrupts)
        for text in (*plan.warnings, *plan.notes, *zygotes.notes):
            message(text)
        zygotes.notes.clear()
        if not plan.cases:
            raise UsageError("no case is left", "everything the suite names is excluded by it")
        if given["plan_only"]:
            _show_plan(plan, request)
            return ExitCode.FINE
        plan = replace(plan, warnings=[*plan.warnings, *locks.warnings])
        again = old.again(plan, shlex.join(["harness", *sys.argv[1:]])) if old else None
        if again:
            header = again.run.header
        else:
            header = start_header(request, plan, Scenario(), ceilings_of(request, plan, zygotes))
        observers = Observers(plan.plugins, request.plugins, message)
        with Display(observers, header) as display:
            try:
                run = measure(header, request, zygotes, folder, display, display.on_event, again=again)
            except HarnessError as error:
                # The disk is full, say: what is known is shown, if it can be kept nowhere.
                if display.run is not None and display.run.samples:
                    show(in_order(analyse(display.run)), form, None)
                    error.hint = error.hint or f"what was measured is kept: {_goes_on(header.id)}"
                raise
        for text in zygotes.notes:
            message(text)
    path = old.path.with_suffix(".json") if old else folder.report_path(header.id)
    report = _told(explained(analyse(run)), path, form, observers, given)
    if given["verbose"] or (ctx.obj or {}).get("verbose"):
        show_details(report)
    message(f"saved: {path}")
    if interrupts or report.run.status == "out_of_time":
        message(f"it goes on with: {_goes_on(header.id)}")
    asked = {c.id for c in header.plan.cases if not c.added}
    return _exit_code(report, asked, interrupts, given["strict"])


def _told(report: Report, path: Path, form: Reporter, observers: Observers, given: dict[str, Any]) -> Report:
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


def _goes_on(run_id: str) -> str:
    return f"harness run --resume {run_id}"


def _shown_again(old: resuming.Unfinished, given: dict[str, Any]) -> int:
    """A run of which nothing is missing, as `harness report` shows it."""
    message(f"nothing is missing of run {old.run.header.id}")
    show(
        in_order(explained(analyse(old.run))),
        reporter(given["format_"], old.request.plugins),
        given["output"],
    )
    return ExitCode.FINE


def _request(ctx: click.Context, given: dict[str, Any]) -> RunRequest:
    axes = suites.Axes.from_texts(**{a: given[a] for a in AXES})
    name = given["suite"]
    if name == "":
        raise UsageError("--suite is empty", "`harness list suites` shows the suites here")
    if name is None and (not axes.given() or _only_own_models(axes)):
        name = _suite_of(axes)
    if given["baseline"] == "":
        raise UsageError("--baseline is empty", "give axis=value,..., or `none` for no speed-ups")
    suite = suites.find(name) if name else None
    matrices = suites.matrices(axes, suite)
    if suite is not None:
        trust.check_models(suites.models(matrices), f"suite {name}", given["allow_code"], axes.model)
    return RunRequest(
        matrices=matrices,
        plugins=options.plugin_request(ctx, given),
        settings=Settings(
            timeout_s=given["timeout"],
            tolerance=given["tolerance"],
            memory=given["memory"],
            memory_limit_bytes=given["memory_limit"],
            anatomy=given["anatomy"],
            throughput=given["throughput"] or given["callers"] is not None,
            callers=given["callers"],
            windows=given["windows"],
            window_s=given["window"],
            **aiming.settings(given, suite.aims if suite else suites.Aims()),
        ),
        baseline=given["baseline"] or "",
        suite=suite.name if suite else None,
        seed=given["seed"],
        command=shlex.join(["harness", *sys.argv[1:]]),
    )


def _only_own_models(axes: suites.Axes) -> bool:
    """Whether all that is said is which models to measure, and they are a user's own: then the suite says the
    rest, since one configuration of a model would have nothing beside it.
    """
    said = axes.runner or axes.precision
    return bool(axes.model) and not said and all(split(t) is not None for t in axes.model)


def _suite_of(axes: suites.Axes) -> str:
    """The suite for models of one kind; the common one where they are of several."""
    targets = [found[0] for t in axes.model if (found := split(t)) is not None]
    wanted = {registry.format_suite(target.suffix) for target in targets}
    return wanted.pop() if len(wanted) == 1 else registry.defaults()["run"]["suite"]


def _devices(request: RunRequest, given: dict[str, Any]) -> tuple[str, ...] | None:
    """The devices that will be measured, as far as the command line says; none for a plan alone."""
    if given["plan_only"]:
        return ()
    named = [m.device for m in request.matrices]
    return tuple(d for devices in named for d in devices) if all(named) else None


class Display:
    """Joins the display on the screen and the plugins that listen."""

    def __init__(self, observers: Observers, header: RunStarted) -> None:
        self._screen = LiveDisplay() if sys.stderr.isatty() else PlainDisplay()
        self._observers = observers
        self._header = header
        self.run: StoredRun | None = None

    def __enter__(self) -> Display:
        self._screen.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.__exit__(*_)

    def on_event(self, run: StoredRun, event: Any) -> None:
        self.run = self._screen.run = run
        if isinstance(event, RunStarted):
            self._screen.run_begins(run)
            ids = [c.id for c in event.plan.cases]
            self._observers.tell("harness_run_started", run=analyse(run).run, case_ids=ids)

    def begin(self, planned: PlannedCase, what: str, done: int, total: int) -> None:
        self._screen.begin(planned, what, done, total)

    def pass_begins(self, number: int, passes: int, cases: int, why: str) -> None:
        self._screen.pass_begins(number, passes, cases, why)

    def case_finished(self, planned: PlannedCase) -> None:
        self._screen.case_finished(planned)
        assert self.run is not None
        record = record_of(self.run, planned.id)
        self._observers.tell("harness_case_finished", run=analyse(self.run).run, record=record)


def _show_plan(plan: Plan, request: RunRequest) -> None:
    import tabulate

    rows = []
    for planned in plan.cases:
        case = planned.case
        remark = f"unsupported: {planned.unsupported}" if planned.unsupported else ""
        remark = remark or (f"emulated: {planned.emulated}" if planned.emulated else "")
        if planned.added:
            remark = "; ".join(x for x in ("added as baseline", remark) if x)
        rows.append(
            [
                planned.label["model"],
                case.batch_size,
                planned.label["runner"],
                case.precision,
                case.device,
                case.threads,
                safe(remark),
            ]
        )
    titles = ["model", "batch", "runner", "precision", "device", "threads", "remark"]
    click.echo(tabulate.tabulate(rows, headers=titles, tablefmt="plain", disable_numparse=True))
    supported = sum(not c.unsupported for c in plan.cases)
    passes = request.settings.passes
    click.echo(
        f"\n{supported} of {len(plan.cases)} cases would be measured, {passes} "
        f"pass{'es' * (passes != 1)} each: {how_long(plan, request.settings)}"
    )


def ceilings_of(request: RunRequest, plan: Plan, zygotes: Launcher) -> list[Ceilings]:
    """What the machine can do at most, where cases are taken apart and held against it."""
    if not request.settings.anatomy:
        return []
    pairs = [(c.case.device, c.case.threads) for c in plan.cases if not c.unsupported]
    return known_or_measured(pairs, zygotes, message)


def _signal_code(interrupts: Interrupts) -> ExitCode:
    return ExitCode.INTERRUPTED if interrupts.received == signal.SIGINT else ExitCode.TERMINATED


def _exit_code(report: Report, asked: set[str], interrupts: Interrupts, strict: bool) -> ExitCode:
    if interrupts:
        return _signal_code(interrupts)
    statuses = [r.status for r in report.records]
    if any(s in _BAD for s in statuses):
        measured = any(r.latency_ms for r in report.records)
        return ExitCode.CASES if measured else ExitCode.NOTHING
    if not any(r.latency_ms for r in report.records if r.id in asked):
        beside = any(r.latency_ms for r in report.records)
        message(
            "nothing that was asked for could be measured, only its baseline"
            if beside
            else "nothing could be measured"
        )
        return ExitCode.NOTHING
    return ExitCode.CASES if strict and "unsupported" in statuses else ExitCode.FINE
