"""The options of `harness run`, as a request."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from harness import registry
from harness.catalogue.targets import split
from harness.cli import aiming, options
from harness.errors import UsageError
from harness.execute.run import RunRequest
from harness.plan import suites
from harness.records.case import AXES
from harness.records.settings import Settings
from harness.store import trust


def request_of(ctx: click.Context, given: dict[str, Any]) -> RunRequest:
    """What the options ask for.

    Raises:
        UsageError: they name what is not there, or contradict one another.
    """
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


def devices_of(request: RunRequest, given: dict[str, Any]) -> tuple[str, ...] | None:
    """The devices that will be measured, as far as the command line says; none for a plan alone."""
    if given["plan_only"]:
        return ()
    named = [m.device for m in request.matrices]
    return tuple(d for devices in named for d in devices) if all(named) else None


def _only_own_models(axes: suites.Axes) -> bool:
    """Whether the models are a user's own and nobody says how they are to run: then the suite says the rest,
    since one configuration of a model would have nothing beside it.
    """
    if not axes.model or axes.runner or any(split(t) is None for t in axes.model):
        return False
    # A precision is one configuration of a module; of a file it still leaves open which runners read it.
    return not axes.precision or _suite_of(axes) != registry.defaults()["run"]["suite"]


def _suite_of(axes: suites.Axes) -> str:
    """The suite for models of one kind; the common one where they are of several."""
    targets = [found[0] for t in axes.model if (found := split(t)) is not None]
    wanted = {registry.format_suite(target.suffix) for target in targets}
    return wanted.pop() if len(wanted) == 1 else registry.defaults()["run"]["suite"]
