"""A comparison as text: every word, every kind of note, any width, and strangers' texts."""

from __future__ import annotations

import re

import pytest

from harness.records.comparison import Compared
from harness.report.comparison import markdown, table
from harness.report.numbers import safe

HOSTILE = "\x1b[2J\x1b]0;owned\x07|`x`|<img src=x onerror=alert(1)>\n# owned\r&lt;b&gt; [a](http://evil) **b** \u202e\x00"
COLOUR = re.compile(r"\x1b\[\d+m")


@pytest.fixture(scope="module")
def report(build):
    return build.full_comparison()


@pytest.fixture
def single(build):
    """One live comparison of compile with eager."""

    def make(verdict, kind="live", **changes):
        sides = build.compared_side("base"), build.compared_side("new", build.case(runner="compile"))
        return build.comparison([Compared(*sides, verdict)], kind, **changes)

    return make


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_row_has_both_times_the_change_with_its_interval_the_verdict_and_the_pairs(single, build):
    text = table(single(build.verdict()))
    cells = re.split(r" {3,}", row(text, "eager -> compile"))
    assert cells == [
        "eager -> compile",
        "4.10 ± 6 %",
        "4.10 ± 6 %",
        "+3.1 % (+2.4 to +3.8)",
        "SLOWER material",
        "40",
    ]


def test_the_title_has_what_all_have_in_common_and_the_columns_what_differs(single, build):
    first, second, *rest = table(single(build.verdict())).splitlines()
    assert first == "mlp  batch 64  fp32  cpu, 2 threads"
    assert second == ("standard: 40 pairs of fresh processes in lock-step, 99 % interval, margin ±1 %")
    assert row("\n".join(rest), "runner").split()[0] == "runner"
    assert "batch" not in row("\n".join(rest), "runner")


def test_two_stored_runs_are_called_indicative_with_their_processes(single, build):
    text = table(single(build.verdict(), kind="indicative"))
    assert "indicative: two stored runs" in text.splitlines()[1]
    assert row(text, "eager -> compile").endswith("3 + 3")


def test_a_base_that_was_measured_again_is_called_so(single, build):
    assert "remeasured: base measured again here" in table(single(build.verdict(), kind="remeasured"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"change": 0.031, "half": 0.007}, "+3.1 % (+2.4 to +3.8)"),
        ({"change": -0.031, "half": 0.007, "word": "faster"}, "-3.1 % (-3.8 to -2.4)"),
        ({"change": 0.0, "half": 0.001, "word": "equivalent"}, "0.00 % (-0.10 to +0.10)"),
        ({"change": 0.5, "half": 0.3}, "+50 % (+20 to +80)"),
        ({"change": 3.0, "half": 0.1}, "4.00x slower (3.90 to 4.10)"),
        ({"change": -0.75, "half": 0.01, "word": "faster"}, "4.00x faster (3.85 to 4.17)"),
        ({"change": 3.0, "half": 30.0, "word": "inconclusive"}, "+300 % (<-99 to >+999)"),
        ({"low": None, "high": None, "word": "inconclusive"}, "+3.1 %"),
    ],
)
def test_a_change_is_per_cent_or_a_multiple_and_as_exact_as_its_interval(single, build, changes, said):
    assert said in row(table(single(build.verdict(**changes))), "eager -> compile")


def test_an_inconclusive_one_says_what_would_tell(single, build):
    open_one = build.verdict("inconclusive", 0.004, 0.02, needed=35)
    assert row(table(single(open_one)), "eager ->").endswith("about 35 pairs would tell")
    stored = table(single(open_one, kind="indicative"))
    assert row(stored, "eager ->").endswith("about 35 passes of each would tell")
    without = build.verdict("inconclusive", low=None, high=None, reason="new has a single replicate")
    assert row(table(single(without)), "eager ->").endswith("new has a single replicate")


def test_every_word_has_its_row_and_the_summary_counts_them_the_worst_first(report):
    text = table(report)
    assert (
        "2 broken, 1 slower (1 material), 1 faster (1 material), 1 equivalent, 1 inconclusive, 1 no verdict, "
        "1 not compared"
    ) in text
    assert "new 4 incorrect: error 0.31 is above the limit 0.02" in text
    assert "new 5 crashed: signal 11" in text
    assert "base failed: no memory" in text
    assert "the workload differs: model net.py 0011 -> 2233" in row(text, "new 6")
    assert "this comparison was interrupted" in text


def test_device_time_is_a_row_of_its_own_under_the_same_sides(report):
    lines = table(report).splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("new 1"))
    assert "latency" in lines[at]
    assert lines[at + 1].split()[0] == "device"
    assert "EQUIVALENT" in lines[at + 1]


def test_what_differs_about_all_is_said_once_and_what_differs_about_one_beside_it(report):
    text = table(report)
    assert text.count("torch 2.12.0 -> 2.13.0") == 1
    assert "differs: host lab -> dock" in row(text, "new 1")


def test_warnings_name_whose_they_are(report):
    text = table(report)
    assert "warning: one of two GPUs was used" in text
    assert "warning: no steady state (new 3: mlp batch 64 cudagraph fp32 cuda)" in text
    assert "not compared: mlp batch 1 eager fp32: only in base" in text
    assert "the machine was quiet" in text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 160, 240])
def test_no_line_is_wider_than_the_terminal_and_no_verdict_is_lost(report, width):
    text = table(report, width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("SLOWER material", "FASTER material", "EQUIVALENT", "INCONCLUSIVE", "BROKEN", "NO VERDICT"):
        assert word in text
    assert "+3.1 % (+2.4 to +3.8)" in text


def test_colour_changes_nothing_but_the_colour(report):
    for width in (0, 40, 100, 200):
        painted = table(report, width, colour=True)
        assert COLOUR.sub("", painted) == table(report, width)
        assert "\x1b[31m" in painted


def test_markdown_has_one_flat_table_with_every_row(report):
    text = markdown(report)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 8
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "**SLOWER material**" in text
    assert "**BROKEN**" in text
    assert "- not compared: mlp batch 1" in text


def test_a_strangers_texts_stay_texts(report, build):
    forged = build.haunted(report, HOSTILE)
    for text in (table(forged), table(forged, 60), markdown(forged)):
        assert all(line == safe(line) for line in text.splitlines())
        assert not re.search(r"^# ", text, re.MULTILINE)
    assert not re.search(r"(?<!\\)<img", markdown(forged))
    assert not re.search(r"(?<!\\)\[a", markdown(forged))


def test_a_comparison_of_nothing_is_no_crash(build):
    empty = build.comparison([])
    assert "lock-step" in table(empty)
    assert "lock-step" in table(empty, 40)
    assert "lock-step" in markdown(empty)
