"""The order of a sweep, and what stops a case or the whole: with children that answer at once."""

from __future__ import annotations

import re
import signal
from collections import Counter

import pytest

from harness.answers import SampleResult
from harness.execute import sweep as sweep_module
from harness.execute.child import Outcome
from harness.records import codec
from harness.records.events import AnatomyTaken, Built, MemoryMeasured, ReferenceMade, Sample


def test_every_case_is_measured_once_before_any_is_measured_twice(lab, cases):
    ids = {c.id for c in cases}
    samples = lab(passes=3).samples()
    assert [{case for case, n in samples[k : k + 4]} for k in (0, 4, 8)] == [ids] * 3
    assert [n for _, n in samples] == [0] * 4 + [1] * 4 + [2] * 4


def test_each_pass_has_children_of_another_zygote(lab):
    lanes = {
        n: {lane for lane, kind, _, m in lab(passes=3).jobs if kind == "sample" and m == n} for n in range(3)
    }
    assert lanes == {0: {0}, 1: {1}, 2: {2}}


def test_the_order_within_a_pass_is_drawn_anew_from_the_seed(lab):
    orders = [tuple(c for c, _ in lab(passes=4, seed=3).samples()[k : k + 4]) for k in (0, 4, 8, 12)]
    assert len(set(orders)) > 1
    assert lab(passes=2, seed=3).samples() == lab(passes=2, seed=3).samples()
    assert lab(passes=2, seed=3).samples() != lab(passes=2, seed=4).samples()


def test_one_reference_is_made_for_all_cases_of_a_model_and_batch_size(lab, build, cases):
    other = build.planned("itself", batch_size=1)
    found = lab([*cases, other])
    made = [e for e in found.events if isinstance(e, ReferenceMade)]
    assert sorted(sorted(e.cases) for e in made) == sorted([sorted(c.id for c in cases), [other.id]])


def test_memory_is_measured_once_for_each_case_and_only_if_wanted(lab, cases):
    measured = Counter(e.case for e in lab(passes=3).events if isinstance(e, MemoryMeasured))
    assert measured == {c.id: 1 for c in cases}
    assert not any(isinstance(e, MemoryMeasured) for e in lab(memory=False).events)


def test_each_case_is_taken_apart_once_after_its_memory_and_only_if_wanted(lab, cases):
    done = lab(anatomy=True)
    taken = [e for e in done.events if isinstance(e, AnatomyTaken)]
    assert sorted(e.case for e in taken) == sorted(c.id for c in cases)
    assert all(e.status == "ok" and e.anatomy.calls == 3 for e in taken)
    kinds = [kind for _, kind, case, _ in done.jobs if case == cases[0].id]
    assert kinds.index("memory") + 1 == kinds.index("anatomy")
    assert {lane for lane, kind, *_ in done.jobs if kind == "anatomy"} == {0}
    assert not any(isinstance(e, AnatomyTaken) for e in lab(anatomy=False).events)


def test_a_case_that_cannot_be_taken_apart_keeps_its_times(lab, cases):
    broken = Outcome(signal=signal.SIGSEGV)
    done = lab(odd=lambda kind, job: broken if kind == "anatomy" else None, anatomy=True, passes=2)
    taken = [e for e in done.events if isinstance(e, AnatomyTaken)]
    assert all(e.status == "crashed" and e.anatomy is None and e.reason for e in taken)
    assert len(done.samples()) == 2 * len(cases)


def test_a_case_without_times_is_not_taken_apart(lab, cases):
    broken = Outcome(signal=signal.SIGSEGV)
    done = lab(odd=lambda kind, job: broken if kind == "sample" else None, anatomy=True)
    assert not any(isinstance(e, AnatomyTaken) for e in done.events)


def test_what_a_runner_builds_is_built_once_before_its_first_replicate(lab, build):
    case = build.planned("itself", builds=True)
    found = lab([case], passes=3)
    kinds = [type(e) for e in found.events]
    assert kinds.count(Built) == 1
    assert kinds.index(Built) < kinds.index(Sample)


def test_an_unsupported_case_gets_no_child(lab, build, cases):
    never = build.planned(cases[0], precision="tf32", unsupported="no")
    assert never.id not in {job[2] for job in lab([*cases, never]).jobs}


def failing(victim: str, outcome: Outcome):
    """Every replicate of one case ends like this."""
    return lambda kind, job: outcome if kind == "sample" and job.planned.id == victim else None


