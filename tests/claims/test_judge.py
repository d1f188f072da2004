"""Verdicts on reports that were built for them: an interval decides, and an incorrect case wins nothing."""

import dataclasses

import pytest

from harness.claims.carried import carried, carries, speedups
from harness.claims.judge import answers, judge, left_open
from harness.claims.language import parse
from harness.claims.points import Here
from harness.claims.text import Style, markdown, settle_command, text
from harness.records.anatomy import Anatomy, OperatorShare
from harness.records.claims import (
    CANNOT_SAY,
    CARRIES,
    CONFIRMED,
    DOES_NOT,
    NOT_TESTABLE,
    REFUTED,
    SCHEMA,
    ClaimsReport,
    Measured,
)
from harness.records.events import Memory, MemoryMeasured
from harness.records.noise import NoiseSummary
from harness.records.report import Percentile

HERE = Here("cpu", 2)
AT_64 = 'case = { precision = "bf16-true", batch_size = 64 }\n'
OVER_FP32 = AT_64 + 'compared_with = { precision = "fp32" }\n'


def claim(body):
    return parse("mine", f'[[claim]]\nname = "a"\n{body}').claims[0]


@pytest.fixture
def two(build):
    """A report of fp32 and bf16-true with these times, pass by pass."""

    def make(fp32, bf16, events=(), **changes):
        base = build.planned("itself")
        quick = build.planned(base, precision="bf16-true", tolerance=2e-2)
        samples = [build.sample(base, n, ms) for n, ms in enumerate(fp32)]
        samples += [build.sample(quick, n, ms, **changes) for n, ms in enumerate(bf16)]
        return build.report([base, quick], [*samples, *(e(base, quick) for e in events)])

    return make


def word(body, report):
    return judge([claim(body)], [report], HERE)[0]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("at_least = 1.7, at_most = 2.5", CONFIRMED),
        ("at_least = 2.5", REFUTED),
        ("at_most = 1.5", REFUTED),
        ("at_least = 2.0", NOT_TESTABLE),
    ],
)
def test_a_ratio_is_judged_by_its_whole_interval(two, limits, expected):
    found = word(OVER_FP32 + f"speedup = {{ {limits} }}", two((4.0, 4.1, 3.9), (2.0, 2.01, 1.99)))
    assert found.word == expected
    assert found.answers[0].low < found.answers[0].value < found.answers[0].high


def test_a_ratio_is_paired_by_pass_and_no_quotient_of_two_intervals(two):
    """Both drift by a factor of three from pass to pass: what they share cancels."""
    report = two((3.0, 6.0, 9.0), (1.5, 3.0, 4.5))
    found = word(OVER_FP32 + "throughput_ratio = { at_least = 1.9, at_most = 2.1 }", report)
    assert found.word == CONFIRMED
    assert report.records[1].latency_ms.high > 2 * report.records[1].latency_ms.low


def test_noise_says_how_many_passes_would_settle_it(two):
    found = word(OVER_FP32 + "speedup = { at_least = 1.9 }", two((4.0, 4.6, 3.6), (2.0, 2.0, 2.0)))
    assert found.word == NOT_TESTABLE
    assert "noise: the interval holds 1.9" in found.answers[0].reason
    assert found.answers[0].passes_needed > 3


def test_noise_that_no_number_of_passes_cures_says_so(two):
    found = word(OVER_FP32 + "speedup = { at_least = 2 }", two((4.0, 6.0, 2.7), (2.0, 2.0, 2.0)))
    assert found.answers[0].passes_needed is None
    assert "more than 100 passes would be needed" in found.answers[0].reason


def test_what_noise_leaves_open_comes_with_the_command_that_settles_it(two, build):
    report = two((4.0, 4.6, 3.6), (2.0, 2.0, 2.0))
    bodies = ("speedup = { at_least = 1.9 }", "speedup = { at_least = 9 }")
    verdicts = judge([claim(OVER_FP32 + b) for b in bodies], [report], HERE)
    assert [left_open(v) for v in verdicts] == [True, False]
    whole = ClaimsReport(
        SCHEMA, "my claims.toml", "", build.STARTED, "harness claims", "0.1.0", build.environment(), ["r1"],
        verdicts,
    )  # fmt: skip
    needed = verdicts[0].answers[0].passes_needed
    command = settle_command(whole)
    assert command.startswith("harness claims 'my claims.toml' --run r1 --settle --passes ")
    assert needed < int(command.split()[-1]) < 2 * needed
    assert command in text(whole)
    assert command in markdown(whole)


