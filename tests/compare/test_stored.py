"""Two stored runs, case by case: what is compared, what is refused, what is said of the rest."""

from __future__ import annotations

import dataclasses
import re

import pytest

from harness.compare.differences import of_runs
from harness.compare.gate import failures
from harness.compare.stored import MACHINES, NO_PROVIDERS, UNCALIBRATED, compare, match
from harness.errors import NothingMeasured, UsageError
from harness.records import codec
from harness.records.case import Provider
from harness.records.comparison import EQUIVALENT, INCONCLUSIVE, SLOWER, ComparisonReport
from harness.records.noise import NoiseSummary


@pytest.fixture
def run(build):
    """A report over cases: name of a case -> (its axes, its replicates in ms)."""

    def make(run_id, cases, *, environment=None, seed=0, changes=None, **events):
        planned = {name: build.planned(**axes) for name, (axes, _) in cases.items()}
        samples = [
            build.sample(planned[name], n, ms)
            for name, (_, times) in cases.items()
            for n, ms in enumerate(times)
        ]
        samples += [
            build.broken(planned[name], status, f"{status} while loading") for name, status in events.items()
        ]
        found = build.report(list(planned.values()), samples)
        head = dataclasses.replace(found.run, id=run_id, seed=seed, **(changes or {}))
        return dataclasses.replace(found, run=head, environment=build.environment(**(environment or {})))

    return make


@pytest.fixture
def info(build):
    return build.comparison([], kind="indicative").comparison


EAGER = {}
COMPILE = {"runner": "compile"}
BASE = (4.0, 4.01, 4.02)
SLOW = (4.4, 4.41, 4.42)


def providers(**changes):
    """The model from a plugin file; the runner from a distribution."""
    return [
        Provider("model", "mlp", "file:/here/net.py", digest=changes.get("model", "0" * 16)),
        Provider("runner", "eager", "entry:fast/fast", "fast", changes.get("runner", "1.0")),
        Provider("precision", "fp32", "builtin:harness_plugins.precisions"),
    ]


# ---- which cases ------------------------------------------------------------------------------------


def test_cases_of_one_id_are_compared_and_the_others_listed(run, info):
    base = run("a", {"one": (EAGER, BASE), "two": ({"batch_size": 1}, BASE)})
    new = run("b", {"one": (EAGER, SLOW), "three": (COMPILE, BASE)})
    found = compare(base, new, info)
    assert [(c.base.run, c.new.run, c.latency.word) for c in found.compared] == [("a", "b", SLOWER)]
    assert found.unmatched == [
        "mlp batch 1 eager fp32 cpu, 2 threads: only in base",
        "mlp batch 64 compile fp32 cpu, 2 threads: only in new",
    ]


def test_a_case_on_all_the_cores_of_another_machine_is_matched_and_marked(run, info):
    base = run("a", {"one": ({"threads": 2}, BASE)})
    new = run("b", {"one": ({"threads": 4}, SLOW)}, environment={"host": "dock", "cores_usable": 4})
    found = compare(base, new, info)
    assert found.compared[0].differences[:3] == ["threads 2 -> 4", "host lab -> dock", "usable cores 2 -> 4"]
    assert MACHINES in found.comparison.warnings


def test_a_number_of_threads_that_was_asked_for_is_never_matched_with_another(run):
    base = run("a", {"one": ({"threads": 1}, BASE), "two": ({"threads": 2}, BASE)})
    new = run("b", {"one": ({"threads": 3}, BASE), "two": ({"threads": 2}, BASE)})
    pairs, lines = match(base, new)
    assert [(p.base.case.threads, p.new.case.threads) for p in pairs] == [(2, 2)]
    assert len(lines) == 2


def test_what_was_measured_between_other_moments_is_not_compared(run, info, build):
    base, new = run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, BASE)})
    moved = dataclasses.replace(new.records[0], id="other", boundary="with transfers")
    with pytest.raises(UsageError, match="no case is in both a and b") as error:
        compare(base, dataclasses.replace(new, records=[moved]), info)
    assert "measured something else: with transfers" in error.value.hint


def test_a_run_is_not_compared_with_itself(run, info):
    base = run("a", {"one": (EAGER, BASE)})
    with pytest.raises(UsageError, match="the same run a"):
        compare(base, base, info)


def test_nothing_measured_in_both_is_no_comparison(run, info):
    base = run("a", {"one": (EAGER, ())}, one="crashed")
    with pytest.raises(NothingMeasured, match="crashed in base and ok in new"):
        compare(base, run("b", {"one": (EAGER, BASE)}), info)


def test_what_runs_in_neither_is_listed_and_no_fault(run, info):
    unsupported = {"runner": "onnxruntime", "unsupported": "no autocast"}
    base = run("a", {"one": (EAGER, BASE), "two": (unsupported, ())})
    new = run("b", {"one": (EAGER, BASE), "two": (unsupported, ())})
    found = compare(base, new, info)
    assert len(found.compared) == 1
    assert found.unmatched == ["mlp batch 64 onnxruntime fp32 cpu, 2 threads: unsupported in both"]


# ---- the workload -----------------------------------------------------------------------------------


