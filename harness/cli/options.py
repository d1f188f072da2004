"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_AXES = (
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
        for names, metavar, noun in reversed(_AXES):
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


def plugin_texts(ctx: click.Context, own: tuple[str, ...]) -> tuple[str, ...]:
    """What --plugin said before and after the command's name."""
    return (*(ctx.obj or {}).get("plugin", ()), *own)


def results(function: F) -> F:
    """--results."""
    return click.option(
        "--results",
        metavar="DIR",
        help="Folder of the runs; $HARNESS_RESULTS or ./results by default.",
    )(function)


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
