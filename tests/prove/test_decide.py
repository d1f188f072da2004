"""What an experiment says of a finding: from the interval of two sides in lock-step, and nothing else."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.verdict import MARGIN
from harness.prove.decide import decide
from harness.records.comparison import Verdict
from harness.records.finding import Intervention

BASE = {"model": "m", "runner": "r", "precision": "p", "batch_size": "8", "device": "cpu", "threads": "1"}
FASTER = Intervention("the cause taken away", BASE, {"runner": "other"}, "faster")


def verdict(low, high, reason=None):
    """On the time of new over base, as a comparison says it."""
    word = "faster" if high < 1 else "slower" if low > 1 else "inconclusive"
    ratio = math.sqrt(low * high)
    return Verdict(word, False, ratio, low, high, 0.99, MARGIN, 10, reason=reason)


def gained(low, high, **other):
    """On how much faster the new side is: the other way round."""
    return verdict(1 / high, 1 / low, **other)


@pytest.mark.parametrize(
    ("low", "high", "proved"),
    [
        (1.3, 1.5, True),
        (1.002, 1.2, True),
        (0.99, 1.2, None),  # it may be nothing
        (0.7, 1.4, None),
        (0.995, 1.005, False),  # it is nothing
        (1.001, 1.008, False),  # it is something, and too little to matter
        (0.5, 0.7, False),  # it went the other way
    ],
)
def test_a_cause_is_proved_if_without_it_a_call_is_faster_beyond_doubt(low, high, proved):
    found = decide(FASTER, gained(low, high))
    assert found.proved is proved
    assert (found.reason is None) == (proved is True)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_an_undecided_experiment_says_what_would_decide_it():
    assert "--mode standard" in decide(FASTER, gained(0.9, 1.2)).reason


def test_a_cause_that_accounts_for_less_than_was_said_is_not_the_cause():
    half = replace(FASTER, at_least=1.8)
    assert decide(half, gained(1.5, 1.9)).proved is True
    short = decide(half, gained(1.1, 1.2))
    assert short.proved is False
    assert "less than the 1.8 times" in short.reason


@pytest.mark.parametrize(("low", "high"), [(1.03, 1.18), (0.999, 1.001), (0.5, 0.7)])
def test_where_more_is_changed_than_the_cause_only_success_says_something(low, high):
    half = replace(FASTER, at_least=1.3, besides="the kernels that run")
    assert decide(half, gained(1.4, 1.6)).proved is True
    found = decide(half, gained(low, high))
    assert found.proved is None
    assert "it also changes the kernels that run" in found.reason


def test_what_else_was_changed_must_not_be_able_to_bring_as_much():
    beyond = replace(FASTER, beyond=1.2, besides="all else that its runner does")
    assert decide(beyond, gained(1.3, 1.5)).proved is True
    found = decide(beyond, gained(1.1, 1.5))
    assert found.proved is None
    assert "up to 1.20 times" in found.reason


def test_where_the_batch_is_what_was_changed_an_item_is_what_counts():
    twice = replace(FASTER, new={"batch_size": "16"}, per_item=True, at_least=1.4)
    # A call of twice the items takes 1.05 times as long: 1.9 times as many items in the same time.
    nearly_free = decide(twice, verdict(1.04, 1.06))
    assert nearly_free.proved is True
    assert nearly_free.ratio == pytest.approx(2 / 1.05, rel=0.01)
    assert decide(twice, verdict(1.9, 2.1)).proved is None
    assert decide(twice, verdict(2.2, 2.4)).proved is False
    assert decide(twice, verdict(1.6, 1.7)).proved is False, "better, but by less than 1.4"


def test_what_is_to_be_slower_without_the_cause_is_looked_at_the_other_way_round():
    slower = replace(FASTER, expect="slower", at_least=1.6)
    assert decide(slower, verdict(1.9, 2.1)).proved is True
    assert decide(slower, verdict(1.1, 1.2)).proved is False
    assert decide(slower, verdict(0.8, 0.9)).proved is False
    assert decide(slower, verdict(1.9, 2.1)).ratio < 1, "the ratio says how much faster, and it is slower"


@pytest.mark.parametrize(
    ("low", "high", "proved"),
    [(0.995, 1.005, True), (0.98, 1.005, None), (1.005, 1.02, None), (1.02, 1.1, False), (0.8, 0.9, False)],
)
def test_two_sides_are_alike_if_the_whole_interval_is_within_what_does_not_matter(low, high, proved):
    assert decide(replace(FASTER, expect="equivalent"), gained(low, high)).proved is proved


def test_a_noisy_machine_proves_a_clear_difference_and_nothing_else():
    noisy = "the machine is noisy: 5 of 10 pairs were disturbed"
    assert decide(FASTER, gained(1.3, 1.5, reason=noisy)).proved is True
    for low, high in [(1.002, 1.2), (0.999, 1.001), (0.9, 1.2)]:
        found = decide(FASTER, gained(low, high, reason=noisy))
        assert (found.proved, found.reason) == (None, noisy)


def test_a_single_pair_decides_nothing():
    lone = Verdict("inconclusive", False, 0.5, None, None, 0.99, MARGIN, 1, reason="one pair has no interval")
    found = decide(FASTER, lone)
    assert (found.proved, found.ratio, found.reason) == (None, 2.0, "one pair has no interval")


@given(st.floats(0.05, 20), st.floats(1, 3), st.sampled_from([None, 1.3, 2.0]))
def test_faster_and_slower_are_mirror_images(low, wide, at_least):
    high = low * wide
    faster = decide(replace(FASTER, at_least=at_least), gained(low, high))
    slower = decide(replace(FASTER, expect="slower", at_least=at_least), verdict(low, high))
    assert faster.proved is slower.proved


@given(st.floats(0.05, 20), st.floats(1, 3))
def test_a_cause_is_never_both_proved_and_refuted(low, wide):
    high = low * wide
    said = [decide(replace(FASTER, expect=e), gained(low, high)).proved for e in ("faster", "slower")]
    assert said != [True, True]