@pytest.mark.parametrize(("limit", "expected"), [(3.5, CONFIRMED), (2.2, NOT_TESTABLE), (1.2, REFUTED)])
def test_a_percentile_is_judged_by_its_bound_and_the_mirror_image_of_it(two, limit, expected):
    report = two((4.0, 4.0), (2.0, 2.0))
    latency = dataclasses.replace(report.records[1].latency_ms, p99=Percentile(2.0, 3.0))
    record = dataclasses.replace(report.records[1], latency_ms=latency)
    report = dataclasses.replace(report, records=[record])
    assert word(AT_64 + f"p99_ms = {{ at_most = {limit} }}", report).word == expected


def test_the_share_of_the_device_is_its_time_over_the_latency_of_the_same_pass(two):
    report = two((4.0, 4.0), (2.0, 6.0))
    latency = report.records[1].latency_ms
    device = dataclasses.replace(latency, replicates=[1.7, 5.1])
    record = dataclasses.replace(report.records[1], device_ms=device)
    found = word(AT_64 + "device_share = { at_least = 0.8 }", dataclasses.replace(report, records=[record]))
    assert (found.word, found.answers[0].value) == (CONFIRMED, pytest.approx(0.85))
    assert word(AT_64 + "device_share = { at_least = 0.8 }", report).word == NOT_TESTABLE


def test_a_condition_along_an_axis_is_judged_at_each_value(build):
    report = along(build, {("eager", 1): 1.0, ("compile", 1): 5.0})
    found = word(
        'case = { batch_size = 1 }\nover = { runner = ["eager", "compile"] }\nlatency_ms = { at_most = 3 }',
        report,
    )
    assert found.word == REFUTED
    assert [(a.text, a.word) for a in found.answers] == [
        ("latency at most 3 ms at runner eager", CONFIRMED),
        ("latency at most 3 ms at runner compile", REFUTED),
    ]


@pytest.mark.parametrize(
    ("body", "quiet", "beside_other_work"),
    [
        (OVER_FP32 + "speedup = { at_least = 1.7 }", CONFIRMED, NOT_TESTABLE),
        (OVER_FP32 + "speedup = { at_least = 2.5 }", REFUTED, NOT_TESTABLE),
        (AT_64 + "latency_ms = { at_most = 5 }", CONFIRMED, CONFIRMED),
        (AT_64 + "latency_ms = { at_most = 1 }", REFUTED, NOT_TESTABLE),
        (AT_64 + "latency_ms = { at_least = 1, at_most = 5 }", CONFIRMED, NOT_TESTABLE),
        (AT_64 + "throughput_per_s = { at_least = 1000 }", CONFIRMED, CONFIRMED),
        (AT_64 + "throughput_per_s = { at_most = 1e6 }", CONFIRMED, NOT_TESTABLE),
        (AT_64 + "error = { at_most = 1e-9 }", REFUTED, REFUTED),
    ],
)
def test_beside_other_work_nothing_is_said_of_times_but_what_holds_all_the_same(
    two, body, quiet, beside_other_work
):
    report = two((4.0, 4.1, 3.9), (2.0, 2.01, 1.99))
    assert word(body, report).word == quiet
    noise = NoiseSummary(10, 6, {"steal": 6})
    report = dataclasses.replace(report, run=dataclasses.replace(report.run, noise=noise))
    found = word(body, report)
    assert found.word == beside_other_work
    if quiet != beside_other_work:
        reason = f"busy (6 of 10 blocks suspect); on a quiet one it might not be {quiet.lower()}"
        assert reason in found.answers[0].reason
    assert judge([claim(body)], [report], HERE, despite_noise=True)[0].word == quiet


def test_one_pass_has_no_interval(two):
    found = word(OVER_FP32 + "speedup = { at_least = 1.1 }", two((4.0,), (2.0,)))
    assert found.word == NOT_TESTABLE
    assert "one pass has no interval" in found.answers[0].reason


def test_an_incorrect_case_confirms_no_speed(two, build):
    report = two(
        (4.0, 4.0, 4.01),
        (1.0, 1.0, 1.01),
        status="incorrect",
        reason="error 0.31 is above the limit 0.02",
        verification=build.verification(False, 0.31),
    )
    found = word(OVER_FP32 + "speedup = { at_least = 1.1 }", report)
    assert found.word == NOT_TESTABLE
    assert "is incorrect: " in found.answers[0].reason
    assert word(AT_64 + "error = { at_most = 0.02 }", report).word == REFUTED


