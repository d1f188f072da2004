"""What a verdict says, against scipy and against its own mirror image."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.analyse.statistics import t_p_value
from harness.compare.verdict import (
    half_width,
    holm,
    judge,
    mean_and_error,
    p_value,
    pairs_needed,
    verdict,
    verdicts,
)
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

_values = st.lists(st.floats(-0.5, 0.5).map(lambda v: round(v, 4)), min_size=2, max_size=30)
OPPOSITE = {FASTER: SLOWER, SLOWER: FASTER, EQUIVALENT: EQUIVALENT, INCONCLUSIVE: INCONCLUSIVE}


def around(mean, sd, pairs=20):
    """Values with exactly this mean and standard deviation."""
    values = numpy.resize([-1.0, 1.0], pairs)
    return list(mean + values * sd / values.std(ddof=1))


# ---- the words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "sd", "word", "material"),
    [
        (0.05, 0.01, SLOWER, True),
        (-0.05, 0.01, FASTER, True),
        (0.012, 0.01, SLOWER, False),
        (-0.012, 0.01, FASTER, False),
        (0.004, 0.002, SLOWER, False),  # real, and too little to matter: slower, not equivalent
        (0.001, 0.005, EQUIVALENT, False),
        (-0.001, 0.005, EQUIVALENT, False),
        (0.004, 0.02, INCONCLUSIVE, False),
    ],
)
def test_the_word_follows_from_where_the_interval_lies(mean, sd, word, material):
    found = verdict(around(mean, sd))
    assert (found.word, found.material) == (word, material)
    assert found.ratio == pytest.approx(math.exp(mean))
    assert found.low < found.ratio < found.high


@given(_values, st.sampled_from([0.9, 0.99, 0.999]))
def test_the_interval_is_scipys_t_interval_over_pairs(values, level):
    spread = scipy.stats.sem(values)
    assume(spread > 1e-9)
    found = verdict(values, level)
    low, high = scipy.stats.t.interval(level, len(values) - 1, loc=numpy.mean(values), scale=spread)
    assert math.log(found.low) == pytest.approx(low, rel=1e-6, abs=1e-9)
    assert math.log(found.high) == pytest.approx(high, rel=1e-6, abs=1e-9)
    assert half_width(values, level) == pytest.approx((high - low) / 2, rel=1e-6)


@given(_values, st.sampled_from([0.0, 0.01, 0.1]))
def test_swapping_the_two_mirrors_the_verdict(values, margin):
    one, other = verdict(values, margin=margin), verdict([-v for v in values], margin=margin)
    assert other.word == OPPOSITE[one.word]
    assert (other.material, other.needed, other.pairs) == (one.material, one.needed, one.pairs)
    assert other.ratio == pytest.approx(1 / one.ratio, rel=1e-14)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low), rel=1e-14)
    assert half_width(values) == half_width([-v for v in values])


@given(_values)
def test_only_a_material_verdict_clears_the_margin(values):
    found = verdict(values)
    assert found.material == (
        found.word in {FASTER, SLOWER} and not (found.high >= 1 / 1.01 and found.low <= 1.01)
    )


def test_the_margin_is_as_far_from_one_on_both_sides():
    """1 / 1.1 and not 0.9: what is 10 % slower one way is 10 % faster the other."""
    assert verdict(around(-math.log(1.1) * 0.99, 1e-5), margin=0.1).material is False
    assert verdict(around(-math.log(1.1) * 1.01, 1e-5), margin=0.1).material is True


def test_equal_times_in_every_pair_are_equivalent_and_a_constant_difference_is_one():
    assert verdict([0.0] * 20).word == EQUIVALENT
    assert verdict([0.25] * 20).word == SLOWER


def test_one_pair_is_inconclusive_and_says_why():
    found = verdict([0.1])
    assert (found.word, found.low, found.high, found.pairs) == (INCONCLUSIVE, None, None, 1)
    assert found.reason == "one pair has no interval"


def test_two_pairs_that_are_far_apart_still_have_finite_figures():
    found = verdicts([[0.0, 25.0]] * 8)[0]
    assert found.word == INCONCLUSIVE
    assert 0 < found.low < found.high < math.inf


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf, 0.0]])
def test_there_is_no_verdict_without_finite_values(values):
    with pytest.raises(ValueError, match="finite"):
        verdict(values)


def test_disturbed_pairs_leave_no_fine_verdict_but_keep_the_figures():
    found = verdict(around(0.005, 0.001), noisy="a neighbour")
    assert (found.word, found.material, found.needed, found.reason) == (
        INCONCLUSIVE,
        False,
        None,
        "a neighbour",
    )
    assert found.low > 1


def test_fewer_degrees_of_freedom_make_a_wider_interval():
    values = around(0.0, 0.02, 40)
    assert half_width(values, freedom=19) / half_width(values) == pytest.approx(
        scipy.stats.t.ppf(0.995, 19) / scipy.stats.t.ppf(0.995, 39), rel=1e-9
    )
    assert verdict(values, freedom=19).high == pytest.approx(math.exp(half_width(values, freedom=19)))


# ---- how many pairs it takes ---------------------------------------------------------------------


def test_a_difference_of_the_spread_takes_about_four_point_two_squared_pairs():
    """(4.22 sd / delta)^2 + 2, and never fewer than there are."""
    assert pairs_needed(0.03, 0.03, 10, 0.99, 0.01) == math.ceil(4.22**2 + 2)
    assert pairs_needed(0.03, 0.03, 30, 0.99, 0.01) == 31


@pytest.mark.parametrize(
    ("mean", "distance"), [(0.001, 0.00895), (0.005, 0.005), (0.008, 0.008), (0.02, 0.02)]
)
def test_the_shorter_way_out_of_doubt_counts(mean, distance):
    """A difference near the margin is found; one near zero ends inside the margin."""
    sd = 0.02
    assert pairs_needed(mean, sd, 2, 0.99, 0.01) == pytest.approx((4.22 * sd / distance) ** 2 + 2, rel=0.01)


def test_nobody_is_told_to_measure_thousands_of_pairs():
    assert pairs_needed(0.005, 0.2, 10, 0.99, 0.01) is None
    assert pairs_needed(0.0, 0.2, 10, 0.99, 0.0) is None


def test_the_number_of_pairs_promised_usually_suffices():
    """From an inconclusive sample on, at its own mean and spread, 95 of 100 larger ones are decided."""
    rng = numpy.random.default_rng(7)
    needed = verdict(around(0.012, 0.03, 20)).needed
    decided = sum(verdict(list(rng.normal(0.012, 0.03, needed))).word == SLOWER for _ in range(400))
    assert decided >= scipy.stats.binom.ppf(1e-6, 400, 0.94)


# ---- several new sides ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p_values", "alphas"),
    [
        ([0.5], [0.01]),
        ([0.002, 0.5, 0.004], [0.01 / 3, 0.01, 0.01 / 2]),
        ([0.5, 0.004, 0.6], [0.01 / 3, 0.01 / 3, 0.01 / 3]),
        ([0.001, 0.0001, 0.006], [0.01 / 2, 0.01 / 3, 0.01]),
        ([], []),
    ],
)
def test_holms_levels_step_down_as_long_as_something_is_found(p_values, alphas):
    assert [1 - level for level in holm(p_values, 0.99)] == pytest.approx(alphas)


@given(st.lists(_values, min_size=1, max_size=4), st.sampled_from([0.8, 0.99]))
def test_the_intervals_that_leave_one_out_are_those_holm_rejects(arms, level):
    found = verdicts(arms, level)
    p_values = [p_value(v) for v in arms]
    rejected, alpha = set(), 1 - level
    for rank, index in enumerate(sorted(range(len(arms)), key=lambda i: p_values[i])):
        limit = alpha / (len(arms) - rank)
        assume(abs(p_values[index] - limit) > 1e-9)
        if p_values[index] > limit:
            break
        rejected.add(index)
    assert {i for i, v in enumerate(found) if v.word in {FASTER, SLOWER}} == rejected


def test_one_new_side_is_judged_as_without_holm():
    values = around(0.01, 0.02)
    assert verdicts([values]) == [verdict(values)]


@given(_values, st.floats(-50, 50), st.integers(1, 200))
def test_p_values_are_scipys(values, t, freedom):
    assert t_p_value(t, freedom) == pytest.approx(2 * scipy.stats.t.sf(abs(t), freedom), rel=1e-6)
    if mean_and_error(values)[1] > 1e-9:
        assert p_value(values) == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue, rel=1e-6)


def test_an_estimate_made_elsewhere_is_judged_by_the_same_words():
    assert judge(0.03, 0.005, 12, 6, 0.99, 0.01).word == SLOWER
    assert judge(0.0, 0.001, 12, 6, 0.99, 0.01).word == EQUIVALENT
