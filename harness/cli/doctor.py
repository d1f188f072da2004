"""`harness doctor`: what this machine is, and what would disturb a measurement on it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import inventory
from harness.cli import options, stock
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.execute.signals import Interrupts


@click.command("doctor", short_help="Say what this machine is, and what would disturb a measurement on it.")
@click.option(
    "--calibrate",
    is_flag=True,
    help="First measure what this machine can do at most, and compare models with themselves, for about a "
    "minute: what comes out is kept, and used by intervals, verdicts and explanations.",
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
    found, trouble = stock.take(options.plugin_texts(ctx, given["plugin"]))
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
    """The machine's ceilings and one session of calibration, kept for this machine.

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
    devices = _devices()
    with (
        options.locks(given, devices) as locks,
        Interrupts() as interrupts,
        Progress(rule.QUICK) as progress,
    ):
        try:
            _ceilings(devices, interrupts, progress.tell)
            seed = int.from_bytes(os.urandom(3), "big")
            session = calibrate(workloads, plugins, seed, folder, interrupts, progress, locks)
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None
    _, path = calibration.add(session)
    message(f"kept: {path}")


def _devices() -> tuple[str, ...]:
    """The CPU, and what the driver calls its devices, unless torch is known to have none.

    From files alone: no process is to be started before the locks are held.
    """
    from harness.doctor import facts

    known = (inventory.cached(inventory.environment_key()) or {}).get("device")
    others = range(len(facts.gpus()) if known != "cpu" else 0)
    return ("cpu", *("cuda" if n == 0 else f"cuda:{n}" for n in others))


def _ceilings(devices: tuple[str, ...], interrupts: Interrupts, tell: Callable[[str], None]) -> None:
    """Measures what each device can do at most: with as many threads as are used by default, and on the CPU
    with one. A failure is told.

    Raises:
        Interrupted: a signal came.
    """
    from harness import machine
    from harness.execute.ceilings import measured
    from harness.execute.run import launcher
    from harness.execute.signals import Interrupted

    usual = machine.usable_cores()
    pairs = [(device, usual) for device in devices]
    if usual > 1:
        pairs.append(("cpu", 1))
    with launcher(interrupts) as zygotes:
        interrupts.on_second = zygotes.kill
        zygotes.start(1)
        for device, threads in pairs:
            many = f"{threads} thread{'s' * (threads != 1)}"
            tell(f"measuring what {device} can do at most" + (f" with {many}" if device == "cpu" else ""))
            measured(device, threads, zygotes, tell)
            if interrupts:
                raise Interrupted