def test_all_conditions_must_hold_and_one_that_does_not_refutes(two):
    report = two((4.0, 4.1, 3.9), (2.0, 2.01, 1.99))
    both = (
        AT_64.replace("{", "{{").replace("}", "}}")
        + "latency_ms = {{ at_most = {} }}\nerror = {{ at_most = {} }}"
    )
    assert word(both.format(5, 0.02), report).word == CONFIRMED
    assert word(both.format(1, 0.02), report).word == REFUTED
    assert word(both.format(2, 0.02), report).word == NOT_TESTABLE
    assert word(both.format(2, 1e-9), report).word == REFUTED


def test_memory_has_no_spread_and_is_judged_directly(two):
    def of(mib, which):
        return lambda base, quick: MemoryMeasured((base, quick)[which].id, "ok", 1.0, Memory(weights=mib))

    report = two((4.0, 4.0), (2.0, 2.0), [of(40.0, 0), of(20.0, 1)])
    assert word(OVER_FP32 + "weights_ratio = { at_most = 0.5 }", report).word == CONFIRMED
    assert word(AT_64 + "weights_mib = { at_most = 10 }", report).word == REFUTED
    assert word(AT_64 + "host_peak_mib = { at_most = 10 }", report).word == NOT_TESTABLE


def test_unsupported_is_not_testable_with_its_reason(build):
    case = build.planned("itself", device="cuda", unsupported="there is no CUDA device here")
    found = word(
        'case = { batch_size = 64, device = "cuda" }\nlatency_ms = { at_most = 5 }', build.report([case])
    )
    assert found.word == NOT_TESTABLE
    assert "there is no CUDA device here" in found.answers[0].reason


def along(build, times):
    cases = {
        (runner, batch): build.planned("itself", runner=runner, batch_size=batch) for runner, batch in times
    }
    samples = [
        build.sample(cases[key], n, ms * (1 + n / 1000))
        for key, ms in times.items()
        for n, ms in enumerate([ms] * 3)
    ]
    return build.report(list(cases.values()), samples)


GROWTH = 'over = { batch_size = [1, 16, 64] }\ngrows = ["throughput", "latency"]'


def test_growth_is_from_the_first_value_to_the_last(build):
    report = along(build, {("eager", 1): 1.0, ("eager", 16): 4.0, ("eager", 64): 12.0})
    assert word(GROWTH, report).word == CONFIRMED


def test_a_step_that_surely_goes_the_other_way_refutes_growth(build):
    report = along(build, {("eager", 1): 1.0, ("eager", 16): 20.0, ("eager", 64): 18.0})
    found = word(GROWTH, report)
    assert found.word == REFUTED
    assert [a.word for a in found.answers] == [REFUTED, REFUTED]
    assert "on the way to mlp batch 16" in found.answers[0].found


@pytest.mark.parametrize(("quick", "expected"), [(4.0, CONFIRMED), (12.5, REFUTED)])
def test_a_gain_that_grows_is_a_ratio_of_ratios(build, quick, expected):
    report = along(
        build, {("eager", 1): 1.0, ("compile", 1): 0.9, ("eager", 64): 12.0, ("compile", 64): quick}
    )
    body = (
        'case = { runner = "compile" }\ncompared_with = { runner = "eager" }\n'
        'over = { batch_size = [1, 64] }\ngrows = "speedup"'
    )
    assert word(body, report).word == expected


def test_the_hottest_operator_is_named_without_its_namespace(build):
    operators = [
        OperatorShare("aten::relu", "elementwise", 3, 1.5),
        OperatorShare("aten::addmm", "matmul", 1, 1.0, "a"),
        OperatorShare("aten::addmm", "matmul", 1, 1.0, "b"),
        OperatorShare("others", "other", 9, 9.0),
    ]
    anatomy = Anatomy(3, 4.0, 4.1, operators, {}, 14, 0.1)
    report = build.report([build.planned("itself")], [])
    record = build.record(changes={"anatomy": anatomy})
    report = dataclasses.replace(report, records=[record])
    case = "case = { batch_size = 64 }\n"
    assert word(case + 'hottest_operator = "addmm"', report).word == CONFIRMED
    assert word(case + 'hottest_operator = "relu"', report).word == REFUTED


