"""Sustained throughput in a sweep: when it is measured, by how many callers, and what becomes of failures."""

from __future__ import annotations

import signal

import pytest

from harness.answers import ThroughputResult
from harness.execute.child import Outcome
from harness.execute.saturate import candidates
from harness.records import codec
from harness.records.events import Sample, Saturated, ThroughputMeasured
from harness.records.settings import Settings


def answer(build, job, rate, passed=True, spoiled=None):
    saturated = Saturated([rate] * job.windows, job.window_s, job.callers, 1, 100, 5.0, 0.0)
    found = ThroughputResult(saturated, build.verification(passed, 0.5 if not passed else 1e-6), [], spoiled)
    return Outcome(messages={"result": codec.decode(codec.encode(found), dict)}, exit_code=0)


@pytest.fixture
def many(build):
    """A case that several threads may call, with four threads of its own."""
    return build.planned("itself", concurrent=True, threads=4)


@pytest.fixture
def measured(lab, build, many):
    """The events of throughput in a sweep over one case, where callers reach these rates."""

    def make(rates, planned=many, odd=None, **settings):
        def answers(kind, job):
            if kind != "throughput":
                return None
            return (odd and odd(job)) or answer(build, job, rates[job.callers])

        found = lab([planned], odd=answers, throughput=True, **settings)
        return [e for e in found.events if isinstance(e, ThroughputMeasured)]

    return make


RATES = {1: 100.0, 2: 180.0, 4: 150.0}


def test_nothing_is_saturated_unless_it_is_asked_for(lab, many):
    assert not any(isinstance(e, ThroughputMeasured) for e in lab([many]).events)


def test_the_number_of_callers_that_gives_the_most_is_measured_in_three_processes(measured):
    events = measured(RATES, passes=5)
    assert [(e.callers, e.probe) for e in events[:3]] == [(1, True), (2, True), (4, True)]
    assert [(e.callers, e.probe, e.replicate) for e in events[3:]] == [(2, False, n) for n in range(3)]


def test_the_choice_is_made_on_short_runs_and_measured_anew_on_long_ones(measured):
    events = measured(RATES, passes=1, windows=10, window_s=2.0)
    assert [(len(e.saturated.rates), e.saturated.window_s) for e in events if e.probe] == [(3, 1.0)] * 3
    assert [(len(e.saturated.rates), e.saturated.window_s) for e in events if not e.probe] == [(10, 2.0)]


def test_a_number_of_callers_that_was_given_is_not_chosen(measured):
    assert [(e.callers, e.probe) for e in measured({7: 1.0}, callers=7, passes=2)] == [(7, False)] * 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"threads": 1}, [1]),
        ({"threads": 2}, [1, 2]),
        ({"threads": 6}, [1, 2, 4, 6]),
        ({"threads": 96}, [1, 2, 4, 8, 16]),
        ({"threads": 8, "concurrent": False}, [1]),
        ({"threads": 8, "device": "cuda"}, [1]),
    ],
)
def test_callers_are_tried_up_to_the_threads_of_the_case(build, changes, expected):
    assert candidates(build.planned("itself", **{"concurrent": True, **changes}), Settings()) == expected


def test_callers_that_cannot_be_had_or_have_no_threads_of_their_own_are_told(measured, build):
    alone = build.planned("itself", threads=4)
    (event,) = measured({1: 1.0}, planned=alone, callers=3, passes=1)
    assert event.callers == 1
    assert event.warnings[0].startswith("sustained: 1 caller instead of 3: the runner does not say")
    (event,) = measured({9: 1.0}, callers=9, passes=1)
    assert event.warnings == ["sustained: 9 callers share 4 threads, and wait for them"]
    assert all(not e.warnings for e in measured(RATES, passes=1))


def test_callers_that_get_each_others_outputs_are_incorrect_and_not_chosen(measured, build):
    def odd(job):
        return answer(build, job, 999.0, passed=False) if job.callers > 1 else None

    events = measured(RATES, odd=odd, passes=1)
    assert [(e.callers, e.status) for e in events if e.probe] == [
        (1, "ok"),
        (2, "incorrect"),
        (4, "incorrect"),
    ]
    assert [e.callers for e in events if not e.probe] == [1]


def test_a_compilation_meanwhile_spoils_a_measurement(measured, build):
    (event,) = measured(
        RATES, odd=lambda job: answer(build, job, 1.0, spoiled="it compiled"), callers=1, passes=1
    )
    assert (event.status, event.reason) == ("failed", "it compiled")


def test_a_case_whose_child_failed_is_saturated_no_further_and_its_latency_goes_on(lab, many):
    def odd(kind, job):
        return Outcome(signal=signal.SIGSEGV) if kind == "throughput" else None

    found = lab([many], odd=odd, throughput=True, callers=2, passes=3)
    assert [e.status for e in found.events if isinstance(e, ThroughputMeasured)] == ["crashed"]
    assert [e.status for e in found.events if isinstance(e, Sample)] == ["ok"] * 3


def test_a_case_that_is_incorrect_is_not_saturated(lab, build, many):
    from harness.answers import SampleResult

    def odd(kind, job):
        if kind != "sample":
            return None
        wrong = SampleResult(0.2, 0.1, build.timing([[1.0]]), build.verification(False, 0.3), {}, [])
        return Outcome(messages={"result": codec.decode(codec.encode(wrong), dict)}, exit_code=0)

    found = lab([many], odd=odd, throughput=True)
    assert not any(isinstance(e, ThroughputMeasured) for e in found.events)


def test_a_signal_while_a_case_is_saturated_leaves_no_half_result(lab, many):
    def odd(kind, job):
        return Outcome(interrupted=True, signal=9) if kind == "throughput" else None

    def then(lab, kind, job):
        if kind == "throughput":
            lab.signals.received = signal.SIGINT

    found = lab([many], odd=odd, then=then, throughput=True)
    assert found.ended.status == "interrupted"
    assert not any(isinstance(e, ThroughputMeasured) for e in found.events)
