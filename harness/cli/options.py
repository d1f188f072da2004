"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli.numbers import Finite

if TYPE_CHECKING:
    from harness.catalogue.loading import PluginRequest
    from harness.execute.lock import Locks

F = TypeVar("F", bound=Callable[..., Any])

MOST_S = 1e7
"""Seconds; four months are more than anybody waits, and fewer than a clock can hold."""

TEXT, JSON = "text", "json"
"""How a command whose result is no report shows it."""
TABLE, MARKDOWN = "table", "markdown"
"""How a command shows a table of its own, beside JSON."""


def share(_: click.Context, param: click.Parameter, value: str) -> float:
    """A share of one, as a callback: `1%`, `0.5 %` or `0.01`; a bare 1 could mean either."""
    text, percent, rest = value.strip().partition("%")
    try:
        number = float(text) / (100 if percent else 1)
    except ValueError:
        number = math.nan
    if rest or not 0 < number < 1:
        raise click.BadParameter(f"{value!r} is no share between 0 and 100 %: write 1% or 0.01", param=param)
    return number


AXIS_OPTIONS = (
    (("-m", "--model"), "NAME[:KEY=VALUE,...]", "Models"),
    (("-r", "--runner"), "NAME[:KEY=VALUE,...]", "Runners"),
    (("-p", "--precision"), "NAME", "Precisions"),
    (("-b", "--batch-size", "--batch", "batch_size"), "N", "Batch sizes"),
    (("-d", "--device"), "NAME", "Devices: cpu, cuda, cuda:1"),
    (("--threads",), "N", "Threads"),
)


def axes(what: str, everything: str = "") -> Callable[[F], F]:
    """One option for each axis of a sweep; `what` and, for components, `everything` end their help."""

    def decorate(function: F) -> F:
        for names, metavar, noun in reversed(AXIS_OPTIONS):
            every = everything if noun in ("Models", "Runners", "Precisions") else ""
            text = f"{noun} {what}; repeat, or separate by commas{every}."
            function = click.option(*names, multiple=True, metavar=metavar, help=text)(function)
        return function

    return decorate


def plugins(function: F) -> F:
    """--plugin and --verbose on every command as well as on the group."""
    function = click.option(
        "--plugin",
        multiple=True,
        metavar="MODULE|FILE|no:NAME",
        help="Load a plugin for this call, or leave one out. May be repeated.",
    )(function)
    return click.option(
        "-v", "--verbose", is_flag=True, help="Show tracebacks and what child processes printed."
    )(function)


def inputs(function: F) -> F:
    """--input and --inputs of a command that calls models."""
    function = click.option(
        "--inputs",
        metavar="FILE",
        help="What goes into a model of your own: a .npz file with one array for each input, batch first.",
    )(function)
    return click.option(
        "--input",
        multiple=True,
        metavar="NAME=DTYPE[DIMS]",
        help="The same drawn at random: x=float32[batch,3,224,224], ids=int64[batch,128;0..30521]. May be "
        "repeated.",
    )(function)


def plugin_request(ctx: click.Context, given: dict[str, Any]) -> PluginRequest:
    """What --plugin, --input and --inputs say of where components and their inputs come from.

    Raises:
        UsageError: they do not fit together.
    """
    from harness.catalogue.loading import PluginRequest

    texts = plugin_texts(ctx, given["plugin"])
    return PluginRequest.from_options(texts, given.get("input", ()), given.get("inputs"))


def plugin_texts(ctx: click.Context, own: tuple[str, ...]) -> tuple[str, ...]:
    """What --plugin said before and after the command's name."""
    return (*(ctx.obj or {}).get("plugin", ()), *own)


def allow_code(function: F) -> F:
    """--allow-code of a command that measures what a file says."""
    return click.option(
        "--allow-code",
        is_flag=True,
        help="Let a suite, claims, a report or a run of somebody else name files and modules whose code is "
        "then run.",
    )(function)


