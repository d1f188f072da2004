"""Verdicts on stored runs: against scipy's Welch test, and against simulated truth."""

from __future__ import annotations

import math
import random

import numpy
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.compare.indicative import Values, verdicts
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

_times = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=8)
_MIRROR = {FASTER: SLOWER, SLOWER: FASTER, EQUIVALENT: EQUIVALENT, INCONCLUSIVE: INCONCLUSIVE}


def one(base, new, level=0.99, margin=0.01, session_sd=None):
    return verdicts([Values(base, new)], level, margin, session_sd)[0]


def session(rng, n, shift=0.0, sd=0.01, session_sd=0.0):
    """The replicates of a run: `shift` is what its case really differs by, on the log scale."""
    effect = shift + rng.gauss(0, session_sd)
    return [4.0 * math.exp(effect + rng.gauss(0, sd)) for _ in range(n)]


# ---- the interval -----------------------------------------------------------------------------------


@given(_times, _times)
def test_the_interval_is_welchs_on_the_log_scale(base, new):
    logs = numpy.log(base), numpy.log(new)
    assume(min(numpy.std(x) for x in logs) > 1e-6)
    found = one(base, new)
    welch = scipy.stats.ttest_ind(logs[1], logs[0], equal_var=False)
    interval = welch.confidence_interval(0.99)
    bounds = [max(-690.0, min(690.0, x)) for x in (interval.low, interval.high)]
    assert math.log(found.low) == pytest.approx(bounds[0], rel=1e-6, abs=1e-6)
    assert math.log(found.high) == pytest.approx(bounds[1], rel=1e-6, abs=1e-6)
    assert found.ratio == pytest.approx(scipy.stats.gmean(new) / scipy.stats.gmean(base), rel=1e-9)


@given(_times, _times, st.sampled_from([None, 0.01, 0.2]))
def test_swapping_base_and_new_mirrors_the_verdict(base, new, session_sd):
    there, back = one(base, new, session_sd=session_sd), one(new, base, session_sd=session_sd)
    assert back.word == _MIRROR[there.word]
    assert back.material == there.material
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.low == pytest.approx(1 / there.high)
    assert back.needed == there.needed


def test_a_session_effect_that_is_known_is_in_the_interval():
    base, new = [4.0, 4.01, 4.02], [4.1, 4.11, 4.12]
    assert one(base, new).word == SLOWER
    wider = one(base, new, session_sd=0.02)
    assert wider.word == INCONCLUSIVE
    assert wider.ratio == one(base, new).ratio


def test_two_replicates_far_apart_have_a_bound_that_json_can_hold():
    found = one([1e-6, 1e11], [1.0, 1.0])
    assert 0 < found.low < found.high < math.inf


def test_replicates_that_are_all_alike_are_judged_by_their_ratio():
    assert one([4.0, 4.0], [4.0, 4.0]).word == EQUIVALENT
    assert one([4.0, 4.0], [5.0, 5.0]).material


# ---- the words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "word", "material"),
    [(1.5, SLOWER, True), (1.004, SLOWER, False), (1.0, EQUIVALENT, False), (0.996, FASTER, False),
     (0.5, FASTER, True)],
)  # fmt: skip
def test_a_verdict_is_material_when_all_of_its_interval_clears_the_margin(factor, word, material):
    base = [4.0, 4.0004, 4.0008]
    found = one(base, [x * factor for x in base])
    assert (found.word, found.material) == (word, material)


@pytest.mark.parametrize(
    ("base", "new", "said"),
    [([4.0], [5.0], "base and new have"), ([4.0], [5.0, 5.1], "base has"), ([4.0, 4.1], [5.0], "new has")],
)
def test_a_single_replicate_has_no_interval_and_so_no_verdict(base, new, said):
    found = one(base, new)
    assert found.word == INCONCLUSIVE
    assert found.low is None
    assert found.high is None
    assert found.reason.startswith(said)


def test_an_inconclusive_one_says_how_many_replicates_would_tell_and_that_many_do():
    logs = [k * 0.02 * math.sqrt(3) / 2 for k in (-1, 1, -1, 1)]  # a standard deviation of 2 %
    found = one([math.exp(x) for x in logs], [math.exp(x + 0.03) for x in logs])
    assert found.word == INCONCLUSIVE
    rng = random.Random(5)
    n, trials = found.needed, 200
    told = sum(
        one(session(rng, n, sd=0.02), session(rng, n, 0.03, sd=0.02)).word == SLOWER for _ in range(trials)
    )
    assert told > 0.9 * trials


def test_where_sessions_differ_more_than_the_difference_no_number_of_replicates_tells():
    found = one([4.0, 4.1, 4.2], [4.0, 4.1, 4.25], session_sd=0.05)
    assert found.needed is None
    assert "sessions differ" in found.reason


# ---- error rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "ratio", "most"), [
    (2, 2, 1.0, 0.017), (3, 3, 1.0, 0.017), (3, 3, 4.0, 0.017), (12, 12, 1.0, 0.017),
    (3, 10, 1.0, 0.026),  # Welch's approximation is too hopeful where a small side meets a large one
])  # fmt: skip
def test_equals_are_called_different_about_once_in_a_hundred_times(n, m, ratio, most):
    rng = random.Random(n * 100 + m)
    trials = 1500
    wrong = sum(
        one(session(rng, n), session(rng, m, sd=0.01 * ratio)).word in (SLOWER, FASTER) for _ in range(trials)
    )
    assert wrong / trials < most


def test_what_sessions_differ_by_makes_false_verdicts_unless_it_is_known():
    rng = random.Random(3)
    trials, wrong = 800, {None: 0, 0.01: 0}
    for _ in range(trials):
        base, new = (session(rng, 10, session_sd=0.01) for _ in range(2))
        for known in wrong:
            wrong[known] += one(base, new, session_sd=known).word in (SLOWER, FASTER)
    assert wrong[None] / trials > 0.2
    assert wrong[0.01] / trials < 0.02


def test_several_comparisons_together_err_as_one():
    rng = random.Random(4)
    trials = 300
    wrong = sum(
        any(
            v.word in (SLOWER, FASTER)
            for v in verdicts([Values(session(rng, 5), session(rng, 5)) for _ in range(20)], 0.99, 0.01)
        )
        for _ in range(trials)
    )
    assert wrong / trials < 0.025


def test_the_level_of_each_of_several_is_holms():
    base = [4.0, 4.01, 4.02, 4.03]
    clear, close = [x * 2 for x in base], [x * 1.006 for x in base]
    found = verdicts([Values(base, close), Values(base, clear), Values([4.0], [4.0])], 0.99, 0.01)
    assert [v.level for v in found] == pytest.approx([0.99, 0.995, 0.99])
    assert [v.word for v in found] == [INCONCLUSIVE, SLOWER, INCONCLUSIVE]
    neither = verdicts([Values(base, close), Values(base, close)], 0.99, 0.01)
    assert [v.level for v in neither] == pytest.approx([0.995, 0.995])
