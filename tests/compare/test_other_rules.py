"""Other tools' rules, as re-implemented for the comparison with ours: against scipy and on traces."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
import scipy.stats

from benchmarks import record, rules
from benchmarks.head_to_head import Score, recorded, score_table
from benchmarks.rules import RULES, pair_blocks
from benchmarks.simulate import NOISES, PLAIN
from benchmarks.simulated_traces import SHAPES, traces
from benchmarks.traces import LAYOUTS, ONE, PAIRS, Span, Trace, append, from_line, read, to_line
from harness.compare.rule import QUICK, STANDARD


def trace(base, new, layout=ONE, ratio=1.0):
    """Times of base and new in ns, one reading a call."""
    spans = [Span(arm, 0, 0, 0, 1, False, list(t)) for arm, t in enumerate((base, new))]
    return Trace("here", 0, layout, ratio, 1.0, spans)


def drawn(seed, count, shift=0.0):
    rng = random.Random(seed)
    return [round(5e6 * math.exp(rng.gauss(shift, 0.01))) for _ in range(count)]


# ---- the traces ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_trace_comes_back_from_its_file_as_it_was(layout, tmp_path):
    made = list(traces(NOISES[-1], layout, 2, 1, 1.03))
    for each in made:
        append(tmp_path / "traces.jsonl.gz", each)
    assert list(read(tmp_path / "traces.jsonl.gz")) == made
    assert from_line(to_line(made[0])) == made[0]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != PAIRS])
def test_a_layout_has_its_processes_one_arm_after_the_other(layout):
    shape, made = SHAPES[layout], next(traces(PLAIN, layout, 1, 1))
    assert [s.arm for s in made.spans] == sorted(s.arm for s in made.spans)
    assert len({s.process for s in made.spans}) == max(2 * shape.processes, 1)
    assert {len(s.readings_ns) for s in made.spans} == {shape.readings}
    assert all(a.start_ns + sum(a.readings_ns) <= b.start_ns for a, b in itertools.pairwise(made.spans))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_simulated_trace_has_the_ratio_it_was_made_with(layout):
    found = []
    for made in traces(NOISES[0], layout, 20, 3, 1.5):
        found.append(statistics.median(made.calls_ns(1)) / statistics.median(made.calls_ns(0)))
    assert statistics.fmean(found) == pytest.approx(1.5, rel=0.01)


def test_our_own_rule_sees_the_pairs_of_a_trace_as_they_were_measured():
    made = next(traces(PLAIN, PAIRS, 1, 1))
    pairs = list(pair_blocks(made))
    assert len(pairs) == STANDARD.most
    assert all(
        sorted((b.arm, b.round) for b in p) == [(a, r) for a in (0, 1) for r in range(3)] for p in pairs
    )
    assert rules.pairs_used(QUICK)(made) == 10 / 40


# ---- the rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=[r.name for r in RULES])
def test_every_rule_sees_half_as_much_again_and_nothing_in_a_still_machine(rule):
    """On a machine whose calls all take the same but for a ten-thousandth."""
    still = NOISES[0].__class__("still", jitter=1e-4, process_sd=1e-4)
    assert [rule.decide(t) for t in traces(still, rule.layout, 3, 1, 1.5)] == [1, 1, 1]
    assert [rule.decide(t) for t in traces(still, rule.layout, 3, 1, 1 / 1.5)] == [-1, -1, -1]
    if "U test" not in rule.name and "pyperf" not in rule.name:
        assert [rule.decide(t) for t in traces(still, rule.layout, 3, 1)] == [0, 0, 0]


@pytest.mark.parametrize("shift", [0.0, 0.001, 0.003, 0.01, -0.003])
def test_pyperfs_rule_is_students_t_at_five_percent(shift):
    for seed in range(20):
        base, new = drawn(seed, 60), drawn(1000 + seed, 60, shift)
        expected = scipy.stats.ttest_ind(new, base)
        told = rules.pyperf_compare_to(trace(base, new))
        assert told == (expected.pvalue < 0.05) * math.copysign(1, expected.statistic)


@pytest.mark.parametrize("shift", [0.0, 0.003, 0.01, -0.01])
def test_google_benchmarks_rule_is_mann_and_whitneys(shift):
    for seed in range(20):
        base, new = drawn(seed, 10), drawn(1000 + seed, 10, shift)
        expected = scipy.stats.mannwhitneyu(new, base, alternative="two-sided", method="asymptotic")
        told = rules.google_benchmark(trace(base, new))
        assert abs(told) == (expected.pvalue < 0.05)


def test_criterion_needs_both_a_small_p_and_more_than_one_percent():
    assert rules.criterion(trace(drawn(1, 100), drawn(2, 100, 0.008))) == 0
    assert rules.criterion(trace(drawn(1, 100), drawn(2, 100, 0.03))) == 1
    assert rules.criterion(trace(drawn(1, 100), drawn(2, 100, -0.03))) == -1


def test_asvs_interval_of_ten_samples_is_from_the_smallest_to_the_largest():
    values = sorted(drawn(1, 10))
    assert rules._median_interval(values) == (values[0], values[-1])
    assert rules._median_interval(values[:5]) == (-math.inf, math.inf)


def test_torchs_table_gives_no_other_colour_within_one_percent_or_a_hundred_nanoseconds():
    assert rules.compare_colours(trace([1_000_000] * 300, [1_009_000] * 300)) == 0
    assert rules.compare_colours(trace([1_000_000] * 300, [1_011_000] * 300)) == 1
    assert rules.compare_colours(trace([1_000] * 300, [1_090] * 300)) == 0


# ---- counting ------------------------------------------------------------------------------------


def test_a_score_counts_alarms_misses_and_reversals():
    rule, score = next(r for r in RULES if r.name.startswith("torch Timer")), Score()
    for new, ratio in ((100, 1.0), (105, 1.0), (103, 1.03), (100, 1.03), (90, 1.03)):
        score.take(rule, trace([100_000] * 5, [new * 1000] * 5, ratio=ratio))
    assert (score.same, score.alarms, score.slower, score.missed, score.reversed) == (2, 1, 3, 1, 1)
    assert score.unseen_rate == pytest.approx(2 / 3)


def test_a_folder_without_traces_gives_no_scores_and_an_incomplete_one_a_table(tmp_path):
    assert recorded(tmp_path) == {}
    append(tmp_path / "some.jsonl.gz", trace([100] * 5, [100] * 5))
    text = score_table(recorded(tmp_path))
    assert "0 of 1" in text
    assert "not measured" in text


def test_a_recorder_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """Without its processes: each layout of a session is recorded once, wherever Ctrl-C came."""
    path, made = tmp_path / "traces.jsonl.gz", []

    def one_trace(name, session, layout, ratio, call_ns, rng):
        made.append(1)
        if len(made) % 4 == 0:
            raise KeyboardInterrupt
        return Trace(name, session, layout, ratio, 1.0, [])

    monkeypatch.setattr(record, "usual_call_ns", lambda: 5e6)
    monkeypatch.setattr(record, "one_trace", one_trace)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            record.record(path, 1.0, 1)
    seen = [(t.session, t.layout) for t in read(path)]
    assert len(seen) == len(set(seen)) == 12
    for session in (0, 1):
        assert {layout for number, layout in seen if number == session} == set(LAYOUTS)
    assert {t.ratio for t in read(path) if t.session == 1} == {record.SLOWER}


@pytest.mark.slow
def test_a_real_pair_is_recorded_in_turns_and_leaves_no_process_behind():
    """Two processes that take turns; the times are what they are, the shape is what the rule needs."""
    spans = record.lockstep_pair(3, 0, random.Random(1))
    assert sorted((s.arm, s.round) for s in spans) == [(a, r) for a in (0, 1) for r in range(3)]
    assert [s.round for s in spans] == [0, 0, 1, 1, 2, 2]
    assert all(s.process == 3 and len(s.readings_ns) >= 10 and min(s.readings_ns) > 0 for s in spans)
    ends = [s.start_ns + sum(s.readings_ns) for s in spans]
    assert all(end <= after.start_ns for end, after in zip(ends, spans[1:], strict=False))
    one = record.in_turn(ONE, 0)
    assert [(s.arm, s.process, len(s.readings_ns)) for s in one] == [(0, 0, 400), (1, 0, 400)]
