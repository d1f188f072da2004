"""`harness run`: measures a sweep."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.analyse.analyse import analyse
from harness.cli import aiming, options, resuming
from harness.cli.asked import devices_of, request_of
from harness.cli.names import check_names
from harness.cli.numbers import Finite
from harness.cli.planned import show_plan
from harness.cli.show import in_order, message, reporter, show, show_details
from harness.cli.sizes import size
from harness.cli.telling import Display, told
from harness.components import Reporter
from harness.errors import ExitCode, HarnessError, UsageError
from harness.execute.ceilings import known_or_measured
from harness.execute.launch import Launcher
from harness.execute.observers import Observers
from harness.execute.run import (
    Again,
    RunRequest,
    launcher,
    make_plan,
    measure,
    start_header,
)
from harness.execute.signals import Interrupted, Interrupts
from harness.explain.explain import explained
from harness.records.case import Plan, Scenario
from harness.records.ceilings import Ceilings
from harness.records.events import NO_REFERENCE, Event, RunStarted
from harness.records.report import Report
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
    request = old.request if old else request_of(ctx, given)
    check_names(request)
    folder = Folder(results_folder(given["results"]))
    form = reporter(given["format_"], request.plugins)
    if not given["plan_only"]:
        check_writable(folder.benchmarks / "run")
    with (
        options.locks(given, devices_of(request, given)) as locks,
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
            show_plan(plan, request)
            return ExitCode.FINE
        plan = replace(plan, warnings=[*plan.warnings, *locks.warnings])
        again = old.again(plan, shlex.join(["harness", *sys.argv[1:]])) if old else None
        if again:
            header = again.run.header
        else:
            header = start_header(request, plan, Scenario(), ceilings_of(request, plan, zygotes))
        observers = Observers(plan.plugins, request.plugins, message)
        run = _measured(header, request, zygotes, folder, Display(observers, header), interrupts, form, again)
        for text in zygotes.notes:
            message(text)
    path = old.path.with_suffix(".json") if old else folder.report_path(header.id)
    try:
        report = told(explained(analyse(run)), path, form, observers, given)
    except KeyboardInterrupt:
        message(interrupts.last_words)
        raise
    if given["verbose"] or (ctx.obj or {}).get("verbose"):
        show_details(report)
    message(f"saved: {path}")
    if interrupts or report.run.status == "out_of_time":
        message(f"it goes on with: {_goes_on(header.id)}")
    asked = {c.id for c in header.plan.cases if not c.added}
    return _exit_code(report, asked, interrupts, given["strict"])


def _measured(
    header: RunStarted,
    request: RunRequest,
    zygotes: Launcher,
    folder: Folder,
    display: Display,
    interrupts: Interrupts,
    form: Reporter,
    again: Again | None,
) -> StoredRun:
    """Measures and shows meanwhile; from when there is something to go on with, every end says so."""

    def on_event(run: StoredRun, event: Event) -> None:
        interrupts.last_words = f"interrupted; it goes on with: {_goes_on(header.id)}"
        display.on_event(run, event)

    with display:
        try:
            return measure(header, request, zygotes, folder, display, on_event, again=again)
        except HarnessError as error:
            # The disk is full, say: what is known is shown, if it can be kept nowhere.
            if display.run is not None:
                error.hint = error.hint or f"what was measured is kept: {_goes_on(header.id)}"
                if display.run.samples:
                    show(in_order(analyse(display.run)), form, None)
            raise


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
    unsure = any(w.startswith(NO_REFERENCE) for r in report.records for w in r.warnings)
    return ExitCode.CASES if unsure or (strict and "unsupported" in statuses) else ExitCode.FINE
