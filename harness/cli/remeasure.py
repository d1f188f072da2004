"""Measures stored cases again, as a run of its own: what `harness compare --remeasure` does."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace

import click

from harness.analyse.analyse import analyse
from harness.catalogue.loading import PluginRequest
from harness.cli.run import Display
from harness.cli.show import message
from harness.compare import remeasure
from harness.compare.stored import Pair
from harness.errors import Terminated, UsageError
from harness.execute.lock import Locks
from harness.execute.observers import Observers
from harness.execute.run import launcher, make_plan, measure, start_header
from harness.execute.signals import Interrupted, Interrupts
from harness.records import codec
from harness.records.case import Scenario
from harness.records.report import Report
from harness.store.folder import Folder, write_whole


def again(
    base: Report,
    new: Report,
    pairs: Sequence[Pair],
    plugins: PluginRequest,
    folder: Folder,
    command: str,
    force: bool,
    locks: Locks,
) -> Report:
    """The cases of base that both runs have, measured now and kept as a new run.

    Raises:
        UsageError: what is here is not what base was (see harness.compare.remeasure).
        Terminated, click.Abort: a signal came; what was measured is kept, and nothing is compared.
    """
    pairs = remeasure.wanted(pairs)
    request = remeasure.request(base, new, pairs, plugins, command)
    with Interrupts() as interrupts, launcher(interrupts) as zygotes:
        interrupts.on_second = zygotes.kill
        try:
            try:
                plan = make_plan(request, zygotes, Scenario())
            except UsageError as error:
                files = [p.name for p in base.run.plugins if p.digest]
                if files and not error.hint:
                    error.hint = f"base was measured with --plugin ({', '.join(files)}): give it here, too"
                raise
            remeasure.check(base, pairs, plan, force)
            for text in (*plan.warnings, *plan.notes, *zygotes.notes):
                message(text)
            plan = replace(plan, warnings=[*plan.warnings, *locks.warnings])
            header = start_header(request, plan, Scenario())
            observers = Observers(plan.plugins, plugins, message)
            with Display(observers, header) as display:
                run = measure(header, request, zygotes, folder, display, display.on_event)
        except Interrupted:
            raise _ended(interrupts) from None
        report = analyse(run)
        path = folder.report_path(header.id)
        write_whole(path, codec.pretty(report))
        observers.tell("harness_run_finished", report=report)
        message(f"saved: {path}")
        if interrupts:
            raise _ended(interrupts)
    return report


def _ended(interrupts: Interrupts) -> Exception:
    if interrupts.received == signal.SIGINT:
        return click.Abort()
    return Terminated("terminated while base was measured again")