def test_a_case_that_crashed_is_not_measured_again_and_the_others_are(lab, cases):
    victim = cases[1].id
    found = lab(odd=failing(victim, Outcome(signal=signal.SIGSEGV)), passes=3)
    counts = Counter(case for case, _ in found.samples())
    assert counts == {c.id: 1 if c.id == victim else 3 for c in cases}
    assert next(e for e in found.events if isinstance(e, Sample) and e.case == victim).status == "crashed"


def test_an_incorrect_case_is_measured_on_since_its_numbers_are_shown(lab, build, cases):
    def odd(kind, job):
        if kind != "sample":
            return None
        wrong = SampleResult(0.2, 0.1, build.timing([[1.0]]), build.verification(False, 0.3), {}, [])
        return Outcome(messages={"result": codec.decode(codec.encode(wrong), dict)}, exit_code=0)

    found = lab(odd=odd, passes=3)
    assert len(found.samples()) == 12
    assert {e.status for e in found.events if isinstance(e, Sample)} == {"incorrect"}


def test_a_case_whose_build_failed_gets_no_replicate(lab, build):
    case = build.planned("itself", builds=True)
    found = lab([case], odd=lambda kind, job: Outcome(exit_code=1) if kind == "build" else None)
    assert found.samples() == []
    assert next(e for e in found.events if isinstance(e, Built)).status == "failed"
    assert ("finished", case.id) in found.seen


def test_a_reference_that_failed_is_recorded_and_the_case_is_measured(lab, cases):
    found = lab(odd=lambda kind, job: Outcome(exit_code=1) if kind == "reference" else None)
    (made,) = (e for e in found.events if isinstance(e, ReferenceMade))
    assert made.status == "failed"
    assert len(found.samples()) == 12


def test_every_case_is_finished_exactly_once_whatever_became_of_it(lab, cases):
    found = lab(odd=failing(cases[2].id, Outcome(exit_code=1)), passes=3)
    finished = Counter(e[1] for e in found.seen if e[0] == "finished")
    assert finished == {c.id: 1 for c in cases}


def test_the_count_that_is_shown_never_goes_beyond_its_total(lab, cases):
    found = lab(odd=failing(cases[2].id, Outcome(exit_code=1)), passes=3)
    begun = [e for e in found.seen if e[0] == "begin"]
    assert all(0 <= done < total for *_, done, total in begun)
    assert begun[-1][3:] == (9, 10)


def test_a_run_that_went_through_is_finished(lab):
    assert lab().ended.status == "finished"


def test_moments_are_kept_in_utc_to_the_millisecond(lab):
    found = lab()
    for moment in [found.ended.at, *(e.started for e in found.events if isinstance(e, Sample))]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)


# ---- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "terminated")],
)
def test_a_signal_ends_the_sweep_and_keeps_what_is_finished(lab, number, status):
    def then(lab, kind, job):
        if len(lab.samples()) == 5:
            lab.signals.received = number

    found = lab(then=then)
    assert found.ended.status == status
    assert found.ended.reason == f"ended by {signal.Signals(number).name}"
    assert len(found.samples()) in (5, 6)


def test_a_replicate_cut_short_is_not_held_against_the_finished_ones(lab):
    def odd(kind, job):
        return Outcome(interrupted=True, signal=9) if job.replicate == 1 else None

    def then(lab, kind, job):
        if job.replicate == 1:
            lab.signals.received = signal.SIGINT

    found = lab(odd=odd, then=then)
    assert {e.status for e in found.events if isinstance(e, Sample)} == {"ok"}
    assert len(found.samples()) == 4


def test_a_case_cut_short_in_its_first_replicate_says_that_it_was(lab):
    def odd(kind, job):
        return Outcome(interrupted=True, signal=9) if kind == "sample" else None

    def then(lab, kind, job):
        if kind == "sample":
            lab.signals.received = signal.SIGINT

    found = lab(odd=odd, then=then)
    assert [e.status for e in found.events if isinstance(e, Sample)] == ["interrupted"]


def test_a_time_budget_starts_after_the_first_pass_which_is_always_completed(lab, monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr(sweep_module.time, "monotonic", lambda: clock["now"])

    def then(lab, kind, job):
        clock["now"] += 100.0

    found = lab(then=then, passes=5, time_budget_s=250.0)
    assert found.ended.status == "out_of_time"
    assert [n for _, n in found.samples()] == [0, 0, 0, 0, 1, 1, 1]


def test_without_a_budget_every_pass_is_made(lab):
    assert len(lab(passes=7).samples()) == 28