def with_providers(report, **changes):
    records = [dataclasses.replace(r, providers=providers(**changes)) for r in report.records]
    return dataclasses.replace(report, records=records)


def test_another_version_of_the_model_is_refused_unless_forced(run, info):
    base = with_providers(run("a", {"one": (EAGER, BASE)}))
    new = with_providers(run("b", {"one": (EAGER, SLOW)}), model="1" * 16)
    with pytest.raises(UsageError, match=r"workload differs: model net\.py 0{12} -> net\.py 1{12}"):
        compare(base, new, info)
    forced = compare(base, new, info, force=True).compared[0]
    assert forced.latency.word == SLOWER
    assert forced.differences[0] == "model net.py 000000000000 -> net.py 111111111111"


def test_another_seed_is_another_workload(run, info):
    base, new = run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, SLOW)}, seed=1)
    with pytest.raises(UsageError, match="seed 0 -> 1"):
        compare(base, new, info)


def test_one_refused_case_stands_beside_the_others_without_a_verdict(run, info):
    cases = {"one": (EAGER, BASE), "two": (COMPILE, BASE)}
    base, new = run("a", cases), run("b", cases)
    records = [dataclasses.replace(new.records[0], providers=providers()), new.records[1]]
    found = compare(base, dataclasses.replace(new, records=records), info)
    assert found.compared[0].refused == "the workload differs: model built in -> net.py 000000000000"
    assert found.compared[0].latency is None
    assert found.compared[1].latency.word == EQUIVALENT
    assert [word for _, word in failures(found, ["inconclusive"])] == ["no verdict"]


def test_the_same_file_in_another_checkout_is_the_same_workload(run, info):
    base, new = (with_providers(run(name, {"one": (EAGER, BASE)})) for name in "ab")
    moved = [dataclasses.replace(p, source=p.source.replace("/here/", "/there/")) for p in providers()]
    records = [dataclasses.replace(r, providers=moved) for r in new.records]
    assert compare(base, dataclasses.replace(new, records=records), info).compared[0].refused is None


def test_a_new_version_of_the_runner_is_what_people_compare(run, info):
    base = with_providers(run("a", {"one": (EAGER, BASE)}))
    new = with_providers(run("b", {"one": (EAGER, SLOW)}), runner="1.1")
    found = compare(base, new, info).compared[0]
    assert found.latency.word == SLOWER
    assert found.differences == ["runner eager fast 1.0 -> fast 1.1"]


def test_a_report_that_does_not_name_its_providers_is_compared_and_said_to_be_unsure(run, info):
    base, new = (run(name, {"one": (EAGER, BASE)}) for name in "ab")
    old = [dataclasses.replace(r, providers=[]) for r in base.records]
    found = compare(dataclasses.replace(base, records=old), new, info)
    assert found.compared[0].differences == []
    assert NO_PROVIDERS in found.comparison.warnings


# ---- what differs -----------------------------------------------------------------------------------


def test_runs_under_the_same_conditions_have_no_differences(run):
    base, new = (run(name, {"one": (EAGER, BASE)}) for name in "ab")
    assert of_runs(base, new) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "dock"}, "host lab -> dock"),
        ({"cpu": "Intel"}, "CPU AMD EPYC -> Intel"),
        ({"kernel": "6.2.0"}, "kernel 6.1.0 -> 6.2.0"),
        ({"torch": "2.14.0"}, "torch 2.13.0 -> 2.14.0"),
        ({"python": "3.12.1"}, "Python 3.11.7 -> 3.12.1"),
        ({"packages": {"torch": "2.13.0"}}, "onnxruntime 1.32.0 -> none"),
        ({"device_name": "H100"}, "device none -> H100"),
        ({"noise": ["a busy neighbour"]}, "noise nothing noticed -> a busy neighbour"),
        ({"memory_mib": 48000}, "memory MiB 24576 -> 48000"),
    ],
)
def test_a_difference_between_the_machines_is_named(run, change, said):
    base, new = run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, BASE)}, environment=change)
    assert of_runs(base, new) == [said]


def test_settings_and_the_harness_itself_are_compared(run):
    base = run("a", {"one": (EAGER, BASE)})
    settings = dataclasses.replace(base.run.settings, tolerance=0.5, timeout_s=3.0)
    new = run("b", {"one": (EAGER, BASE)}, changes={"settings": settings, "harness_version": "0.2.0"})
    assert of_runs(base, new) == ["harness 0.1.0 -> 0.2.0", "tolerance by option none -> 0.5"]


# ---- verdicts ---------------------------------------------------------------------------------------


def test_without_a_calibration_the_comparison_says_so(run, info):
    base, new = run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, SLOW)})
    assert UNCALIBRATED in compare(base, new, info).comparison.warnings
    known = compare(base, new, info, session_sd=0.2)
    assert UNCALIBRATED not in known.comparison.warnings
    assert known.compared[0].latency.word == INCONCLUSIVE


def test_a_single_replicate_gives_no_verdict_but_both_times(run, info):
    found = compare(run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, SLOW[:1])}), info).compared[0]
    assert found.latency.word == INCONCLUSIVE
    assert found.latency.reason == "new has a single replicate, and so no interval"
    assert found.latency.ratio == pytest.approx(4.4 / 4.01, rel=1e-3)


