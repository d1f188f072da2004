"""How pairs are collected: orders, values, when it is enough, and what disturbed pairs do."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.rule import (
    MODES,
    QUICK,
    RIGOROUS,
    STANDARD,
    Block,
    Collected,
    collect,
    enough,
    judged,
    pair_values,
    round_order,
    starting_order,
)
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER


def spread(sd, pairs, mean=0.0):
    """Values of alternating sign: their half-width follows from sd alone."""
    return [mean + (sd if i % 2 else -sd) for i in range(pairs)]


def blocks(*rounds, suspect=()):
    """Blocks from rounds of one log time per arm; `suspect` lists (round, arm)."""
    return [
        Block(arm, number, time, (number, arm) in suspect)
        for number, times in enumerate(rounds)
        for arm, time in enumerate(times)
    ]


def quiet(value=0.0):
    return blocks((1.0, 1.0 + value))


def loud(value=0.0):
    return blocks((1.0, 1.0 + value), suspect={(0, 1)})


# ---- the value of a pair -------------------------------------------------------------------------


def test_the_value_of_a_pair_is_the_mean_difference_of_its_rounds():
    assert pair_values(blocks((1.0, 1.25), (2.0, 2.75)), 2) == [0.5]


def test_each_new_side_is_compared_with_the_base_of_its_own_round():
    assert pair_values(blocks((1.0, 1.5, 0.5), (3.0, 3.5, 2.5)), 3) == [0.5, -0.5]


def test_the_order_of_the_blocks_changes_nothing():
    made = blocks((1.0, 1.3, 1.1), (2.0, 2.2, 2.7), (0.5, 0.6, 0.4))
    expected = pair_values(made, 3)
    random.Random(3).shuffle(made)
    assert pair_values(made, 3) == expected


def test_swapping_the_labels_changes_the_sign_and_nothing_else():
    rng = random.Random(5)
    made = [Block(arm, number, rng.random()) for number in range(3) for arm in round_order(rng, 2)]
    swapped = [Block(1 - b.arm, b.round, b.log_time, b.suspect) for b in made]
    assert pair_values(swapped, 2) == [-v for v in pair_values(made, 2)]


def test_a_round_with_a_suspect_block_of_either_side_is_left_out():
    made = blocks((0.0, 1.0), (0.0, 2.0), (0.0, 3.0), suspect={(0, 0), (1, 1)})
    assert pair_values(made, 2) == [3.0]
    assert pair_values(made, 2, suspects=True) == [2.0]


def test_a_suspect_block_of_one_new_side_costs_the_others_nothing():
    made = blocks((0.0, 1.0, 5.0), (0.0, 3.0, 7.0), suspect={(0, 2)})
    assert pair_values(made, 3) == [2.0, 7.0]


def test_a_side_without_a_clean_round_has_no_value():
    assert pair_values(loud(), 2) == [None]
    assert pair_values([Block(0, 0, 1.0)], 2) == [None]


# ---- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [starting_order, round_order])
def test_every_order_of_the_sides_comes_up_equally_often(draw):
    rng = random.Random(1)
    seen = Counter(tuple(draw(rng, 3)) for _ in range(6000))
    assert len(seen) == 6
    assert all(850 < count < 1150 for count in seen.values())  # 1000 +- 5 standard deviations


# ---- when it is enough ---------------------------------------------------------------------------


def test_quick_is_ten_pairs_whatever_they_say():
    assert not enough(QUICK, [spread(1e-6, 9)])
    assert enough(QUICK, [spread(0.5, 10)])


def test_standard_looks_first_at_twenty_pairs_and_then_at_every_fifth():
    looks = [n for n in range(1, 50) if enough(STANDARD, [spread(1e-6, n)])]
    assert looks[:5] == [20, 25, 30, 35, 40]


@pytest.mark.parametrize(("mode", "most"), [(STANDARD, 40), (RIGOROUS, 120)])
def test_an_imprecise_comparison_ends_at_the_most_pairs(mode, most):
    looks = [n for n in range(1, most + 1) if enough(mode, [spread(0.5, n)])]
    assert looks == [most]


def test_a_glaring_difference_is_no_reason_to_stop():
    """Stopping on significance calls the same code different in 5 of 100 comparisons."""
    assert enough(STANDARD, [spread(0.05, 20)]) == enough(STANDARD, [spread(0.05, 20, mean=3.0)]) is False


@given(
    st.sampled_from(sorted(MODES)),
    st.lists(st.integers(-50, 50), min_size=20, max_size=45),
    st.sampled_from([0.001, 0.003]),
    st.integers(-400, 400),
)
def test_where_the_values_lie_never_decides_whether_there_are_enough(name, values, unit, shift):
    here = [v * unit / 4 for v in values]
    there = [(v + shift) * unit / 4 for v in values]
    assert enough(MODES[name], [here]) == enough(MODES[name], [there])


def test_rigorous_goes_on_where_standard_is_content():
    values = [spread(0.01, 20)]
    assert enough(STANDARD, values)
    assert not enough(RIGOROUS, values)


def test_the_least_precise_side_decides():
    assert enough(STANDARD, [spread(0.01, 20), spread(0.01, 20)])
    assert not enough(STANDARD, [spread(0.01, 20), spread(0.05, 20)])


def test_with_more_sides_the_widest_interval_holm_may_give_decides():
    just = [spread(0.0148, 20)]
    assert enough(STANDARD, just)
    assert not enough(STANDARD, just * 3)


def test_the_modes_are_found_by_their_names():
    assert set(MODES) == {"quick", "standard", "rigorous"}
    assert all(name == mode.name for name, mode in MODES.items())


# ---- the whole loop ------------------------------------------------------------------------------


def test_quiet_pairs_are_all_kept():
    found = collect(QUICK, 2, lambda: quiet(0.05))
    assert (found.pairs, found.disturbed, found.complete, found.noisy) == (10, [[]], True, None)
    assert judged(found)[0].word == SLOWER


def test_a_disturbed_pair_is_measured_again_and_kept_apart():
    made = iter([quiet(), loud(9.0), *[quiet()] * 20])
    found = collect(QUICK, 2, lambda: next(made))
    assert (found.values, found.disturbed) == ([[0.0] * 10], [[9.0]])
    assert judged(found)[0].word == EQUIVALENT


def test_several_sides_stay_in_step_when_one_of_them_is_disturbed():
    bad = blocks((1.0, 2.0, 3.0), suspect={(0, 2)})
    made = iter([bad, *[blocks((1.0, 1.1, 1.2))] * 20])
    found = collect(QUICK, 3, lambda: next(made))
    assert [len(v) for v in found.values] == [10, 10]
    assert found.disturbed == [[1.0], [2.0]]


def noisily(value, spread):
    """Pairs around a value, all of them disturbed; how many were made is the length of the list."""
    made = []

    def measure():
        made.append(1)
        return loud(value + (spread if len(made) % 2 else -spread))

    return made, measure


def test_on_a_noisy_machine_all_pairs_count_and_it_is_said():
    made, measure = noisily(0.005, 0.03)
    found = collect(STANDARD, 2, measure)
    assert len(made) == 40
    verdict = judged(found)[0]
    assert (verdict.word, verdict.pairs) == (INCONCLUSIVE, 40)
    assert verdict.reason == "the machine is noisy: 40 of 40 pairs were disturbed"
    assert verdict.ratio == pytest.approx(1.005, abs=1e-4)


def test_on_a_noisy_machine_what_is_clear_all_the_same_is_said_and_nothing_finer():
    for value, word in [(0.7, SLOWER), (-0.7, FASTER), (0.004, INCONCLUSIVE), (0.0, INCONCLUSIVE)]:
        verdict = judged(collect(STANDARD, 2, noisily(value, 0.001)[1]))[0]
        assert (verdict.word, verdict.material) == (word, word != INCONCLUSIVE)
        assert verdict.reason.startswith("the machine is noisy")


@pytest.mark.parametrize(("times", "noisy"), [(2, False), (3, True)])
def test_up_to_a_quarter_of_the_pairs_may_be_disturbed(times, noisy):
    made = iter([*[loud(0.0)] * times, *[quiet(0.0)] * 20])
    verdict = judged(collect(QUICK, 2, lambda: next(made)))[0]
    assert verdict.word == (INCONCLUSIVE if noisy else EQUIVALENT)
    assert bool(verdict.reason) == noisy


def test_told_to_stop_it_keeps_what_it_has():
    made = iter([quiet(0.1), quiet(0.1), quiet(0.1), None])
    found = collect(STANDARD, 2, lambda: next(made))
    assert (found.pairs, found.complete) == (3, False)
    assert judged(found)[0].pairs == 3


def test_a_pair_that_says_nothing_is_an_error():
    with pytest.raises(ValueError, match="both arms"):
        collect(QUICK, 2, lambda: [Block(0, 0, 1.0)])


def test_after_the_first_look_the_degrees_of_freedom_stay():
    assert [STANDARD.freedom(n) for n in (1, 2, 10, 20, 25, 40)] == [1, 1, 9, 19, 19, 19]
    values = [spread(0.03, 40)]
    assert judged(Collected(STANDARD, values, [[]]))[0].high > judged(Collected(QUICK, values, [[]]))[0].ratio
