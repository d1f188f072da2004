"""Passes beyond the first: which cases get them, how they stop, and what a run says of it."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from harness.execute import sweep as sweep_module
from harness.execute.passes import why_enough
from harness.records.events import Sample
from harness.records.settings import Settings

NOISY = [1.0, 1.5, 1.1, 1.4]
"""Replicates that stay far from within 5 %."""


def replicates(found):
    return Counter(case for case, _ in found.samples())


def test_only_the_cases_that_are_too_wide_get_further_passes_and_their_baseline_with_them(lab, cases, took):
    noisy = cases[2].id
    found = lab(odd=took({noisy: NOISY}), until=0.05)
    assert replicates(found) == {cases[0].id: 12, noisy: 12, cases[1].id: 3, cases[3].id: 3}
    assert [e[1:] for e in found.seen if e[0] == "pass"][2:4] == [
        (2, 3, 4, ""),
        (3, 12, 2, "1 wider than ±5 %, 1 as baseline"),
    ]


def test_in_a_further_pass_both_sides_of_a_speedup_are_measured_so_that_it_narrows_too(
    lab, build, cases, took
):
    noisy = cases[2]
    found = lab(odd=took({noisy.id: NOISY}), until=0.05)
    by_pass = {n: {case for case, m in found.samples() if m == n} for n in range(3, 12)}
    assert all(pair == {noisy.id, cases[0].id} for pair in by_pass.values())
    record = next(r for r in build.report(cases, found.events).records if r.id == noisy.id)
    short = [e for e in found.events if not isinstance(e, Sample) or e.replicate < 3]
    before = next(r for r in build.report(cases, short).records if r.id == noisy.id)
    assert record.speedup.high / record.speedup.low < before.speedup.high / before.speedup.low


def test_a_baseline_that_is_too_wide_is_measured_on_without_those_that_are_not(lab, cases, took):
    found = lab(odd=took({cases[0].id: NOISY}), until=0.05)
    assert replicates(found) == {cases[0].id: 12, **{c.id: 3 for c in cases[1:]}}


def test_a_case_stops_as_soon_as_its_interval_is_narrow_enough(lab, cases, took):
    found = lab(odd=took({cases[1].id: [4.0, 4.2, 4.1, 4.1]}), until=0.05)
    count = replicates(found)[cases[1].id]
    assert 3 < count < 12
    assert found.ended.reason == "every interval is within ±5 %"
    assert found.ended.status == "finished"


def test_without_an_aim_a_noisy_case_gets_its_passes_and_no_more(lab, cases, took):
    found = lab(odd=took({cases[1].id: NOISY}), passes=4)
    assert set(replicates(found).values()) == {4}
    assert found.ended.reason is None


def test_an_incorrect_case_gets_no_further_passes(lab, build, cases):
    from harness.answers import SampleResult
    from harness.execute.child import Outcome
    from harness.records import codec

    def odd(kind, job):
        if kind != "sample":
            return None
        ms = NOISY[job.replicate % 4]
        wrong = SampleResult(0.2, 0.1, build.timing([[ms]]), build.verification(False, 0.3), {}, [])
        return Outcome(messages={"result": codec.decode(codec.encode(wrong), dict)}, exit_code=0)

    found = lab(odd=odd, until=0.05)
    assert set(replicates(found).values()) == {3}
    assert found.ended.reason is None


def test_a_case_that_fails_in_a_further_pass_is_left_and_the_rest_goes_on(lab, cases, took):
    from harness.execute.child import Outcome

    times = took({cases[1].id: NOISY, cases[2].id: NOISY})

    def odd(kind, job):
        if kind == "sample" and job.planned.id == cases[1].id and job.replicate == 5:
            return Outcome(signal=signal.SIGSEGV)
        return times(kind, job)

    found = lab(odd=odd, until=0.05)
    assert replicates(found)[cases[1].id] == 6
    assert replicates(found)[cases[2].id] == 12


def test_one_pass_has_no_interval_so_an_aim_asks_for_a_second(lab, cases):
    assert set(replicates(lab(passes=1, until=0.05)).values()) == {2}


def test_every_case_is_finished_exactly_once_and_after_its_last_replicate(lab, cases, took):
    found = lab(odd=took({cases[2].id: NOISY}), until=0.05)
    assert Counter(e[1] for e in found.seen if e[0] == "finished") == {c.id: 1 for c in cases}
    for planned in cases:
        mine = [k for k, e in enumerate(found.seen) if e[0] in ("begin", "finished") and e[1] == planned.id]
        assert found.seen[mine[-1]][0] == "finished"


def test_the_count_that_is_shown_never_goes_beyond_its_total(lab, cases, took):
    found = lab(odd=took({cases[2].id: NOISY}), until=0.05)
    begun = [e for e in found.seen if e[0] == "begin"]
    assert all(0 <= done < total for *_, done, total in begun)
    assert begun[-1][3:] == (29, 30)


def test_the_order_of_further_passes_follows_from_the_seed(lab, cases, took):
    odd = took({c.id: NOISY for c in cases})
    once = lab(odd=odd, until=0.05, seed=3).samples()
    assert once == lab(odd=odd, until=0.05, seed=3).samples()
    assert once != lab(odd=odd, until=0.05, seed=4).samples()


# ---- budgets ----------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock on which every job takes 10 seconds: `then=clock`."""
    time = {"now": 0.0}
    monkeypatch.setattr(sweep_module.time, "monotonic", lambda: time["now"])

    def then(lab, kind, job):
        time["now"] += 10.0

    return then


