"""Measures the base of two stored runs again, where it is now: what to ask for, and what to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.catalogue.loading import PluginRequest
from harness.compare import differences
from harness.compare.stored import Pair, name_of
from harness.errors import UsageError
from harness.execute.run import RunRequest
from harness.jobs import Matrix
from harness.records.case import Plan
from harness.records.report import Report

_FROM_BASE = "run this where the software of base is installed; --force measures what is here, marked"


def wanted(pairs: Sequence[Pair]) -> list[Pair]:
    """What base has a time of: also where new has none, since that a case broke is to be seen as well.

    Raises:
        UsageError: no case was measured in both.
    """
    if not any(p.base.latency_ms and p.new.latency_ms for p in pairs):
        raise UsageError("no case was measured in both runs: there is nothing to measure again")
    return [p for p in pairs if p.base.latency_ms]


def request(
    base: Report, new: Report, pairs: Sequence[Pair], plugins: PluginRequest, command: str
) -> RunRequest:
    """The run that measures these cases as base had them, with as many passes as new has replicates."""
    return RunRequest(
        matrices=[
            Matrix(
                model=[p.base.label["model"]],
                runner=[p.base.label["runner"]],
                precision=[p.base.case.precision],
                batch_size=[p.base.case.batch_size],
                device=[p.base.case.device],
                threads=[p.base.case.threads],
            )
            for p in pairs
        ],
        plugins=plugins,
        settings=replace(
            new.run.settings,
            passes=max(p.new.replicates for p in pairs),
            memory=False,
            until=None,
            time_budget_s=None,
            throughput=False,
        ),
        baseline="none",
        seed=base.run.seed,
        command=command,
    )


def check(base: Report, pairs: Sequence[Pair], plan: Plan, force: bool) -> None:
    """Refuses to call something base that is not what base was.

    Raises:
        UsageError: a case is another one here, cannot run here, is provided by something else, or (unless
            `force`) the installed software is not base's.
    """
    planned = {c.id: c for c in plan.cases}
    for pair in pairs:
        here = planned.get(pair.base.id)
        if here is None:
            raise UsageError(
                f"{name_of(pair.base)} is another case here than in base", "its default parameters changed"
            )
        if here.unsupported:
            raise UsageError(f"{name_of(pair.base)} cannot run here: {here.unsupported}")
        other = differences.components(pair.base.providers, here.providers)
        if other and pair.base.providers and not force:
            raise UsageError(f"what is installed here is not base's: {'; '.join(other)}", _FROM_BASE)
    changed = differences.software(base.environment, plan.environment)
    if changed and not force:
        raise UsageError(f"what is installed here is not base's: {'; '.join(changed)}", _FROM_BASE)
