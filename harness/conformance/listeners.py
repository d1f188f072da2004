"""Checks of plugins that listen to runs: every hook that they implement is called as a run calls it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from harness.catalogue.loading import describe
from harness.conformance import sample
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, check
from harness.conformance.importing import LOADS
from harness.hookspecs import LIFECYCLE_HOOKS
from harness.records import codec

_ACCEPTS = "listener.accepts"


@check(
    _ACCEPTS,
    "hooks that take what a run tells them without an exception",
    "handle records without numbers: a failed case has no latency. A run warns of an exception and goes on",
    needs=(LOADS,),
)
def accepts(bench: Bench) -> str | None:
    for hook, arguments in _told():
        try:
            _tell(bench, hook, arguments)
        except (Exception, SystemExit) as error:
            raise Failed(f"{describe(error)} from {hook}") from error
    return None


@check(
    "listener.keeps",
    "hooks that leave records and reports as they are",
    "copy what you change: other plugins and the run itself are given the same objects",
    needs=(_ACCEPTS,),
)
def keeps(bench: Bench) -> str | None:
    for hook, arguments in _told():
        before = codec.encode(arguments)
        _tell(bench, hook, arguments)
        if codec.encode(arguments) != before:
            raise Failed(f"the arguments of {hook} changed")
    return None


@check(
    "listener.stdout",
    "hooks that print nothing to the standard output",
    "print to sys.stderr: the standard output is for the data of the command",
    needs=(_ACCEPTS,),
    alone=True,
)
def stdout(bench: Bench) -> str | None:
    with _captured() as printed:
        for hook, arguments in _told():
            _tell(bench, hook, arguments)
    if printed[0].strip():
        raise Failed(repr(printed[0][:200]))
    return None


def _told() -> Iterator[tuple[str, dict[str, Any]]]:
    """(hook, its arguments) as runs tell them: from start to end, with good and failed cases."""
    for report in sample.samples().values():
        for hook in LIFECYCLE_HOOKS:
            if hook == "harness_run_started":
                yield hook, {"run": report.run, "case_ids": [r.id for r in report.records]}
            elif hook == "harness_case_finished":
                for record in report.records:
                    yield hook, {"run": report.run, "record": record}
            else:
                yield hook, {"report": report}


def _tell(bench: Bench, hook: str, arguments: dict[str, Any]) -> None:
    caller = getattr(bench.loaded.manager.hook, hook)
    for implementation in caller.get_hookimpls():
        if implementation.plugin is bench.plugin:
            implementation.function(**{name: arguments[name] for name in implementation.argnames})


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """What goes to the standard output meanwhile, also from below Python."""
    import sys

    printed = [""]
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            yield printed
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        printed[0] = file.read().decode("utf-8", "replace")
