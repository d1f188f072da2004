"""How sure a case is beside how sure it was to be, on built samples."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import scipy.stats

from harness.analyse import aim


def timings(build, *ms):
    return [build.timing([[one] * 3] * 2) for one in ms]


def test_the_half_width_is_that_of_the_interval_in_the_table(build):
    values = [4.0, 4.4, 4.1, 3.9]
    base = build.planned("itself")
    events = [build.sample(base, n, v) for n, v in enumerate(values)]
    latency = build.report([base], events).records[0].latency_ms
    assert aim.half_width(values) == pytest.approx(math.sqrt(latency.high / latency.low) - 1)


def test_the_half_width_agrees_with_scipy():
    values = [4.0, 4.4, 4.1, 3.9, 4.05]
    logs = [math.log(v) for v in values]
    low, high = scipy.stats.t.interval(0.95, 4, sum(logs) / 5, scipy.stats.sem(logs))
    assert aim.half_width(values) == pytest.approx(math.exp((high - low) / 2) - 1)


def test_one_replicate_is_never_sure_enough(build):
    assert aim.half_width([4.0]) is None
    assert aim.too_wide(timings(build, 4.0), 0.5)


def test_device_time_decides_where_every_replicate_has_it(build):
    steady = [dataclasses.replace(t, device_ns=[2e6, 2e6]) for t in timings(build, 4.0, 6.0, 5.0)]
    assert aim.aimed_values(steady) == ("device time", [2.0, 2.0, 2.0])
    assert not aim.too_wide(steady, 0.01)
    without = [*steady[:2], dataclasses.replace(steady[2], device_ns=[])]
    assert aim.aimed_values(without) == ("latency", [4.0, 6.0, 5.0])
    assert aim.too_wide(without, 0.01)


def test_damaged_call_times_are_no_replicate(build):
    broken = dataclasses.replace(build.timing([[4.0]]), calls_ns="no")
    assert aim.aimed_values([broken, *timings(build, 4.0)])[1] == [4.0]


def test_the_passes_that_are_said_to_be_needed_reach_the_aim_when_the_spread_stays():
    values = [4.0, 4.4, 4.1, 3.9, 4.2]
    needed = aim.passes_needed(values, 0.02)
    spread = scipy.stats.tstd([math.log(v) for v in values])

    def half(n):
        return math.expm1(scipy.stats.t.ppf(0.975, n - 1) * spread / math.sqrt(n))

    assert half(needed) <= 0.02 < half(needed - 1)


def test_a_spread_that_no_number_of_passes_cures_is_told_as_such(build):
    assert aim.passes_needed([1.0, 30.0, 5.0], 0.05) is None
    found = aim.aim_of(timings(build, 1.0, 30.0, 5.0), [1.0] * 3, 0.05)
    assert not found.reached
    assert found.passes_needed is None


def test_an_aim_that_was_missed_says_what_it_would_take(build):
    found = aim.aim_of(timings(build, 4.0, 4.4, 4.2), [2.0, 2.0, 2.0], 0.05)
    assert (found.of, found.wanted, found.reached) == ("latency", 0.05, False)
    assert found.passes_needed > 3
    assert found.replicate_s == 2.0


def test_an_aim_that_was_reached_asks_for_nothing(build):
    found = aim.aim_of(timings(build, 4.0, 4.01, 4.02), [2.0] * 3, 0.05)
    assert found.reached
    assert found.passes_needed is None


def test_stopping_at_a_width_leaves_the_interval_nearly_honest():
    """4000 runs of 3 to 12 passes: the 95 % interval still covers the truth in 93 % of them."""
    draw = random.Random(1)
    covered = 0
    for _ in range(4000):
        values = [math.exp(draw.gauss(0, 0.04)) for _ in range(3)]
        while aim.half_width(values) > 0.05 and len(values) < 12:
            values.append(math.exp(draw.gauss(0, 0.04)))
        centre = math.exp(math.fsum(map(math.log, values)) / len(values))
        covered += abs(math.log(centre)) <= math.log1p(aim.half_width(values))
    assert covered / 4000 > 0.92
