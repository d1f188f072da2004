"""What a calibration makes of models compared with themselves, on sessions whose spreads are known."""

from __future__ import annotations

import math
import random

import pytest

from harness.analyse.spreads import nearest, spreads, workload_of
from harness.analyse.statistics import log_interval
from harness.records.calibration import Calibration, Session

PROCESS, ROUND = 0.01, 0.004


def measured(seed, session=0.0, pairs=400):
    """Pairs of three rounds: each process has a speed of its own, each block some jitter."""
    draw = random.Random(seed)
    found = []
    for _ in range(pairs):
        own = [math.log(4.0) + session + draw.gauss(0, PROCESS) for _ in range(2)]
        found.append([tuple(o + draw.gauss(0, ROUND) for o in own) for _ in range(3)])
    return found


def session(seed, effect=0.0, pairs=10):
    return Session("2026-11-22T17:41:26Z", [workload_of("m", measured(seed, effect, pairs), "x")], 20, 1500)


def test_the_spreads_between_processes_pairs_and_rounds_are_told_apart():
    found = workload_of("m", measured(1), "equivalent")
    between = math.sqrt(PROCESS**2 + ROUND**2 / 3)
    assert found.latency_ms == pytest.approx(4.0, rel=0.002)
    assert found.process_sd == pytest.approx(between, rel=0.06)
    assert found.pair_sd == pytest.approx(between * math.sqrt(2), rel=0.1)
    assert found.round_sd == pytest.approx(ROUND * math.sqrt(2), rel=0.1)


def test_how_sessions_differ_is_known_from_the_third_one_on():
    made = Calibration(1, "x", {}, [session(k) for k in range(2)])
    assert spreads(made).session_sd is None
    assert spreads(made).sessions == 2


def test_what_processes_explain_is_no_spread_between_sessions():
    draw = random.Random(3)
    alike = Calibration(1, "x", {}, [session(k) for k in range(60)])
    apart = Calibration(1, "x", {}, [session(k, draw.gauss(0, 0.02)) for k in range(60)])
    assert spreads(alike).session_sd < 0.0015
    assert spreads(apart).session_sd == pytest.approx(0.02, rel=0.25)


def test_without_a_session_nothing_is_known():
    assert spreads(Calibration(1, "x", {})) is None


def test_the_workload_counts_whose_calls_last_most_nearly_as_long():
    known = {"0.1": 0.03, "20": 0.01}
    assert nearest(known, 0.5) == 0.03
    assert nearest(known, 5.0) == 0.01
    assert nearest({}, 5.0) is None


def test_a_known_spread_keeps_a_lucky_interval_of_few_values_from_being_too_narrow():
    lucky = [4.0, 4.0001, 4.0]
    _, low, high = log_interval(lucky, least_sd=0.01)
    assert math.sqrt(high / low) - 1 == pytest.approx(1.96 * 0.01 / math.sqrt(3), rel=0.01)
    wide = [3.0, 4.0, 5.0]
    assert log_interval(wide, least_sd=0.01) == log_interval(wide)
    many = [4.0, 4.0001] * 5
    assert log_interval(many, least_sd=0.01) == log_interval(many)
