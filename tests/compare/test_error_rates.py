"""How often a comparison is wrong, on simulated machines: the short form of `python -m benchmarks.virtual`.

The bounds are binomial: right code stays inside with a probability of 1 - 1e-6, whatever the seed, and
what is shown to break leaves them with the same certainty.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.binomial import clopper_pearson
from benchmarks.reasonable import reasonable
from benchmarks.simulate import NOISES, PLAIN, sessions
from benchmarks.tally import families, mirrored, session_median, tally
from harness.compare.rule import QUICK, STANDARD, Mode

RARE = 1e-6


def most(trials, rate):
    """No more of them happen than this, if each happens at this rate."""
    return scipy.stats.binom.ppf(1 - RARE, trials, rate)


def least(trials, rate):
    """No fewer."""
    return scipy.stats.binom.ppf(RARE, trials, rate)


@pytest.fixture(scope="module")
def same():
    """Tallies of the same code on every machine, quick (some hundreds of sessions each)."""
    return [tally(noise, QUICK, 600, 100 + i) for i, noise in enumerate(NOISES)]


@pytest.fixture(scope="module")
def slower():
    """Tallies of 3 % on every machine, standard: the number of pairs follows from their spread."""
    return [tally(noise, STANDARD, 150, 200 + i, math.log(1.03)) for i, noise in enumerate(NOISES)]


def test_the_same_code_is_called_different_once_in_a_hundred(same):
    for found in same:
        assert found.different <= most(found.sessions, 0.0125), found.noise
    assert sum(t.different for t in same) <= most(sum(t.sessions for t in same), 0.0105)


def test_it_is_no_less_than_nominal_either_so_that_no_power_is_given_away(same):
    found = next(t for t in same if t.noise == PLAIN.name)
    assert found.different >= least(found.sessions, 0.008)
    assert sum(t.different for t in same) >= least(sum(t.sessions for t in same), 0.008)


def test_the_same_code_is_hardly_ever_different_by_more_than_the_margin(same):
    assert sum(t.material for t in same) <= most(sum(t.sessions for t in same), 0.002)


@pytest.mark.parametrize(
    "mode", [STANDARD, Mode("a look at every pair", 10, 1, 40, 0.011)], ids=lambda m: m.name
)
def test_stopping_on_precision_keeps_the_error_rate(mode):
    """On a machine where the number of pairs follows from the spread."""
    noise = replace(NOISES[8], process_sd=0.0125)
    found = tally(noise, mode, 1000, 3)
    assert mode.first + 3 < found.pairs / found.sessions < mode.most - 2
    assert found.different <= most(found.sessions, 0.0125)


def test_three_percent_are_found_by_ten_pairs_where_processes_are_alike():
    for index in (0, 1, 3, 7):
        found = tally(NOISES[index], QUICK, 200, 300 + index, math.log(1.03))
        assert found.different >= least(found.sessions, 0.97), found.noise


@pytest.mark.slow
def test_the_interval_covers_the_truth_also_where_it_stopped_by_its_width(slower):
    for found in slower:
        assert found.covered >= least(found.sessions, 0.98), found.noise
    assert sum(t.covered for t in slower) >= least(sum(t.sessions for t in slower), 0.985)


def test_two_percent_are_never_called_equivalent():
    for index in (0, 1, 8, 9, 13):
        found = tally(NOISES[index], STANDARD, 200, 400 + index, math.log(1.02))
        assert found.equivalent <= most(found.sessions, 0.0005), found.noise


def test_the_same_code_is_called_equivalent_where_it_can_be_told():
    found = tally(NOISES[0], STANDARD, 200, 5)
    assert found.equivalent >= least(found.sessions, 0.98)


def test_swapped_labels_give_the_mirror_image_session_by_session():
    assert sum(mirrored(noise, STANDARD, 10, i) for i, noise in enumerate(NOISES)) == 0


def test_six_equal_arms_are_together_no_more_often_wrong_than_one():
    wrong, _ = families(PLAIN, QUICK, 1000, 6, (0.0,) * 6)
    assert wrong <= most(1000, 0.0115)


def test_a_real_difference_does_not_make_the_equal_arms_beside_it_wrong():
    wrong, missed = families(PLAIN, QUICK, 1000, 7, (0.0, math.log(1.03), 0.0))
    assert wrong <= most(1000, 0.0115)
    assert missed <= most(1000, 0.02)


@pytest.mark.parametrize("index", [1, 4, 5, 6, 9])
def test_the_interval_of_one_case_covers_its_level_in_this_session(index):
    assert session_median(NOISES[index], 5, 1000, index) >= least(1000, 0.985)


def test_what_looks_as_reasonable_is_wrong_several_times_as_often():
    """If these stay inside of our bounds, our bounds prove nothing."""
    count = 400
    wrong = reasonable(PLAIN, count, 8)
    assert wrong["t over 10 pairs (ours)"] <= most(count, 0.0125)
    assert wrong["t over 30 rounds of 1 pair"] > most(count, 0.2)
    for name in ("t over 30 rounds of 10 pairs", "looking after each pair from 10 to 40, until significant"):
        assert wrong[name] >= count * 0.025, name
    assert wrong["percentile bootstrap of 10 pairs"] >= count * 0.02


# ---- the instruments themselves ------------------------------------------------------------------


def test_a_seed_repeats_a_session_and_another_seed_does_not():
    def first(seed):
        return next(next(sessions(NOISES[8], QUICK, 1, seed)))

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_a_simulated_pair_has_each_arm_once_in_every_round_in_varying_order():
    orders = set()
    for pairs in sessions(PLAIN, STANDARD, 2, 1, (0.0, 0.0)):
        for pair in pairs:
            by_round = [[b.arm for b in pair if b.round == r] for r in range(3)]
            assert all(sorted(r) == [0, 1, 2] for r in by_round)
            orders |= {tuple(r) for r in by_round}
    assert len(orders) == 6


@given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.9, 0.95, 0.99]))
def test_clopper_and_pearsons_bounds_are_scipys(errors, extra, confidence):
    trials = errors + extra
    low, high = clopper_pearson(errors, trials, confidence)
    assert high == pytest.approx(scipy.stats.beta.ppf(confidence, errors + 1, trials - errors), abs=1e-9)
    expected = scipy.stats.beta.ppf(1 - confidence, errors, trials - errors + 1) if errors else 0
    assert low == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("errors", "trials"), [(0, 299), (1, 473), (2, 628)])
def test_the_counts_that_bound_a_rate_by_one_percent(errors, trials):
    assert clopper_pearson(errors, trials)[1] <= 0.01 < clopper_pearson(errors, trials - 1)[1]
