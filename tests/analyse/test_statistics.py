"""The statistics against an oracle (scipy, numpy) and against simulated truth."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.analyse.statistics import (
    block_medians,
    log_interval,
    quantile,
    quantile_bound,
    t_p_value,
    t_quantile,
)

_positive = st.floats(1e-6, 1e6)


# ---- Student's t ---------------------------------------------------------------------------------


@given(st.floats(1e-6, 1 - 1e-6), st.integers(1, 2000))
def test_quantiles_of_t_are_scipys(probability, freedom):
    expected = float(scipy.stats.t.ppf(probability, freedom))
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1, 1e7) | st.just(math.inf))
def test_quantiles_of_t_are_scipys_for_any_fraction_of_a_degree(probability, freedom):
    expected = float(scipy.stats.t.ppf(probability, freedom))
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-5, abs=1e-8)


@given(st.floats(0, 60), st.floats(1, 1e7) | st.just(math.inf))
def test_the_tails_of_t_are_scipys(t, freedom):
    expected = 2 * float(scipy.stats.t.sf(t, freedom))
    assert t_p_value(t, freedom) == pytest.approx(expected, rel=1e-4, abs=1e-9)
    assert t_p_value(-t, freedom) == t_p_value(t, freedom)


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (30, 2.0423)])
def test_quantiles_of_t_are_those_of_the_printed_tables(freedom, value):
    assert t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize(
    ("probability", "freedom"), [(0, 3), (1, 3), (-0.1, 3), (0.5, 0), (0.5, 0.9), (0.5, math.nan)]
)
def test_there_is_no_quantile_outside_of_the_distribution(probability, freedom):
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, freedom)


# ---- the interval over replicates ----------------------------------------------------------------


@given(st.lists(_positive, min_size=2, max_size=12), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_is_the_t_interval_on_the_log_scale(values, level):
    logs = numpy.log(values)
    spread = scipy.stats.sem(logs)
    centre, low, high = log_interval(values, level)
    assert centre == pytest.approx(scipy.stats.gmean(values), rel=1e-9)
    if spread > 1e-9:
        expected = scipy.stats.t.interval(level, len(values) - 1, loc=logs.mean(), scale=spread)
        assert math.log(low) == pytest.approx(expected[0], rel=1e-7, abs=1e-7)
        assert math.log(high) == pytest.approx(expected[1], rel=1e-7, abs=1e-7)
    assert low <= centre * (1 + 1e-9)
    assert centre <= high * (1 + 1e-9)


@given(_positive)
def test_one_value_has_no_interval(value):
    centre, low, high = log_interval([value])
    assert centre == pytest.approx(value)
    assert (low, high) == (None, None)


@given(st.lists(_positive, min_size=2, max_size=6), st.sampled_from([1e-3, 60.0, 1e6]))
def test_the_unit_of_the_values_changes_nothing_but_the_unit(values, unit):
    scaled = log_interval([v * unit for v in values])
    assert scaled == pytest.approx([x * unit for x in log_interval(values)], rel=1e-9)


def test_the_interval_of_ratios_turned_round_is_the_interval_turned_round():
    values = [1.9, 2.1, 2.05]
    centre, low, high = log_interval(values)
    assert log_interval([1 / v for v in values]) == pytest.approx((1 / centre, 1 / high, 1 / low))


@pytest.mark.parametrize("replicates", [2, 3, 5, 12])
def test_the_interval_covers_the_truth_in_95_of_100_runs(replicates):
    generator = numpy.random.default_rng(1)
    runs = 4000
    values = numpy.exp(generator.normal(math.log(4.0), 0.03, size=(runs, replicates)))
    covered = sum(low <= 4.0 <= high for _, low, high in (log_interval(list(v)) for v in values))
    # Three standard deviations of a share of 4000.
    assert covered / runs == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / runs))


# ---- quantiles of calls --------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_numpys(values, share):
    found = quantile(sorted(values), share)
    assert found == pytest.approx(float(numpy.quantile(values, share)), rel=1e-9, abs=1e-9)


def test_there_is_no_quantile_of_nothing():
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.parametrize(("share", "calls"), [(0.90, 64), (0.99, 662)])
def test_a_percentile_needs_as_many_calls_as_the_documentation_says(share, calls):
    assert quantile_bound([float(k) for k in range(calls - 1)], share) is None
    assert quantile_bound([float(k) for k in range(calls)], share) is not None


@given(st.integers(64, 3000), st.sampled_from([0.5, 0.9, 0.95]), st.sampled_from([0.9, 0.99]))
def test_the_bound_is_the_best_that_the_binomial_distribution_allows(calls, share, confidence):
    ordered = [float(k) for k in range(calls)]
    bound = quantile_bound(ordered, share, confidence)
    above = int((scipy.stats.binom.cdf(numpy.arange(calls), calls, 1 - share) <= 1 - confidence).sum()) - 1
    assert bound == (ordered[calls - 1 - above] if above >= 1 else None)


@given(st.lists(st.floats(0.1, 1e3), min_size=64, max_size=200))
def test_a_bound_is_never_below_its_percentile(values):
    ordered = sorted(values)
    assert quantile_bound(ordered, 0.9) >= quantile(ordered, 0.9) * (1 - 1e-12)


@pytest.mark.parametrize(("share", "calls"), [(0.9, 64), (0.9, 300), (0.99, 662), (0.99, 2000)])
def test_the_bound_holds_in_99_of_100_runs_of_skewed_call_times(share, calls):
    generator = numpy.random.default_rng(2)
    runs = 3000
    truth = float(scipy.stats.lognorm.ppf(share, s=0.5))
    samples = numpy.sort(generator.lognormal(0.0, 0.5, size=(runs, calls)), axis=1)
    held = sum(quantile_bound(sample, share) >= truth for sample in samples)
    assert held / runs >= 0.99 - 3 * math.sqrt(0.99 * 0.01 / runs)


# ---- blocks --------------------------------------------------------------------------------------


def test_the_median_of_each_block_is_taken_over_its_own_calls():
    assert block_medians([1, 2, 9, 4, 4, 5, 7], [3, 2, 2]) == [2, 4, 6]


def test_a_slow_call_in_a_block_moves_its_median_by_nothing():
    assert block_medians([4.0, 4.0, 400.0, 4.0, 4.0], [5]) == [4.0]


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=5), max_size=5))
def test_blocks_that_add_up_to_all_calls_have_a_median_each(blocks):
    calls = [call for block in blocks for call in block]
    assert block_medians(calls, [len(b) for b in blocks]) == [float(numpy.median(b)) for b in blocks]


def test_a_block_that_promises_more_calls_than_there_are_is_left_out():
    assert block_medians([1, 2, 3], [2, 2]) == [1.5]
