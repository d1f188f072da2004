"""A run that was cut short anywhere and taken up again has what it would have had, and nothing twice."""

from __future__ import annotations

import dataclasses
import signal
from collections import Counter

import pytest

from harness.errors import UsageError
from harness.execute import resume
from harness.execute.child import Outcome
from harness.execute.known import known
from harness.execute.run import RunRequest, asked
from harness.jobs import Matrix
from harness.records.events import (
    AnatomyTaken,
    Built,
    MemoryMeasured,
    ReferenceMade,
    Sample,
    ThroughputMeasured,
)
from harness.records.settings import Settings
from harness.store.runfile import StoredRun


def stored(build, cases, events, **settings):
    """The run whose file has these events."""
    header = dataclasses.replace(build.header(cases), settings=Settings(**settings))
    run = StoredRun(header)
    for event in events:
        run.add(event)
    return run


def what(events):
    """What was measured, in order: the type, the case, the replicate."""
    named = [
        e
        for e in events
        if isinstance(e, Sample | MemoryMeasured | AnatomyTaken | Built | ThroughputMeasured)
    ]
    return [(type(e).__name__, e.case, getattr(e, "replicate", None)) for e in named]


@pytest.mark.parametrize("throughput", [False, True])
def test_wherever_it_was_cut_the_rest_is_measured_in_the_order_that_was_drawn(lab, build, cases, throughput):
    cases = [*cases[:3], build.planned("itself", builds=True, batch_size=1)]
    settings = {"passes": 3, "seed": 5, "anatomy": True, "throughput": throughput}
    whole = lab(cases, **settings)
    for cut in range(len(whole.events) + 1):
        before = whole.events[:cut]
        run = stored(build, cases, before)
        again = lab(cases, known=known(run), **settings)
        both = [*what(before), *what(again.events)]
        # Probes are repeated where the choice they were for had not been made.
        counted = Counter(k for k in both if k[0] != "ThroughputMeasured")
        assert counted == Counter(k for k in what(whole.events) if k[0] != "ThroughputMeasured")
        assert max(counted.values()) == 1
        samples = [k for k in both if k[0] == "Sample"]
        if not throughput:
            assert samples == [k for k in what(whole.events) if k[0] == "Sample"]
        assert again.ended.status == "finished"


def test_a_run_that_is_complete_measures_nothing(lab, build, cases):
    whole = lab(passes=2)
    again = lab(passes=2, known=known(stored(build, cases, whole.events)))
    assert again.events == []
    assert again.jobs == []
    assert again.ended == dataclasses.replace(whole.ended, at=again.ended.at)


def test_what_a_case_needs_is_made_again_but_told_once(lab, build):
    case = build.planned("itself", builds=True)
    whole = lab([case], passes=2, memory=False)
    cut = next(n for n, e in enumerate(whole.events) if isinstance(e, Sample)) + 1
    run = stored(build, [case], whole.events[:cut])
    again = lab([case], passes=2, memory=False, known=known(run))
    assert [kind for _, kind, *_ in again.jobs] == ["reference", "build", "sample"]
    assert [type(e) for e in again.events] == [Sample]


def test_a_replicate_that_a_signal_cut_short_is_measured_again(lab, build, cases):
    def odd(kind, job):
        if kind != "sample" or not lab_of["it"].samples():
            return None
        lab_of["it"].signals.received = signal.SIGINT
        return Outcome(interrupted=True)

    lab_of = {}
    cut = lab(passes=1, odd=odd, then=lambda lab, kind, job: lab_of.setdefault("it", lab))
    assert [e.status for e in cut.events if isinstance(e, Sample)] == ["ok", "interrupted"]
    run = stored(build, cases, cut.events)
    again = lab(passes=1, known=known(run))
    for event in again.events:
        run.add(event)
    assert sorted(s.case for s in run.samples) == sorted(c.id for c in cases)
    assert {s.status for s in run.samples} == {"ok"}


def test_what_failed_stays_failed_unless_it_is_to_be_tried_again(lab, build, cases):
    crash = Outcome(signal=signal.SIGSEGV)
    bad = cases[1].id
    whole = lab(passes=2, odd=lambda kind, job: crash if kind == "sample" and job.planned.id == bad else None)
    run = stored(build, cases, whole.events)
    assert lab(passes=2, known=known(run)).jobs == []
    again = lab(passes=2, known=known(run, retry_failed=True))
    assert again.samples() == [(bad, 0), (bad, 1)]
    for event in again.events:
        run.add(event)
    counted = Counter((s.case, s.replicate) for s in run.samples)
    assert set(counted.values()) == {1}
    assert {s.status for s in run.samples} == {"ok"}


def test_an_incorrect_case_is_no_failure_that_another_try_would_mend(build, cases):
    wrong = build.sample(cases[0], status="incorrect")
    run = stored(build, cases, [wrong])
    assert (cases[0].id, 0) in known(run, retry_failed=True).samples


def test_a_reference_that_was_told_is_not_told_again(lab, build, cases):
    whole = lab(passes=2)
    run = stored(build, cases, whole.events[:2])
    again = lab(passes=2, known=known(run))
    assert not any(isinstance(e, ReferenceMade) for e in again.events)


# ---- what has changed ---------------------------------------------------------------------------------


def test_what_was_asked_for_is_in_the_header(build, cases):
    request = RunRequest([Matrix(model=["mlp"], batch_size=[4])], baseline="none", seed=3)
    header = dataclasses.replace(build.header(cases), asked=asked(request), seed=3)
    found = resume.request_of(header)
    assert (found.matrices, found.baseline, found.plugins) == (request.matrices, "none", request.plugins)
    assert (found.seed, found.settings) == (3, header.settings)


def test_a_run_of_an_earlier_version_cannot_be_taken_up(build, cases):
    with pytest.raises(UsageError, match="does not say what was asked for"):
        resume.request_of(build.header(cases))


def test_nothing_has_changed_where_all_is_as_it_was(build, cases):
    header = build.header(cases)
    assert resume.changes(header, header.plan, header.harness_version) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"torch": "9.9"}, "torch {} -> 9.9"),
        ({"cores_usable": 77}, "cores usable {} -> 77"),
        ({"packages": {"numpy": "9.9"}}, "numpy "),
        ({"host": "elsewhere", "noise": ["a neighbour"], "kernel": "7"}, None),
    ],
)
def test_what_has_changed_of_the_machine_is_said(build, cases, change, said):
    header = build.header(cases)
    plan = dataclasses.replace(
        header.plan, environment=dataclasses.replace(header.plan.environment, **change)
    )
    found = resume.changes(header, plan, header.harness_version)
    if said is None:
        assert found == []
        return
    (key,) = change
    text = said.format(getattr(header.plan.environment, key))
    assert any(one.startswith(text) for one in found), found


def test_a_changed_plan_and_changed_code_are_said(build, cases):
    header = build.header(cases)
    shorter = dataclasses.replace(header.plan, cases=header.plan.cases[1:])
    assert resume.changes(header, shorter, header.harness_version) == [
        "the plan: 1 of its cases are no longer in it, 0 are new"
    ]
    first = header.plan.cases[0]
    providers = [dataclasses.replace(p, digest="ffff") for p in first.providers]
    other = [dataclasses.replace(first, providers=providers), *header.plan.cases[1:]]
    found = resume.changes(header, dataclasses.replace(header.plan, cases=other), "0.0.0")
    assert found[0] == f"harness {header.harness_version} -> 0.0.0"
    assert any(one.startswith("the code of model ") for one in found)
