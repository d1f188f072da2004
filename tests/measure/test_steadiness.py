"""The classes of warm-up, on series whose shape is known."""

from __future__ import annotations

import random
from itertools import chain, cycle, repeat

import pytest

from harness.measure.engine import Budget
from harness.measure.steadiness import (
    CAPPED,
    FLAT,
    SLOWDOWN,
    UNSTEADY,
    WARM_UP,
    agree,
    binned,
    change_points,
    classify,
    slope,
    trends,
    without_spikes,
)
from tests.measure.test_engine import MS, Lab, constant


def noisy(level, count, seed=0, sd=0.01, spikes=0.02):
    draw = random.Random(seed)
    return [
        level * (1 + draw.gauss(0, sd) + (draw.expovariate(4) if draw.random() < spikes else 0))
        for _ in range(count)
    ]


# ---- the parts -----------------------------------------------------------------------------------


def test_a_step_is_found_where_it_is():
    assert change_points([5.0] * 40 + [4.0] * 60) == [40]
    assert change_points(without_spikes(noisy(5, 40, 1) + noisy(4, 60, 2))) == [40]


def test_noise_alone_has_no_change_points_in_a_hundred_series():
    wrong = sum(bool(change_points(without_spikes(noisy(4, 100, seed)))) for seed in range(100))
    assert wrong <= 2


def test_a_constant_series_and_a_short_one_have_none():
    assert change_points([4.0] * 100) == []
    assert change_points([4.0, 9.0]) == []


def test_the_slope_is_not_moved_by_outliers():
    values = [10 + 0.5 * k for k in range(20)]
    values[3] = values[17] = 500
    assert slope(values) == pytest.approx(0.5)


def test_windows_agree_within_a_share_or_their_own_noise():
    assert agree([100.0] * 10, [100.9] * 10)
    assert not agree([100.0] * 10, [101.1] * 10)
    assert agree(noisy(100, 10, 1, sd=0.05), noisy(102, 10, 2, sd=0.05))


def test_a_trend_over_windows_is_seen_although_neighbours_agree():
    assert trends([[100 + k * 0.5] * 10 for k in range(4)])
    assert not trends([[100.0] * 10, [100.4] * 10, [99.7] * 10, [100.1] * 10])


def test_points_are_binned_in_order_and_none_is_lost():
    assert binned([1, 2, 3, 4, 5], 2) == [2, 4.5]
    assert binned([3.0], 100) == [3.0]


# ---- the classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_flat(seed):
    assert classify(noisy(4, 60, seed), noisy(4, 60, seed + 100)) == FLAT


@pytest.mark.parametrize("seed", range(5))
def test_slow_at_first_is_a_warm_up(seed):
    assert classify(noisy(9, 20, seed) + noisy(4, 40, seed), noisy(4, 60, seed + 100)) == WARM_UP


@pytest.mark.parametrize("seed", range(5))
def test_slower_after_a_quick_start_is_a_slowdown(seed):
    assert classify(noisy(4, 20, seed) + noisy(5, 40, seed), noisy(5, 60, seed + 100)) == SLOWDOWN


@pytest.mark.parametrize("seed", range(5))
def test_a_change_among_the_timed_calls_is_no_steady_state(seed):
    timed = noisy(4, 30, seed) + noisy(5, 30, seed)
    assert classify(noisy(4, 60, seed), timed) == UNSTEADY


def test_a_drift_of_the_machine_within_three_per_cent_is_no_change_of_the_program():
    assert classify(noisy(4, 60), noisy(4.08, 60)) == FLAT


# ---- the engine on a virtual clock ----------------------------------------------------------------


def test_thirty_seven_slow_calls_are_all_warmed_away():
    found = Lab(chain(repeat(12 * MS, 37), constant(4))).measure()
    assert found.warm_up == WARM_UP
    assert found.warm_up_calls >= 37
    assert set(found.stamps_ns) == {4 * MS}


def test_slow_calls_that_outlast_the_least_warm_up_are_waited_for():
    falling = [round((4 + 8 * 0.97**k) * MS) for k in range(150)]
    found = Lab(chain(falling, constant(4))).measure()
    assert found.warm_up == WARM_UP
    assert max(found.stamps_ns) <= 4.1 * MS


def test_a_recompilation_at_call_150_is_counted_or_warmed_away():
    times = chain(repeat(4 * MS, 150), [900 * MS], constant(4))
    found = Lab(times, compiles_at=(150,)).measure()
    # The warm-up of a flat series ends before, so it hits a timed block, and the sample fails.
    assert found.warm_up_calls < 150
    assert found.events == 1


def test_a_leak_of_a_twentieth_of_a_per_cent_each_call_is_a_slowdown():
    leaking = (round(4 * MS * (1 + 0.0005 * k)) for k in range(100_000))
    assert Lab(leaking).measure().warm_up == SLOWDOWN


def test_a_noisy_leak_is_a_slowdown_too():
    draw = random.Random(1)
    leaking = (round(4 * MS * (1 + 0.0005 * k) * (1 + draw.gauss(0, 0.005))) for k in range(100_000))
    assert Lab(leaking).measure().warm_up == SLOWDOWN


@pytest.mark.parametrize("period", [40, 60])
def test_cyclic_times_have_no_steady_state(period):
    half = period // 2
    levels = cycle([*repeat(4 * MS, half), *repeat(5 * MS, half)])
    assert Lab(levels).measure().warm_up == UNSTEADY


@pytest.mark.slow
def test_honest_noise_is_hardly_ever_called_anything_but_flat():
    other = 0
    for seed in range(30):
        draw = random.Random(seed)
        times = (
            round(4 * MS * (1 + draw.gauss(0, 0.01) + (draw.expovariate(4) if draw.random() < 0.02 else 0)))
            for _ in repeat(0)
        )
        other += Lab(times).measure().warm_up != FLAT
    assert other <= 2


def test_calls_too_slow_for_windows_are_capped():
    assert Lab(constant(2_000)).measure().warm_up == CAPPED


@pytest.mark.slow
def test_a_quick_machine_in_steady_noise_does_not_warm_up_for_longer_than_it_must():
    budget = Budget()
    lengths = []
    for seed in range(40):
        draw = random.Random(seed)
        lab = Lab(round(4 * MS * (1 + draw.gauss(0, 0.02))) for _ in repeat(0))
        lengths.append(lab.measure(budget).warm_up_s)
    assert sorted(lengths)[len(lengths) // 2] <= 2 * budget.warm_up_min
    assert sorted(lengths)[36] <= 1.0
