"""Records chosen, grouped and sorted for people."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import UsageError
from harness.report.select import KEYS, filtered, grouped, ordered, standard_order, with_baseline


@pytest.fixture(scope="module")
def cases(build):
    """A baseline and cases around it, by a short name."""
    base = build.planned("itself")
    return {
        "base": base,
        "fast": build.planned(base, runner="compile", options={"mode": "max-autotune", "fullgraph": False},
                              label={"model": "mlp", "runner": "compile:mode=max-autotune"}),
        "slow": build.planned(base, precision="fp16-amp"),
        "never": build.planned(base, precision="tf32", unsupported="no"),
        "wide": build.planned(
            "itself",
            params={"in_dim": 512, "hidden_dim": 4096, "out_dim": 512, "n_layers": 8},
            label={"model": "mlp:hidden_dim=4096,n_layers=8", "runner": "eager"},
        ),
        "one": build.planned("itself", batch_size=1),
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(build, cases):
    times = {"base": 4.0, "fast": 2.0, "slow": 6.0, "wide": 9.0, "one": 0.5}
    events = [build.sample(cases[name], n, ms) for n in range(2) for name, ms in times.items()]
    order = ["slow", "never", "fast", "base", "one", "wide"]
    return build.stored([cases[name] for name in order], events)


@pytest.fixture(scope="module")
def report(build, run):
    return build.analyse(run)


@pytest.fixture(scope="module")
def names(cases):
    """The short names of some records."""
    by_id = {c.id: name for name, c in cases.items()}
    return lambda records: [by_id[r.id] for r in records]


def test_groups_share_model_parameters_batch_device_and_threads(report, names):
    assert [names(g) for g in grouped(report.records)] == [
        ["slow", "never", "fast", "base"],
        ["one"],
        ["wide"],
    ]


def test_in_each_group_the_baseline_is_first_then_the_fastest_then_what_was_not_measured(report, names):
    assert names(standard_order(report.records)) == ["base", "fast", "slow", "never", "one", "wide"]


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("latency", ["one", "fast", "base", "slow", "wide", "never"]),
        ("speedup", ["fast", "slow"]),
        ("throughput", ["fast", "base", "slow", "wide", "one", "never"]),
        ("batch_size", ["one"]),
    ],
)
def test_records_are_sorted_best_first_over_all_groups(report, names, key, order):
    assert names(ordered(report, key).records)[: len(order)] == order


@pytest.mark.parametrize("key", KEYS)
def test_every_key_sorts_a_report_with_rows_of_every_status_and_loses_none(build, key):
    report = build.full_report()
    assert sorted(r.id for r in ordered(report, key).records) == sorted(r.id for r in report.records)


def test_an_unknown_key_is_answered_with_a_near_one(report):
    with pytest.raises(UsageError, match="nothing to sort by 'latencies'; did you mean latency"):
        ordered(report, "latencies")


def test_without_a_key_a_report_is_in_the_standard_order(report):
    assert ordered(report, None).records == standard_order(report.records)


@pytest.mark.parametrize(
    ("axes", "statuses", "kept"),
    [
        ({}, (), ["slow", "never", "fast", "base", "one", "wide"]),
        ({"batch_size": (1,)}, (), ["one"]),
        ({"batch_size": (1, 64), "runner": ("compile",)}, (), ["fast"]),
        ({"model": ("mlp",)}, (), ["slow", "never", "fast", "base", "one", "wide"]),
        ({"model": ("mlp:hidden_dim=4096,n_layers=8",)}, (), ["wide"]),
        ({"model": ("mlp:n_layers=8,hidden_dim=4096",)}, (), ["wide"]),
        ({"model": ("mlp:n_layers=8",)}, (), ["wide"]),
        ({"model": ("mlp:hidden_dim=2048",)}, (), ["slow", "never", "fast", "base", "one"]),
        ({"runner": ("compile:mode=max-autotune,fullgraph=false",)}, (), ["fast"]),
        ({"runner": ("compile",), "precision": ("tf32",)}, (), []),
        ({"precision": ("fp16",)}, (), ["slow"]),
        ({"precision": ("fp16-amp", "tf32")}, (), ["slow", "never"]),
        ({}, ("unsupported",), ["never"]),
        ({"precision": ("fp32",)}, ("ok",), ["fast", "base", "one", "wide"]),
    ],
)
def test_only_rows_with_one_of_the_given_values_on_every_axis_are_kept(report, names, axes, statuses, kept):
    assert names(filtered(report, axes, statuses).records) == kept


@pytest.mark.parametrize(
    ("axis", "value", "said", "hint"),
    [
        ("model", "mpl", "has the model mpl; did you mean mlp", "it has mlp, mlp:hidden_dim=4096,n_layers=8"),
        ("model", "mlp:width=3", "has the model mlp:width=3", "it has mlp,"),
        ("runner", "compile:mode=default", "has the runner compile:mode=default", "it has compile:mode="),
        ("batch_size", 65, "has the batch size 65", "it has 1, 64"),
        ("precision", "bf16", "has the precision bf16", "it has fp16-amp, fp32, tf32"),
    ],
)
def test_a_value_that_no_case_has_is_an_error_with_those_there_are(report, axis, value, said, hint):
    with pytest.raises(UsageError) as caught:
        filtered(report, {axis: (value,)}, ())
    assert said in caught.value.message
    assert caught.value.hint.startswith(hint)


def test_an_unknown_status_is_answered_with_a_near_one(report):
    with pytest.raises(UsageError) as caught:
        filtered(report, {}, ("fail",))
    assert "there is no status 'fail'; did you mean failed" in caught.value.message


def test_choosing_and_sorting_leave_the_report_as_it_was(report):
    before = dataclasses.replace(report, records=list(report.records))
    ordered(filtered(report, {"batch_size": (1,)}, ()), "latency")
    assert report == before


# ---- other baselines -----------------------------------------------------------------------------


def test_speedups_are_counted_from_other_cases_of_the_same_model_and_batch(run, cases):
    found = {r.id: r for r in with_baseline(run, "runner=compile,precision=fp32").records}
    assert found[cases["base"].id].speedup.ratio == pytest.approx(0.5)
    assert found[cases["slow"].id].speedup.baseline == cases["fast"].id
    assert found[cases["fast"].id].is_baseline
    # Batch 1 and the wide model were not compiled: they have nothing to be counted from.
    assert found[cases["one"].id].speedup is None
    assert not found[cases["one"].id].is_baseline


def test_a_selector_of_one_axis_leaves_the_others_as_they_are(run, cases):
    found = {r.id: r for r in with_baseline(run, "precision=fp32").records}
    assert found[cases["slow"].id].speedup.baseline == cases["base"].id
    assert found[cases["fast"].id].is_baseline


def test_a_case_with_default_parameters_is_not_counted_from_one_with_others(build, cases):
    order = [cases["wide"], cases["base"], cases["fast"]]
    run = build.stored(order, [build.sample(c, n) for n in range(2) for c in order])
    found = {r.id: r for r in with_baseline(run, "runner=eager").records}
    assert found[cases["fast"].id].speedup.baseline == cases["base"].id
    assert found[cases["wide"].id].is_baseline


def test_baseline_none_leaves_no_speedups(run):
    assert all(r.speedup is None and not r.is_baseline for r in with_baseline(run, "none").records)


def test_a_baseline_that_no_case_matches_is_an_error_that_names_it(run):
    with pytest.raises(UsageError, match="no case of this run matches the baseline runner=onnxruntime"):
        with_baseline(run, "runner=onnxruntime")
