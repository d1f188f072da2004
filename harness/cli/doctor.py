"""`harness doctor`: what this machine is, and what would disturb a measurement on it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from harness import inventory
from harness.cli import options
from harness.errors import ExitCode, HarnessError, PluginError


@click.command("doctor", short_help="Say what this machine is, and what would disturb a measurement on it.")
@click.option(
    "--calibrate",
    is_flag=True,
    help="First compare models with themselves, for about a minute: how much processes differ here is "
    "kept, and used by intervals and verdicts.",
)
@options.lock
@options.results
@options.text_or_json
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Say what this machine is, which components work here, and what would disturb a measurement: other
    processes, a hypervisor, limits, settings of the processor. With what to do about each. Watches for
    about a second, with one thread busy. Changes nothing, but with --calibrate keeps what it measured.

    \b
    harness doctor
    harness doctor --calibrate
    harness doctor --format json
    """
    from harness.cli.show import write
    from harness.doctor.examine import examine
    from harness.records import codec
    from harness.records.doctor import FAULT
    from harness.report import doctor as shown
    from harness.store.folder import check_output, results_folder

    if given["output"] is not None:
        check_output(Path(given["output"]))
    if given["calibrate"]:
        _calibrate(ctx, given)
    found, trouble = _stock(options.plugin_texts(ctx, given["plugin"]))
    report = examine(found, results_folder(given["results"]), trouble)
    on_terminal = given["output"] is None and sys.stdout.isatty()
    if given["format_"] == options.JSON:
        text = codec.pretty(report)
    else:
        width = shutil.get_terminal_size((110, 40)).columns if on_terminal else 110
        text = shown.text(report, width, colour=on_terminal and not os.environ.get("NO_COLOR"))
    write(text, given["output"], colour=on_terminal)
    return ExitCode.NOTHING if any(c.state == FAULT for c in report.checks) else ExitCode.FINE


def _calibrate(ctx: click.Context, given: dict[str, Any]) -> None:
    """One session of calibration, kept for this machine.

    Raises:
        NothingMeasured: a model cannot be compared with itself here.
    """
    import signal

    from harness import registry
    from harness.catalogue.loading import PluginRequest
    from harness.cli.compare_live import Progress
    from harness.cli.show import message
    from harness.compare import rule
    from harness.compare.calibrate import calibrate
    from harness.errors import Terminated
    from harness.execute.signals import Interrupted, Interrupts
    from harness.jobs import Matrix
    from harness.store import calibration
    from harness.store.folder import Folder, results_folder

    known = registry.defaults()["calibrate"]
    workloads = [
        Matrix(model=[model], batch_size=[batch], device=["cpu"])
        for model, batch in zip(known["model"], known["batch_size"], strict=True)
    ]
    plugins = PluginRequest.from_options(options.plugin_texts(ctx, given["plugin"]))
    folder = Folder(results_folder(given["results"]))
    with (
        options.locks(given, ("cpu",)) as locks,
        Interrupts() as interrupts,
        Progress(rule.QUICK) as progress,
    ):
        try:
            seed = int.from_bytes(os.urandom(3), "big")
            session = calibrate(workloads, plugins, seed, folder, interrupts, progress, locks)
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None
    _, path = calibration.add(session)
    message(f"kept: {path}")


def _stock(texts: tuple[str, ...]) -> tuple[dict[str, Any], str | None]:
    """(the components, why they could not be asked whether they work here).

    Raises:
        PluginError: a plugin that was asked for cannot be loaded.
    """
    from harness.catalogue.loading import PluginRequest
    from harness.execute import probe

    extra = tuple(t for t in texts if not t.startswith("no:"))
    blocked = tuple(t[3:] for t in texts if t.startswith("no:"))
    key = inventory.environment_key(extra, blocked)
    cached = inventory.cached(key)
    if cached is not None:
        return cached, None
    try:
        return probe.ask(PluginRequest.from_options(texts), key), None
    except PluginError:
        raise
    except HarnessError as error:
        return inventory.builtins(), error.message