def test_device_time_has_a_verdict_of_its_own(run, info, build):
    def on_device(report, times):
        records = [dataclasses.replace(r, device_ms=build.latency(times)) for r in report.records]
        return dataclasses.replace(report, records=records)

    base = on_device(run("a", {"one": (EAGER, BASE)}), [1.0, 1.001, 1.002])
    new = on_device(run("b", {"one": (EAGER, BASE)}), [1.1, 1.101, 1.102])
    found = compare(base, new, info).compared[0]
    assert (found.latency.word, found.device.word) == (EQUIVALENT, SLOWER)
    assert found.device.level == pytest.approx(0.995)  # two verdicts are one family


def test_damaged_times_of_a_strangers_file_are_refused(run, info):
    base, new = (run(name, {"one": (EAGER, BASE), "two": (COMPILE, BASE)}) for name in "ab")
    latency = dataclasses.replace(new.records[0].latency_ms, replicates=[4.0, -1.0])
    records = [dataclasses.replace(new.records[0], latency_ms=latency), new.records[1]]
    found = compare(base, dataclasses.replace(new, records=records), info)
    assert found.compared[0].refused == "its times are damaged"


def test_an_unfinished_run_is_compared_and_said_to_be_one(run, info):
    base = run("a", {"one": (EAGER, BASE)}, changes={"status": "out_of_time"})
    found = compare(base, run("b", {"one": (EAGER, BASE)}), info)
    assert "base a is out of time, not finished" in found.comparison.warnings


def test_how_quiet_the_machine_was_each_time_is_said(run, info):
    quiet, noisy = NoiseSummary(15, 0), NoiseSummary(15, 9, {"steal": 9})
    base = run("a", {"one": (EAGER, BASE)}, changes={"noise": quiet})
    found = compare(base, run("b", {"one": (EAGER, BASE)}, changes={"noise": noisy}), info)
    assert re.fullmatch(r"base quiet.*; new .*9 of 15 blocks suspect.*", found.comparison.noise)
    neither = run("a", {"one": (EAGER, BASE)}, changes={"noise": None})
    assert (
        compare(neither, run("b", {"one": (EAGER, BASE)}, changes={"noise": None}), info).comparison.noise
        is None
    )


def test_a_comparison_survives_json(run, info):
    base, new = run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, SLOW)})
    found = compare(base, new, info)
    assert codec.decode(codec.encode(found), ComparisonReport) == found


# ---- gates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "gates", "failed"),
    [
        (SLOW, [], []),
        (SLOW, ["slower"], ["slower, material"]),
        (SLOW, ["material"], ["slower, material"]),
        (SLOW, ["inconclusive"], []),
        ((4.02, 4.0301, 4.0402), ["material"], []),
        ((3.5, 3.51, 3.52), ["slower", "material", "inconclusive"], []),
        ((3.9, 4.1, 4.3), ["slower", "material"], []),
        ((3.9, 4.1, 4.3), ["inconclusive"], ["inconclusive"]),
        (SLOW[:1], ["inconclusive", "slower"], ["inconclusive"]),
    ],
)
def test_a_gate_fails_on_its_own_words_only(run, info, times, gates, failed):
    found = compare(run("a", {"one": (EAGER, BASE)}), run("b", {"one": (EAGER, times)}), info)
    assert [word for _, word in failures(found, gates)] == failed


def test_slower_by_less_than_the_margin_fails_the_gate_slower_alone(run, info):
    base = run("a", {"one": (EAGER, (4.0, 4.0004, 4.0008))})
    new = run("b", {"one": (EAGER, (4.02, 4.0204, 4.0208))})
    found = compare(base, new, info)
    assert [word for _, word in failures(found, ["slower"])] == ["slower"]
    assert failures(found, ["material"]) == []


@pytest.mark.parametrize("gate", ["slower", "material", "inconclusive"])
@pytest.mark.parametrize(
    "status", ["crashed", "failed", "timeout", "out_of_memory", "not_reached", "incorrect"]
)
def test_what_was_right_in_base_and_is_not_in_new_fails_every_gate(run, info, gate, status):
    base = run("a", {"one": (EAGER, BASE), "two": (COMPILE, BASE)})
    new = run("b", {"one": (EAGER, BASE), "two": (COMPILE, BASE)})
    records = [new.records[0], dataclasses.replace(new.records[1], status=status)]
    found = compare(base, dataclasses.replace(new, records=records), info)
    assert found.compared[1].latency is None
    assert (f"broken ({status.replace('_', ' ')})") in [word for _, word in failures(found, [gate])]
    assert failures(found, []) == []


def test_what_was_broken_in_base_already_fails_no_gate_on_slower(run, info):
    cases = {"one": (EAGER, BASE), "two": (COMPILE, ())}
    found = compare(run("a", cases, two="crashed"), run("b", cases, two="crashed"), info)
    assert failures(found, ["slower", "material"]) == []
    assert [word for _, word in failures(found, ["inconclusive"])] == ["no verdict"]