def test_the_budget_of_further_passes_cuts_none_of_those_that_every_case_gets(lab, cases, took, clock):
    odd = took({c.id: NOISY for c in cases})
    found = lab(odd=odd, then=clock, until=0.05, further_s=0.0)
    assert set(replicates(found).values()) == {3}
    found = lab(odd=odd, then=clock, until=0.05, further_s=65.0)
    assert len(found.samples()) == 12 + 7
    assert found.ended.status == "finished"
    assert found.ended.reason == (
        "the time for further passes is spent: 4 of 4 intervals are wider than ±5 %"
    )


def test_a_budget_that_was_given_cuts_everything_after_the_first_pass(lab, cases, took, clock):
    odd = took({c.id: NOISY for c in cases})
    found = lab(odd=odd, then=clock, until=0.05, time_budget_s=25.0, further_s=None)
    assert len(found.samples()) == 4 + 3
    assert found.ended.status == "out_of_time"


def test_a_run_whose_last_replicate_ends_late_is_finished_and_not_out_of_time(lab, clock):
    assert lab(then=clock, passes=2, time_budget_s=35.0).ended.status == "finished"


def test_every_case_is_finished_when_the_time_is_spent(lab, cases, took, clock):
    odd = took({c.id: NOISY for c in cases})
    found = lab(odd=odd, then=clock, until=0.05, further_s=15.0)
    assert Counter(e[1] for e in found.seen if e[0] == "finished") == {c.id: 1 for c in cases}


def test_a_signal_in_a_further_pass_keeps_what_is_there(lab, build, cases, took):
    def then(lab, kind, job):
        if len(lab.samples()) == 14:
            lab.signals.received = signal.SIGINT

    found = lab(odd=took({c.id: NOISY for c in cases}), then=then, until=0.05)
    assert found.ended.status == "interrupted"
    assert {r.status for r in build.report(cases, found.events).records} == {"ok"}


@pytest.mark.parametrize(
    ("wide", "of", "cut", "said"),
    [
        (0, 3, False, "every interval is within ±2.5 %"),
        (2, 3, False, "12 passes are made: 2 of 3 intervals are wider than ±2.5 %"),
        (2, 3, True, "the time for further passes is spent: 2 of 3 intervals are wider than ±2.5 %"),
        (0, 0, False, None),
    ],
)
def test_a_run_says_what_became_of_its_aim(wide, of, cut, said):
    assert why_enough(wide, of, Settings(until=0.025), cut) == said
