"""A run taken up again: what was asked for when it began, and what has changed since."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.errors import UsageError
from harness.execute.run import RunRequest
from harness.records import codec
from harness.records.case import Environment, Plan, PlannedCase
from harness.records.events import RunStarted

NOT_COUNTED = ("host", "noise", "memory_mib", "kernel")
"""Of an environment: what may change without a number being another's."""


def request_of(header: RunStarted) -> RunRequest:
    """What was asked for when the run began.

    Raises:
        UsageError: the run was made by a version that did not keep it.
    """
    if not header.asked:
        raise UsageError(
            f"run {header.id} does not say what was asked for, so it cannot be taken up again",
            "it was made by an earlier version: measure it anew",
        )
    try:
        request = codec.convert(header.asked, RunRequest)
    except codec.ValidationError as error:
        raise UsageError(
            f"run {header.id} says in a way that cannot be read what was asked for: {error}"
        ) from error
    return dataclasses.replace(
        request, settings=header.settings, seed=header.seed, suite=header.suite, command=header.command
    )


def changes(header: RunStarted, plan: Plan, version: str) -> list[str]:
    """What is no longer as it was when the run began, each in a few words: `torch 2.11.0 -> 2.13.0`."""
    found = list(_environment(header.plan.environment, plan.environment))
    if header.harness_version != version:
        found.append(f"harness {header.harness_version} -> {version}")
    before, after = ({c.id: c for c in p.cases} for p in (header.plan, plan))
    gone, new = [c for c in before if c not in after], [c for c in after if c not in before]
    if gone or new:
        found.append(f"the plan: {len(gone)} of its cases are no longer in it, {len(new)} are new")
    elif list(before) != list(after):
        found.append("the plan: its cases come in another order")
    said: list[str] = []
    for case in before.keys() & after.keys():
        said += _case(before[case], after[case])
    return [*found, *sorted(set(said))]


def _environment(before: Environment, after: Environment) -> Iterator[str]:
    for name, old in vars(before).items():
        new = getattr(after, name)
        if name in NOT_COUNTED or old == new:
            continue
        if isinstance(old, dict):
            for key in sorted({*old, *new}):
                if old.get(key) != new.get(key):
                    yield f"{key} {old.get(key, 'not there')} -> {new.get(key, 'not there')}"
        else:
            yield f"{name.replace('_', ' ')} {_text(old)} -> {_text(new)}"


def _case(before: PlannedCase, after: PlannedCase) -> Iterator[str]:
    if before.unsupported != after.unsupported:
        yield f"{_name(before)}: {before.unsupported or 'supported'} -> {after.unsupported or 'supported'}"
    if before.tolerance != after.tolerance:
        yield f"the tolerance of {_name(before)}: {before.tolerance:g} -> {after.tolerance:g}"
    theirs = {p.kind: p for p in after.providers}
    for one in before.providers:
        other = theirs.get(one.kind)
        if other is None or one == other:
            continue
        what = f"{one.kind} {one.name}"
        if one.version != other.version:
            yield f"{what} is of {one.distribution} {one.version} -> {other.distribution} {other.version}"
        else:
            yield f"the code of {what}"


def _name(planned: PlannedCase) -> str:
    return f"{planned.label['runner']} {planned.case.precision} on {planned.label['model']}"


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
