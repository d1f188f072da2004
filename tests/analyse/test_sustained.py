"""From windows to a record: sustained throughput is never mixed up with that of a closed loop."""

from __future__ import annotations

import pytest

from harness.records.events import Saturated, ThroughputMeasured


def measured(case, replicate, rates, **changes):
    more = {k: changes.pop(k) for k in ("callers", "little") if k in changes}
    callers = more.get("callers", 2)
    saturated = Saturated(rates, 1.0, callers, 1, 100, 12.0, more.get("little", -0.01))
    values = {"status": "ok", "seconds": 12.0, "callers": callers, "saturated": saturated, **changes}
    return ThroughputMeasured(case.id, replicate, **values)


@pytest.fixture
def record(build):
    base = build.planned("itself")

    def make(*events):
        samples = [build.sample(base, n, 4.0) for n in range(3)]
        return build.report([base], [*samples, *[measured(base, *e[:-1], **e[-1]) for e in events]]).records[
            0
        ]

    return make


def test_without_it_there_is_none(record):
    assert record().sustained_per_s is None
    assert record().throughput_per_s.kind == "closed_loop"


def test_three_processes_have_an_interval_and_one_says_that_it_has_none(record):
    one = record((0, [100.0, 120.0], {})).sustained_per_s
    assert (one.value, one.low, one.high, one.processes) == (pytest.approx(110.0), None, None, 1)
    three = record(*[(n, [rate] * 2, {}) for n, rate in enumerate([100.0, 104.0, 102.0])]).sustained_per_s
    assert three.low < three.value < three.high
    assert (three.processes, three.windows, three.kind, three.unit) == (3, 6, "sustained", "samples/s")


def test_a_process_counts_all_its_windows_alike(record):
    assert record((0, [50.0, 150.0], {})).sustained_per_s.value == pytest.approx(100.0)


def test_the_slowest_window_of_any_process_is_kept(record):
    found = record((0, [100.0, 99.0], {}), (1, [100.0, 7.0], {})).sustained_per_s
    assert found.slowest == 7.0


def test_what_the_callers_were_chosen_by_is_told_and_counts_in_nothing(record):
    found = record(
        (0, [60.0], {"probe": True, "callers": 1}),
        (0, [500.0], {"probe": True, "callers": 2}),
        (0, [100.0], {}),
    ).sustained_per_s
    assert found.value == pytest.approx(100.0)
    assert found.tried == {"1": 60.0, "2": 500.0}


def test_the_largest_deviation_from_littles_law_is_the_one_that_is_told(record):
    assert record((0, [1.0], {"little": 0.01}), (1, [1.0], {"little": -0.2})).sustained_per_s.little == -0.2


def test_a_case_that_could_not_be_saturated_says_why(record):
    found = record((0, [1.0], {"status": "incorrect", "reason": "error 1 is above the limit"}))
    assert found.status == "ok"
    assert found.sustained_per_s is None
    assert "sustained not measured with 2 callers: incorrect: error 1 is above the limit" in found.warnings


def test_what_a_measurement_warns_of_is_a_warning_of_the_record(record):
    assert "odd" in record((0, [1.0], {"warnings": ["odd"]})).warnings


@pytest.mark.parametrize("name", ["table", "markdown", "csv"])
def test_a_report_shows_it_in_a_column_of_its_own_with_its_callers(build, name):
    from harness_plugins.reporters import csv, markdown, table

    reporter = {"table": table.Table, "markdown": markdown.Markdown, "csv": csv.Csv}[name]()
    base = build.planned("itself")
    plain = reporter.render(build.report([base], [build.sample(base)]))
    with_it = reporter.render(build.report([base], [build.sample(base), measured(base, 0, [16_400.0])]))
    if name == "csv":
        assert ",,,16400.0,2," in with_it
    else:
        assert "16 400 (2)" in with_it
        assert "sustained samples/s" in with_it
        assert "sustained" not in plain
