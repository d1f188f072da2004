"""Measuring a stored base again: what is asked for, and what is refused since it would not be base."""

from __future__ import annotations

import dataclasses

import pytest

from harness.catalogue.loading import PluginRequest
from harness.compare.remeasure import check, request, wanted
from harness.compare.stored import match
from harness.errors import UsageError
from harness.records.case import Plan


@pytest.fixture
def runs(build):
    cases = [
        build.planned("itself"),
        build.planned(runner="compile", label={"model": "mlp:n_layers=4", "runner": "compile"}),
    ]
    samples = [build.sample(c, n) for c in cases for n in range(3)]
    base = build.report(cases, samples)
    new = build.report(cases, [*samples, *(build.sample(c, n) for c in cases[1:] for n in range(3, 5))])
    pairs, _ = match(base, new)
    return base, new, pairs, Plan(cases, [], build.environment())


def test_base_is_asked_for_as_it_was_with_as_many_passes_as_new_has_replicates(runs):
    base, new, pairs, _ = runs
    found = request(base, new, pairs, PluginRequest(), "harness compare")
    assert [(m.model, m.runner, m.batch_size) for m in found.matrices] == [
        (["mlp"], ["eager"], [64]),
        (["mlp:n_layers=4"], ["compile"], [64]),
    ]
    assert found.settings.passes == 5
    assert found.baseline == "none"


def test_what_broke_since_is_measured_again_too_and_what_base_has_no_time_of_is_not(runs):
    _, _, pairs, _ = runs
    without = dataclasses.replace(pairs[1], base=dataclasses.replace(pairs[1].base, latency_ms=None))
    gone = [dataclasses.replace(p, new=dataclasses.replace(p.new, latency_ms=None)) for p in pairs]
    assert wanted([pairs[0], gone[1]]) == [pairs[0], gone[1]]
    assert wanted([pairs[0], without]) == [pairs[0]]
    with pytest.raises(UsageError, match="nothing to measure again"):
        wanted(gone)


def test_the_same_cases_on_the_same_software_are_measured(runs):
    base, _, pairs, plan = runs
    check(base, pairs, plan, force=False)


def test_other_software_is_not_base_unless_forced(runs, build):
    base, _, pairs, plan = runs
    plan = dataclasses.replace(plan, environment=build.environment(torch="2.14.0"))
    with pytest.raises(UsageError, match=r"not base's: torch 2\.13\.0 -> 2\.14\.0"):
        check(base, pairs, plan, force=False)
    check(base, pairs, plan, force=True)


def test_a_model_from_elsewhere_is_not_base(runs, build):
    base, _, pairs, plan = runs
    other = [dataclasses.replace(p, source="file:net.py", digest="f" * 16) for p in plan.cases[0].providers]
    plan = dataclasses.replace(
        plan, cases=[dataclasses.replace(plan.cases[0], providers=other), plan.cases[1]]
    )
    with pytest.raises(UsageError, match=r"model mlp built in -> net\.py f{12}"):
        check(base, pairs, plan, force=False)


def test_a_case_that_means_something_else_here_is_refused_even_if_forced(runs, build):
    base, _, pairs, plan = runs
    with pytest.raises(UsageError, match="another case here"):
        check(base, pairs, dataclasses.replace(plan, cases=plan.cases[:1]), force=True)
    refused = [dataclasses.replace(c, unsupported="no GPU") for c in plan.cases]
    with pytest.raises(UsageError, match="cannot run here: no GPU"):
        check(base, pairs, dataclasses.replace(plan, cases=refused), force=True)
