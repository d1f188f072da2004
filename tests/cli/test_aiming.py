"""`--passes`, `--until`, `--time-budget` and a suite's own aims: what a run makes of them together."""

from __future__ import annotations

import pytest

from harness.cli import aiming
from harness.errors import UsageError
from harness.plan.suites import Aims
from harness.records.settings import Settings


def made(suite=None, **options):
    given = {"passes": None, "until": None, "time_budget": None, **options}
    return Settings(**aiming.settings(given, suite or Aims()))


def test_a_run_that_is_told_nothing_makes_3_to_12_passes_until_5_percent():
    found = made()
    assert (found.passes, found.most_passes, found.until) == (3, 12, 0.05)
    assert (found.time_budget_s, found.further_s) == (None, 300.0)


def test_a_number_of_passes_is_just_that_number():
    found = made(passes="7")
    assert (found.passes, found.until) == (7, None)


def test_a_range_of_passes_aims():
    found = made(passes="2..40")
    assert (found.passes, found.most_passes, found.until) == (2, 40, 0.05)


def test_no_aim_is_the_first_passes_alone():
    assert (made(until="none").passes, made(until="none").until) == (3, None)


@pytest.mark.parametrize("text", ["2.5%", "0.025", " 2.5% "])
def test_a_width_is_a_percentage_or_a_share(text):
    assert made(until=text).until == pytest.approx(0.025)


def test_a_width_in_whole_numbers_is_asked_back():
    with pytest.raises(UsageError) as caught:
        made(until="5")
    assert caught.value.hint == "did you mean 5%?"


@pytest.mark.parametrize("text", ["0", "0%", "-5%", "100%", "nan", "inf", "5 percent", ""])
def test_what_is_no_width_is_refused(text):
    with pytest.raises(UsageError, match="is no half-width"):
        made(until=text)


@pytest.mark.parametrize("text", ["0", "101", "3..2", "0..4", "3..200", "many", "3-12", "", "1e3", "9" * 12])
def test_what_is_no_number_of_passes_is_refused(text):
    with pytest.raises(UsageError, match="--passes"):
        made(passes=text)


def test_a_fixed_number_of_passes_and_a_width_contradict_each_other():
    with pytest.raises(UsageError) as caught:
        made(passes="5", until="2%")
    assert caught.value.hint == "give a range: --passes 5..12"
    assert made(passes="5", until="none").passes == 5


def test_a_budget_that_was_given_limits_all_that_comes_after_the_first_pass():
    found = made(time_budget="60")
    assert (found.time_budget_s, found.further_s) == (60.0, None)
    assert made(time_budget="0").time_budget_s == 0
    free = made(time_budget="none")
    assert (free.time_budget_s, free.further_s) == (None, None)


@pytest.mark.parametrize("text", ["inf", "nan", "-1", "soon", ""])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(UsageError, match="--time-budget"):
        made(time_budget=text)


def test_a_suite_may_aim_and_options_come_before_it():
    suite = Aims(passes="2..6", until="10%", further_s=30.0)
    found = made(suite)
    assert (found.passes, found.most_passes, found.until, found.further_s) == (2, 6, 0.1, 30.0)
    assert made(suite, until="2%").until == 0.02
    assert made(suite, passes="3..20").until == 0.05
    assert made(suite, passes="4").until is None
    assert made(suite, time_budget="90").further_s is None


def test_a_suite_with_a_fixed_number_of_passes_goes_on_where_a_width_is_asked_for():
    suite = Aims(passes="3")
    assert made(suite).until is None
    found = made(suite, until="2%")
    assert (found.passes, found.most_passes, found.until) == (3, 12, 0.02)
