"""From a stored run to the report: what is said of a case, and what cannot be said honestly."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analyse.analyse import analyse, record_of
from harness.analyse.statistics import log_interval
from harness.records.events import Built, Memory, MemoryMeasured, ReferenceMade, Timing
from harness.records.noise import BlockNoise


@pytest.fixture(scope="module")
def base(build):
    """Eager fp32, its own baseline."""
    return build.planned("itself")


@pytest.fixture(scope="module")
def fast(build, base):
    """The compiled case, counted from the baseline."""
    return build.planned(base, runner="compile")


def records(build, cases, events, ended="finished"):
    return {r.id: r for r in build.report(cases, events, ended).records}


# ---- latency -------------------------------------------------------------------------------------


def test_a_replicate_counts_with_the_mean_of_its_block_medians(build, base):
    sample = build.sample(base, timing=build.timing([[4.0, 4.0, 90.0], [5.0, 5.0, 5.0]]))
    assert records(build, [base], [sample])[base.id].latency_ms.median == pytest.approx(4.5)


def test_the_latency_is_the_geometric_mean_over_replicates_with_their_interval(build, base):
    values = [4.0, 4.2, 3.9]
    found = records(build, [base], [build.sample(base, n, v) for n, v in enumerate(values)])[base.id]
    latency = found.latency_ms
    assert (latency.median, latency.low, latency.high) == pytest.approx(log_interval(values))
    assert latency.replicates == pytest.approx(values)
    assert (latency.level, found.replicates, found.calls) == (0.95, 3, 60)


def test_one_replicate_has_no_interval_however_many_calls_it_made(build, base):
    sample = build.sample(base, timing=build.timing([[4.0 + 0.01 * k for k in range(500)]] * 5))
    latency = records(build, [base], [sample])[base.id].latency_ms
    assert (latency.low, latency.high) == (None, None)
    assert latency.p90 is not None


def test_percentiles_are_over_all_calls_and_left_out_where_there_are_too_few(build, base):
    few = records(build, [base], [build.sample(base, n) for n in range(3)])[base.id].latency_ms
    assert (few.p90, few.p99) == (None, None)
    sample = build.sample(base, timing=build.timing([[1.0 + 0.001 * k for k in range(100)]]))
    some = records(build, [base], [sample])[base.id].latency_ms
    assert some.p90.value == pytest.approx(1.0891)
    assert some.p90.bound > some.p90.value
    assert some.p99 is None


def test_the_order_in_which_passes_were_written_does_not_matter(build, base):
    samples = [build.sample(base, n, 4.0 + n) for n in range(3)]
    one, other = build.report([base], samples), build.report([base], samples[::-1])
    assert one == other
    assert one.records[0].latency_ms.replicates == pytest.approx([4.0, 5.0, 6.0])


def test_throughput_counts_the_models_units_in_a_closed_loop(build):
    tokens = build.planned("itself", items=4096, unit="tokens")
    found = records(build, [tokens], [build.sample(tokens, 0, 8.0)])[tokens.id].throughput_per_s
    assert (found.value, found.unit, found.kind) == (pytest.approx(512_000), "tokens/s", "closed_loop")


# ---- speed-up ------------------------------------------------------------------------------------


def test_a_speedup_is_paired_pass_by_pass(build, base, fast):
    # The machine slows both down from pass to pass; their ratio is 2 in each.
    events = [build.sample(c, n, ms * 1.5**n) for n in range(3) for c, ms in ((base, 4.0), (fast, 2.0))]
    found = records(build, [base, fast], events)[fast.id].speedup
    assert (found.baseline, found.ratio) == (base.id, pytest.approx(2.0))
    assert found.high - found.low < 1e-6


def test_only_passes_that_both_finished_count_for_a_speedup(build, base, fast):
    events = [build.sample(base, 0, 4.0), build.sample(base, 1, 40.0), build.sample(fast, 0, 2.0)]
    events.append(build.sample(fast, 2, 0.1))
    found = records(build, [base, fast], events)[fast.id].speedup
    assert (found.ratio, found.low, found.high) == (pytest.approx(2.0), None, None)


def test_without_a_pass_in_common_there_is_no_speedup(build, base, fast):
    events = [build.sample(base, 0, 4.0), build.sample(fast, 1, 2.0)]
    assert records(build, [base, fast], events)[fast.id].speedup is None


def test_a_baseline_is_flagged_and_has_no_speedup_over_itself(build, base):
    found = records(build, [base], [build.sample(base)])[base.id]
    assert (found.is_baseline, found.speedup, found.break_even_calls) == (True, None, None)


def test_a_baseline_that_failed_leaves_its_cases_without_a_speedup(build, base, fast):
    events = [build.broken(base, "crashed", "killed"), build.sample(fast, 0, 2.0)]
    found = records(build, [base, fast], events)[fast.id]
    assert (found.speedup, found.status) == (None, "ok")


# ---- status --------------------------------------------------------------------------------------


def test_a_case_has_the_worst_status_of_its_replicates_with_the_replicate_named(build, base):
    events = [
        build.sample(base, 0),
        build.broken(base, "timeout", "not done within 5 s", 1),
        build.broken(base, "crashed", "killed by SIGSEGV", 2, detail="a trace"),
    ]
    found = records(build, [base], events)[base.id]
    assert (found.status, found.reason) == ("crashed", "replicate 3: killed by SIGSEGV")
    assert found.detail == "a trace"
    assert found.replicates == 1


def test_the_reason_of_a_single_replicate_needs_no_number(build, base):
    found = records(build, [base], [build.broken(base, "failed", "loading: no")])[base.id]
    assert (found.status, found.reason) == ("failed", "loading: no")


def test_a_failed_build_is_the_status_of_its_case(build, base):
    built = Built(base.id, "failed", 2.0, reason="making its files: no kernel", detail="log")
    found = records(build, [base], [built])[base.id]
    assert (found.status, found.reason, found.detail) == ("failed", "making its files: no kernel", "log")


def test_an_unsupported_case_says_what_would_work(build, base):
    never = build.planned(base, precision="tf32", unsupported="no tensor cores: try -p fp32")
    found = records(build, [base, never], [build.sample(base)])[never.id]
    assert (found.status, found.reason) == ("unsupported", "no tensor cores: try -p fp32")
    assert found.latency_ms is None


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ("out_of_time", "out_of_time"),
        ("interrupted", "interrupted"),
        (None, "the run has not come to it"),
    ],
)
def test_what_a_run_did_not_come_to_is_not_reached_and_says_why(build, base, fast, ended, reason):
    found = records(build, [base, fast], [build.sample(base)], ended)[fast.id]
    assert (found.status, found.reason) == ("not_reached", reason)


def test_an_incorrect_case_is_shown_with_its_numbers(build, base):
    wrong = build.verification(False, 0.3)
    found = records(
        build, [base], [build.sample(base, status="incorrect", reason="error", verification=wrong)]
    )[base.id]
    assert found.status == "incorrect"
    assert found.latency_ms.median == pytest.approx(4.0)
    assert found.verification == wrong


def test_the_timing_of_a_sample_that_failed_does_not_count(build, base):
    events = [build.sample(base, 0, 4.0), build.sample(base, 1, 40.0, status="failed", reason="it compiled")]
    found = records(build, [base], events)[base.id]
    assert found.latency_ms.replicates == pytest.approx([4.0])
    assert (found.status, found.reason) == ("failed", "replicate 2: it compiled")


# ---- verification --------------------------------------------------------------------------------


def test_the_worst_verification_of_the_replicates_is_shown(build, base):
    errors = [1e-7, 9e-6, 1e-6]
    events = [build.sample(base, n, verification=build.verification(True, e)) for n, e in enumerate(errors)]
    assert records(build, [base], events)[base.id].verification.error == 9e-6


@pytest.mark.parametrize("error", [1e-9, None])
def test_a_failed_verification_is_worse_than_any_error_that_passed(build, base, error):
    events = [
        build.sample(base, 0, verification=build.verification(True, 5e-5)),
        build.sample(base, 1, verification=build.verification(False, error), status="incorrect"),
    ]
    assert records(build, [base], events)[base.id].verification.passed is False


# ---- the best ------------------------------------------------------------------------------------


def test_the_best_is_the_fastest_correct_case_of_its_group(build, base, fast):
    other = build.planned("itself", batch_size=1)
    events = [build.sample(base, 0, 4.0), build.sample(fast, 0, 2.0), build.sample(other, 0, 9.0)]
    found = records(build, [base, fast, other], events)
    assert [found[c.id].best for c in (base, fast, other)] == [False, True, True]


@pytest.mark.parametrize(
    "doubt",
    [
        {"status": "incorrect", "reason": "error 0.3 is above the limit"},
        {"verification": None},
        {"status": "failed", "reason": "it compiled while calls were timed"},
    ],
    ids=["incorrect", "unverified", "failed"],
)
def test_a_case_in_doubt_is_never_the_best_however_fast(build, base, fast, doubt):
    events = [build.sample(base, 0, 4.0), build.sample(fast, 0, 0.001, **doubt)]
    found = records(build, [base, fast], events)
    assert (found[base.id].best, found[fast.id].best) == (True, False)


def test_one_wrong_replicate_costs_a_case_its_place(build, base, fast):
    wrong = {"status": "incorrect", "reason": "error", "verification": build.verification(False, 0.3)}
    events = [
        build.sample(base, 0, 4.0),
        *(build.sample(fast, n, 1.0, **(wrong if n == 2 else {})) for n in range(3)),
    ]
    found = records(build, [base, fast], events)
    assert (found[base.id].best, found[fast.id].best) == (True, False)


@given(st.data())
def test_there_is_at_most_one_best_in_a_group_and_it_is_right(build, data):
    base = build.planned("itself")
    cases = [base, *(build.planned(base, precision=f"p{k}") for k in range(4))]
    events = []
    for case in cases:
        status = data.draw(st.sampled_from(["ok", "incorrect", "crashed", "unverified", "not_reached"]))
        ms = data.draw(st.floats(0.1, 10))
        if status == "crashed":
            events.append(build.broken(case, status, "killed"))
        elif status == "unverified":
            events.append(build.sample(case, 0, ms, verification=None))
        elif status != "not_reached":
            events.append(
                build.sample(case, 0, ms, status=status, verification=build.verification(status == "ok"))
            )
    found = build.report(cases, events).records
    right = [r for r in found if r.status == "ok" and r.verification]
    assert sum(r.best for r in found) == min(1, len(right))
    for record in found:
        if record.best:
            assert record in right
            assert record.latency_ms.median == min(r.latency_ms.median for r in right)


# ---- ready, break-even ---------------------------------------------------------------------------


def test_the_first_replicate_starts_cold_and_the_others_warm(build, base):
    events = [build.sample(base, n, ready_s=s) for n, s in enumerate([10.0, 1.3, 1.1, 1.2])]
    ready = records(build, [base], events)[base.id].ready_s
    assert (ready.cold, ready.warm) == (10.0, 1.2)


def test_a_cold_start_includes_what_is_built_once(build, base):
    events = [
        Built(base.id, "ok", 3.0, 2.5),
        build.sample(base, 0, ready_s=0.5),
        build.sample(base, 1, ready_s=0.4),
    ]
    found = records(build, [base], events)[base.id]
    assert (found.ready_s.cold, found.ready_s.warm) == (3.0, 0.4)
    assert found.facts["build_s"] == 2.5


def test_without_the_first_replicate_nothing_is_known_of_a_cold_start(build, base):
    events = [build.broken(base, "timeout", "late", 0), build.sample(base, 1, ready_s=1.0)]
    ready = records(build, [base], events)[base.id].ready_s
    assert (ready.cold, ready.warm) == (None, 1.0)


def test_a_slow_start_is_earned_back_after_extra_time_over_gain_per_call(build, base, fast):
    events = [build.sample(base, 0, 4.0, ready_s=0.1), build.sample(fast, 0, 2.0, ready_s=10.1)]
    assert records(build, [base, fast], events)[fast.id].break_even_calls == 5000


@pytest.mark.parametrize(("ms", "ready_s", "calls"), [(5.0, 10.0, None), (4.0, 10.0, None), (2.0, 0.05, 0)])
def test_what_is_no_faster_never_pays_off_and_what_starts_sooner_does_at_once(
    build, base, fast, ms, ready_s, calls
):
    events = [build.sample(base, 0, 4.0, ready_s=0.1), build.sample(fast, 0, ms, ready_s=ready_s)]
    assert records(build, [base, fast], events)[fast.id].break_even_calls == calls


def test_where_the_interval_holds_no_gain_nobody_can_say_when_a_start_is_earned_back(build, base, fast):
    def calls(second: float) -> int | None:
        events = [build.sample(base, n, 4.0, ready_s=0.1) for n in (0, 1)]
        events += [build.sample(fast, n, ms, ready_s=10.1) for n, ms in ((0, 2.0), (1, second))]
        found = records(build, [base, fast], events)[fast.id]
        assert found.speedup.ratio > 1
        return found.break_even_calls

    assert calls(2.01) is not None
    assert calls(3.9) is None


# ---- warnings and facts --------------------------------------------------------------------------


def test_everything_that_bears_on_a_number_is_a_warning_of_its_record(build, base):
    case = dataclasses.replace(base, emulated="no bfloat16 here", tolerance_source="option", tolerance=0.5)
    events = [
        ReferenceMade([case.id], "failed", 1.0, reason="out of memory"),
        build.sample(case, 0, warnings=["the float32 mode changed"]),
        build.sample(case, 1, warnings=["the float32 mode changed", "no steady state"]),
        MemoryMeasured(case.id, "crashed", 1.0, reason="killed"),
    ]
    assert records(build, [case], events)[case.id].warnings == [
        "emulated: no bfloat16 here",
        "the tolerance was set to 0.5 by an option",
        "not verified, no reference: out of memory",
        "the float32 mode changed",
        "no steady state",
        "memory not measured: killed",
    ]


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (["steady", "steady"], "steady"),
        (["steady", "capped"], "capped"),
        (["capped", "no steady state", "steady"], "no steady state"),
        (["flat", "warm-up", "flat"], "warm-up"),
        (["slowdown", "flat", "capped"], "slowdown"),
    ],
)
def test_the_worst_end_of_a_warm_up_is_shown(build, base, states, shown):
    events = [build.sample(base, n, timing=build.timing([[4.0] * 4], s)) for n, s in enumerate(states)]
    assert records(build, [base], events)[base.id].warm_up == shown


# ---- calls in loops, audited blocks, device time ---------------------------------------------------


def test_the_time_of_one_call_in_a_loop_is_the_loops_without_what_the_loop_itself_takes(build, base):
    packed = build.timing([[1.0] * 100] * 5)
    timing = dataclasses.replace(packed, calls_per_stamp=125, empty_ns=10.0)
    found = records(build, [base], [build.sample(base, timing=timing)])[base.id]
    assert found.latency_ms.median == pytest.approx(1 / 125 - 10e-6)
    assert found.calls == 500 * 125
    assert (found.latency_ms.p90, found.latency_ms.p99) == (None, None)


def noisy_timing(build, suspect):
    blocks = [[9.0 if n in suspect else 4.0] * 20 for n in range(5)]
    noise = [BlockNoise(0.1, flags=["steal"] if n in suspect else []) for n in range(5)]
    return dataclasses.replace(build.timing(blocks), noise=noise)


def test_blocks_that_the_audit_found_suspect_do_not_count_as_long_as_half_remain(build, base):
    def value(*suspect):
        event = build.sample(base, timing=noisy_timing(build, suspect))
        return records(build, [base], [event])[base.id].latency_ms

    assert value(1).median == pytest.approx(4.0)
    assert value(1, 3).median == pytest.approx(4.0)
    assert value(0, 1, 2).median == pytest.approx((3 * 9 + 2 * 4) / 5)
    # Their calls are still calls that somebody waited for.
    assert value(1).mean == pytest.approx(5.0)


def test_device_time_has_its_own_interval_and_says_who_waits_for_whom(build, base):
    def event(number, host_ms, device_ms):
        timing = dataclasses.replace(build.timing([[host_ms] * 20] * 5), device_ns=[device_ms * 1e6] * 5)
        return build.sample(base, number, timing=timing)

    found = records(build, [base], [event(0, 0.20, 0.100), event(1, 0.24, 0.101)])[base.id]
    assert found.device_ms.median == pytest.approx(0.1005, rel=1e-3)
    assert found.device_ms.high / found.device_ms.low < found.latency_ms.high / found.latency_ms.low
    assert found.launch_bound is True
    busy = records(build, [base], [event(0, 4.02, 4.0)])[base.id]
    assert busy.launch_bound is False
    assert busy.device_ms.low is None


def test_without_device_time_nothing_is_said_of_launching(build, base):
    found = records(build, [base], [build.sample(base)])[base.id]
    assert (found.device_ms, found.launch_bound) == (None, None)


def test_memory_is_that_of_the_memory_child(build, base):
    memory = Memory(host_run_peak=64.0, weights=24.0)
    found = records(build, [base], [build.sample(base), MemoryMeasured(base.id, "ok", 1.0, memory)])[base.id]
    assert found.memory_mib == memory


# ---- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "timing",
    [
        Timing("!!", [20], 1, 0.1, "steady"),
        Timing("", [], 1, 0.1, "steady"),
        Timing("", [5, 5], 1, 0.1, "steady"),
    ],
)
def test_call_times_that_cannot_be_read_cost_their_replicate_and_nothing_else(build, base, timing):
    events = [build.sample(base, 0, timing=timing), build.sample(base, 1, 4.0)]
    found = records(build, [base], events)[base.id]
    assert found.latency_ms.replicates == pytest.approx([4.0])
    assert any(w.startswith("replicate 1 ") for w in found.warnings)


def test_call_times_of_zero_are_no_latency(build, base):
    found = records(build, [base], [build.sample(base, 0, 0.0)])[base.id]
    assert found.latency_ms is None
    assert found.warnings == ["replicate 1 cannot be read: no usable call times"]


def test_a_sample_of_a_case_that_is_not_in_the_plan_is_passed_over(build, base, fast):
    assert len(build.report([base], [build.sample(base), build.sample(fast)]).records) == 1


# ---- the report ----------------------------------------------------------------------------------


def test_there_is_one_record_for_each_planned_case_in_the_order_of_the_plan(build):
    report = build.full_report()
    assert len({r.id for r in report.records}) == len(report.records) == 11
    assert [r.status for r in report.records[:5]] == ["ok", "ok", "incorrect", "ok", "unsupported"]


def test_the_record_of_one_case_is_the_one_in_the_report(build, base, fast):
    run = build.stored([base, fast], [build.sample(base), build.sample(fast)])
    assert record_of(run, fast.id) == analyse(run).records[1]


def test_a_run_without_an_end_is_running(build, base):
    info = build.report([base], [], None).run
    assert (info.status, info.ended) == ("running", None)


def test_no_number_of_a_report_is_infinite_or_nan(build):
    def numbers(value):
        if isinstance(value, float):
            yield value
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield from numbers(getattr(value, field.name))
        elif isinstance(value, (list, tuple)):
            for part in value:
                yield from numbers(part)

    assert all(math.isfinite(n) for n in numbers(build.full_report()))


def test_page_faults_of_a_call_are_those_of_a_usual_block(build):
    """The first block takes its pages, and is no usual one; of blocks of four calls each."""
    case = build.planned("itself")
    noise = [BlockNoise(0.1, minor_faults=n) for n in (4000, 400, 404, 396, 400)]
    timing = dataclasses.replace(build.timing([[4.0] * 4] * 5), noise=noise)
    uncounted = dataclasses.replace(timing, noise=[BlockNoise(0.1)] * 5)
    for counted, expected in ((timing, 100.0), (uncounted, None)):
        report = build.report([case], [build.sample(case, 0, 4.0, timing=counted)])
        assert report.records[0].page_faults == expected
