"""Options of a command that looks at one case, and that case as a request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import registry
from harness.cli.numbers import Finite
from harness.cli.options import AXIS_OPTIONS, MOST_S, F, inputs, plugin_request
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.execute.one import OneRequest
    from harness.records.case import PlannedCase

_ONE = {
    "model": "The model",
    "runner": "The runner",
    "precision": "The precision",
    "batch_size": "The batch size",
    "device": "The device: cpu, cuda, cuda:1 (the GPU if there is one)",
    "threads": "Number of threads (all physical cores by default)",
}


def case(**defaults: str) -> Callable[[F], F]:
    """The options of a command that looks at one case; each axis takes one value.

    Args:
        defaults: axis -> what help says stands for it, where that is not the registry's.
    """
    known = {**registry.defaults()["single"], **defaults}

    def decorate(function: F) -> F:
        function = click.option(
            "--timeout",
            type=Finite(min=0.1, max=MOST_S),
            default=600.0,
            show_default=True,
            metavar="S",
            help="Seconds for one process, loading included.",
        )(function)
        function = click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="For weights and inputs.",
        )(function)
        return single_axes(known)(inputs(function))

    return decorate


def single_axes(known: dict[str, Any], without: tuple[str, ...] = ()) -> Callable[[F], F]:
    """One option for each axis of a case but some; each takes one value.

    Args:
        known: axis -> what help says stands for it.
    """

    def decorate(function: F) -> F:
        for names, metavar, _ in reversed(AXIS_OPTIONS):
            axis = names[-1].lstrip("-").replace("-", "_")
            if axis in without:
                continue
            text = _ONE[axis] + (f" ({known[axis]} by default)" if axis in known else "")
            function = click.option(*names, metavar=metavar, help=f"{text}.")(function)
        return function

    return decorate


def case_title(planned: PlannedCase) -> str:
    """`mlp  batch 32  eager  fp32  cpu, 2 threads`."""
    from harness.report.numbers import safe

    case = planned.case
    threads = f"{case.threads} thread{'s' * (case.threads != 1)}"
    parts = [planned.label["model"], f"batch {case.batch_size}", planned.label["runner"], case.precision]
    return safe("  ".join([*parts, f"{case.device}, {threads}"]))


def one_request(ctx: click.Context, given: dict[str, Any], **defaults: str) -> OneRequest:
    """The one case that the options name; `defaults` stand for axes that are not given.

    Raises:
        UsageError: an option names several, or `all`.
    """
    # Here and not above: every command imports this module, and `harness list` is to be quick.
    from harness.execute.one import OneRequest
    from harness.plan.suites import Axes, one_of
    from harness.records.case import AXES
    from harness.store.folder import check_output

    said = {axis: given[axis] if given[axis] is not None else defaults.get(axis) for axis in AXES}
    texts: dict[str, tuple[str, ...]] = {a: () if text is None else (text,) for a, text in said.items()}
    axes = Axes.from_texts(**texts)
    for axis, values in axes.given().items():
        if len(values) > 1 or values == ("all",):
            what = axis.replace("_", " ")
            raise UsageError(f"this command takes one {what}, not {said[axis]!r}", "`harness run` sweeps")
    if given.get("output") is not None:
        check_output(Path(given["output"]))
    return OneRequest(
        matrix=one_of({axis: list(values) for axis, values in axes.given().items()}),
        plugins=plugin_request(ctx, given),
        seed=given["seed"],
        timeout_s=given["timeout"],
    )
