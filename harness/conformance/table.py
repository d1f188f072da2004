"""All checks, in the order in which they are made."""

from __future__ import annotations

from harness.conformance import (
    importing,
    listeners,
    metadata,
    model_builds,
    model_calls,
    model_inputs,
    model_outputs,
    model_params,
    precisions,
    reporter_texts,
    reporters,
    runner_arithmetic,
    runner_lives,
    runner_outputs,
    runner_says,
    runner_work,
    runners,
)
from harness.conformance.contract import CHECKS, Check

_MODULES = (
    importing,
    metadata,
    listeners,
    model_builds,
    model_inputs,
    model_calls,
    model_outputs,
    model_params,
    precisions,
    runners,
    runner_outputs,
    runner_arithmetic,
    runner_work,
    runner_says,
    runner_lives,
    reporters,
    reporter_texts,
)
"""What fills the table when it is imported, in the order in which a reader meets it."""


def checks_of(subject: str) -> list[Check]:
    """The checks that are made on something: `plugin`, `listener`, or a kind of component."""
    wider = () if subject in ("plugin", "listener") else ("component",)
    places = [module.__name__ for module in _MODULES]
    found = [c for c in CHECKS.values() if c.subject in (subject, *wider)]
    return sorted(found, key=lambda c: places.index(c.run.__module__))