def test_a_model_with_parameters_is_found_however_they_are_ordered(build):
    label = {"model": "mlp:hidden_dim=64,n_layers=2", "runner": "eager"}
    params = {"in_dim": 512, "hidden_dim": 64, "out_dim": 512, "n_layers": 2}
    case = build.planned("itself", label=label, params=params)
    report = build.report([case], [build.sample(case, n, 1.0) for n in range(3)])
    for name in ("mlp:n_layers=2,hidden_dim=64", "mlp:in_dim=512,n_layers=2,hidden_dim=64"):
        found = claim(f'case = {{ model = "{name}", batch_size = 64 }}\nlatency_ms = {{ at_most = 5 }}')
        assert answers(found, report, HERE)
    for name in ("mlp", "mlp:hidden_dim=64", "mlp:n_layers=3,hidden_dim=64"):
        found = claim(f'case = {{ model = "{name}", batch_size = 64 }}\nlatency_ms = {{ at_most = 5 }}')
        assert not answers(found, report, HERE)


def test_what_no_run_has_is_said(build):
    found = word("latency_ms = { at_most = 5 }", build.report([build.planned("itself", batch_size=1)]))
    assert found.word == NOT_TESTABLE
    assert "was not measured" in found.answers[0].reason


# ---- what carries over -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "here", "expected"),
    [
        ((2.0, 1.9, 2.1), (2.1, 2.0, 2.2), CARRIES),
        ((2.0, 1.9, 2.1), (1.8, 1.2, 2.7), CARRIES),
        ((0.5, 0.45, 0.55), (0.55, 0.5, 0.6), CARRIES),
        ((2.0, 1.9, 2.1), (0.8, 0.7, 0.9), DOES_NOT),
        ((2.4, 2.3, 2.5), (1.4, 1.35, 1.45), DOES_NOT),
        ((2.0, 1.9, 2.1), (1.5, 0.8, 2.9), CANNOT_SAY),
        ((1.02, 0.9, 1.2), (2.0, 1.9, 2.1), CANNOT_SAY),
        ((2.0, None, None), (2.0, 1.9, 2.1), CANNOT_SAY),
        ((2.0, 1.9, 2.1), (2.0, None, None), CANNOT_SAY),
    ],
)
def test_a_ratio_carries_over_if_it_is_surely_a_gain_here_and_of_no_surely_different_size(
    theirs, here, expected
):
    assert carries(Measured(*theirs), Measured(*here))[0] == expected


def test_each_speed_up_of_a_report_is_judged_by_this_machines_run(two):
    there = two((4.0, 4.1, 3.9), (2.0, 2.01, 1.99))
    same = carried(speedups(there), there, two((8.0, 8.1, 7.9), (4.0, 4.01, 3.99)), HERE)
    assert [c.word for c in same] == [CARRIES]
    slow = carried(speedups(there), there, two((4.0, 4.1, 3.9), (8.0, 8.1, 8.0)), HERE)
    assert [c.word for c in slow] == [DOES_NOT]
    busy = two((4.0, 4.1, 3.9), (8.0, 8.1, 8.0))
    busy = dataclasses.replace(
        busy, run=dataclasses.replace(busy.run, noise=NoiseSummary(9, 9, {"steal": 9}))
    )
    assert [c.word for c in carried(speedups(there), there, busy, HERE)] == [CANNOT_SAY]
    assert [c.word for c in carried(speedups(there), there, busy, HERE, True)] == [DOES_NOT]
    assert [c.word for c in carried(speedups(there), there, None, HERE)] == [CANNOT_SAY]


def test_a_verdict_is_shown_with_its_numbers_and_counted(two, build):
    report = two((4.0, 4.1, 3.9), (2.0, 2.01, 1.99))
    bodies = [OVER_FP32 + "speedup = { at_least = 1.7 }", AT_64 + "latency_ms = { at_most = 1 }"]
    verdicts = judge([claim(b) for b in bodies], [report], HERE)
    there = carried(speedups(report), report, report, HERE)
    whole = ClaimsReport(
        SCHEMA, "mine", "two claims", build.STARTED, "harness claims", "0.1.0", build.environment(),
        [report.run.id], verdicts, there, ["CPU a -> b"], ["a note"],
    )  # fmt: skip
    said = text(whole, Style(200))
    assert "speedup at least 1.7: 2.00 (" in said
    assert "latency at most 1 ms: 2.00 ms (" in said
    table = markdown(whole)
    assert "| **REFUTED** |" in table
    assert "differs: CPU a" in table
    assert text(dataclasses.replace(whole, carried=[]), Style(200)).count("1 confirmed, 1 refuted") == 1