def results(function: F) -> F:
    """--results."""
    return click.option(
        "--results",
        metavar="DIR",
        help="Folder of the runs; $HARNESS_RESULTS or ./results by default.",
    )(function)


def replication(further_s: float) -> Callable[[F], F]:
    """How often and how long a sweep measures each case: --passes, --until, --time-budget and --timeout.

    Args:
        further_s: what passes beyond the first ones may take, unless the options say otherwise.
    """

    def add(function: F) -> F:
        for option in (
            click.option(
                "--timeout",
                type=Finite(min=0.1, max=MOST_S),
                default=600.0,
                show_default=True,
                metavar="S",
                help="Seconds for one replicate, loading included.",
            ),
            click.option(
                "--time-budget",
                metavar="S|none",
                help="Start no new replicate so many seconds after the first pass.  "
                f"[default: {further_s:g} for what --until adds to the passes that every case gets]",
            ),
            click.option(
                "--until",
                metavar="WIDTH|none",
                help="Repeat a case, with those it is compared with, until its 95 % interval is within ± "
                "this.  [default: 5%]",
            ),
            click.option(
                "--passes",
                metavar="N|N..M",
                help="Replicates of each case, every one in a fresh process: just N, or N to M, as --until "
                "needs them.  [default: 3..12]",
            ),
        ):
            function = option(function)
        return function

    return add


def lock(function: F) -> F:
    """--wait and --no-lock of a command that measures."""
    function = click.option(
        "--no-lock",
        is_flag=True,
        help="Measure even beside another measurement on this machine; stored as a warning.",
    )(function)
    return click.option(
        "--wait",
        is_flag=False,
        flag_value=math.inf,
        type=Finite(min=0),
        metavar="[S]",
        help="While another measurement runs on this machine, wait, at most so many seconds if a number "
        "is given.",
    )(function)


def locks(given: dict[str, Any], devices: tuple[str, ...] | None) -> AbstractContextManager[Locks]:
    """Holds the locks of what will be measured on these devices; None for the default one.

    Before any process is started, since already their imports would disturb another measurement. Where
    the default device is not known yet, `Locks.take` has to follow when it is.
    """
    from harness import inventory
    from harness.cli.show import message
    from harness.execute.lock import measuring

    wait_s = given["wait"]
    if devices is None:
        known = (inventory.cached(inventory.environment_key()) or {}).get("device")
        devices = (known,) if isinstance(known, str) else ()
    return measuring(devices, wait_s, not given["no_lock"], message)


def output(function: F) -> F:
    """--format and --output."""
    function = click.option(
        "-o", "--output", metavar="FILE", help="Write to a file instead of the standard output."
    )(function)
    return click.option(
        "-f",
        "--format",
        "format_",
        metavar="NAME",
        default="table",
        show_default=True,
        help="A reporter: table, markdown, json, csv, or a plugin's.",
    )(function)


def text_or_json(function: F) -> F:
    """--format and --output of a command whose result is no report."""
    return click.option(
        "-o", "--output", metavar="FILE", help="Write to a file instead of the standard output."
    )(text_or_json_only(function))


def text_or_json_only(function: F) -> F:
    """--format of a command whose --output is something else."""
    return click.option(
        "-f",
        "--format",
        "format_",
        type=click.Choice([TEXT, JSON]),
        default=TEXT,
        show_default=True,
        help="For people or for programs.",
    )(function)


def table_or_json(function: F) -> F:
    """--format and --output of a command with a table of its own."""
    function = click.option(
        "-o", "--output", metavar="FILE", help="Write to a file instead of the standard output."
    )(function)
    return click.option(
        "-f",
        "--format",
        "format_",
        type=click.Choice([TABLE, MARKDOWN, JSON]),
        default=TABLE,
        show_default=True,
        help="For people, to paste, or for programs.",
    )(function)
