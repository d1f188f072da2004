"""Sustained throughput: windows over simulated servers of known capacity, and real callers of a session."""

from __future__ import annotations

import heapq
import random
import threading
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure import throughput, windows
from harness.measure.throughput import Run, Subject, pipeline, saturate
from harness.measure.windows import little, window_rates

S = 1_000_000_000


def served(callers, service_s, until_s, servers=1, think_s=0.0, stall=None):
    """Calls of a closed loop on a simulated clock: callers that queue for servers with a fixed service time.

    Args:
        think_s: what a caller does between its calls.
        stall: (when, seconds) in which nobody is served.
    """
    free = [0.0] * servers
    ready = [(0.0, k) for k in range(callers)]
    calls = []
    while ready and ready[0][0] < until_s:
        asked, caller = heapq.heappop(ready)
        server = heapq.heappop(free)
        begin = max(asked, server)
        if stall and stall[0] <= begin < sum(stall):
            begin = sum(stall)
        end = begin + service_s
        heapq.heappush(free, end)
        calls.append((round(asked * S), round(end * S)))
        heapq.heappush(ready, (end + think_s, caller))
    return calls


@pytest.mark.parametrize(
    ("callers", "servers", "service_s"),
    [(1, 1, 0.0031), (2, 1, 0.0031), (4, 2, 0.017), (3, 1, 0.7), (2, 2, 2.3)],
)
def test_the_rate_is_within_2_percent_of_the_capacity_of_a_known_server(callers, servers, service_s):
    calls = served(callers, service_s, 13.0, servers)
    rates = window_rates(calls, 1 * S, S, 10, items=16)
    capacity = 16 * servers / service_s
    assert sum(rates) / len(rates) == pytest.approx(capacity, rel=0.02)


def test_windows_of_a_few_long_calls_do_not_differ_by_rounding():
    rates = window_rates(served(1, 0.37, 13.0), 1 * S, S, 10, items=1)
    assert max(rates) == pytest.approx(min(rates), rel=1e-6)


def test_a_stall_of_a_second_shows_in_its_window_and_in_the_mean():
    smooth = window_rates(served(2, 0.01, 13.0), 1 * S, S, 10, items=1)
    stalled = window_rates(served(2, 0.01, 13.0, stall=(4.0, 1.0)), 1 * S, S, 10, items=1)
    assert min(smooth) > 95
    assert min(stalled) < 5
    assert sum(stalled) / 10 == pytest.approx(90, rel=0.02)


def test_calls_outside_the_windows_do_not_count():
    calls = [(0, S), (S, 2 * S), (2 * S, 3 * S)]
    assert window_rates(calls, S, S, 1, items=3) == [3.0]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), max_size=30),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_windows_that_hold_every_call_hold_each_of_them_once(spans, length, offset):
    calls = [(start, start + took) for start, took in spans]
    count = 100 // length + 2
    rates = window_rates([(a + offset, b + offset) for a, b in calls], 0, length, count, items=1)
    assert sum(rates) * length / S == pytest.approx(len(calls))


def test_a_loop_that_loses_no_time_keeps_littles_law():
    calls = served(4, 0.01, 13.0)
    mean_ms, deviation = little(calls, S, 11 * S, 4)
    assert mean_ms == pytest.approx(40, rel=0.01)
    assert abs(deviation) < 0.005


def test_time_that_callers_spend_between_their_calls_is_found_out():
    calls = served(2, 0.01, 13.0, servers=2, think_s=0.002)
    _, deviation = little(calls, S, 11 * S, 2)
    assert deviation == pytest.approx(-1 / 6, abs=0.01)
    assert abs(deviation) > windows.LITTLE
    assert "17% below the number of callers" in windows.little_warning(deviation)


def test_no_calls_are_no_throughput():
    assert window_rates([], 0, S, 2, items=1) == [0.0, 0.0]
    assert little([], 0, S, 1) == (0.0, -1.0)


def test_the_summary_leaves_the_ramp_out():
    slow = [(k * S // 10, (k + 1) * S // 10) for k in range(10)]
    fast = [(S + k * S // 100, S + (k + 1) * S // 100) for k in range(300)]
    times = [t for call in [*slow, *fast] for t in call]
    job = SimpleNamespace(
        ramp_s=1.0, window_s=1.0, windows=2, case=SimpleNamespace(planned=SimpleNamespace(items=8))
    )
    from array import array

    found = throughput.summary(Run(0, [array("q", times)], []), job, 1, 2)
    assert found.rates == pytest.approx([800.0, 800.0])
    assert found.mean_latency_ms == pytest.approx(10.0)
    assert (found.callers, found.threads, found.calls) == (1, 2, 310)


# ---- real callers ------------------------------------------------------------------------------------


def subject(session, feeds=(0, 1, 2), **more):
    return Subject(session, list(feeds), lambda raw: [raw], **more)


def test_callers_call_at_the_same_time():
    """Each call waits for the other: one caller at a time would never get through."""
    both = threading.Barrier(2, timeout=60)

    def session(feed):
        try:
            both.wait()
        except threading.BrokenBarrierError:
            return feed
        return feed

    ended = threading.Timer(0.2, both.abort)
    ended.start()
    run = saturate(subject(session), callers=2, seconds=0.1)
    ended.join()
    assert all(len(one) >= 2 for one in run.times)


def test_every_input_is_called_beside_others_before_and_after():
    run = saturate(subject(lambda feed: feed * 10), callers=3, seconds=0.02)
    assert len(run.outputs) == 6
    assert all(kept == {0: [0], 1: [10], 2: [20]} for kept in run.outputs)


def test_a_session_that_hands_out_somebody_elses_output_is_found_out():
    shared = {}
    meet = threading.Barrier(2)

    def session(feed):
        shared["output"] = feed * 10
        try:
            meet.wait(timeout=5)
        except threading.BrokenBarrierError:
            return shared["output"]
        return shared["output"]

    timer = threading.Timer(0.3, meet.abort)
    timer.start()
    run = saturate(subject(session), callers=2, seconds=0.05)
    timer.join()
    assert any(kept != {0: [0], 1: [10], 2: [20]} for kept in run.outputs)


def test_an_error_of_one_caller_ends_them_all():
    draw = random.Random(0)

    def session(feed):
        if draw.random() < 0.01:
            raise ValueError("no more")
        return feed

    before = threading.active_count()
    with pytest.raises(ValueError, match="no more"):
        saturate(subject(session), callers=3, seconds=0.2)
    assert threading.active_count() == before


def test_a_stateful_model_is_reset_before_every_call():
    state = {"calls": 0}

    def session(feed):
        state["calls"] += 1
        return state["calls"]

    run = saturate(subject(session, reset=lambda: state.update(calls=0)), callers=1, seconds=0.02)
    assert all(kept == {0: [1], 1: [1], 2: [1]} for kept in run.outputs)


def test_a_compilation_while_calls_are_timed_is_counted():
    seen = {"calls": 0}

    def session(feed):
        seen["calls"] += 1
        return feed

    assert saturate(subject(session, events=lambda: seen["calls"]), callers=1, seconds=0.05).events > 0
    assert saturate(subject(lambda feed: feed), callers=1, seconds=0.02).events == 0


class Device:
    """A device on a virtual clock that works calls off one after the other, each launched in `launch` ns."""

    def __init__(self, work, launch):
        self.now, self.free, self.work, self.launch = 0, 0, work, launch
        self.unfinished, self.most = 0, 0

    def clock(self):
        return self.now

    def session(self, feed):
        self.now += self.launch
        self.free = max(self.free, self.now) + self.work
        self.unfinished += 1
        self.most = max(self.most, self.unfinished)

    def mark(self):
        done = self.free

        def finish():
            self.now = max(self.now, done)
            self.unfinished -= 1

        return finish


@pytest.mark.parametrize(("work", "launch"), [(1_000_000, 200_000), (300_000, 900_000)])
def test_two_calls_in_flight_keep_a_device_or_its_host_busy_whichever_is_slower(work, launch):
    device = Device(work, launch)
    run = pipeline(subject(device.session), device.mark, 2.0, clock=device.clock)
    rates = window_rates(run.calls(), S // 2, S // 4, 4, items=1)
    assert sum(rates) / 4 == pytest.approx(S / max(work, launch), rel=0.02)
    assert device.most == 2
    assert device.unfinished == 0
    _, deviation = little(run.calls(), S // 2, S, 2)
    assert abs(deviation) < windows.LITTLE


@pytest.mark.parametrize(("threads", "callers", "each"), [(2, 1, 2), (2, 2, 1), (8, 3, 2), (1, 4, 1)])
def test_callers_share_the_threads_of_a_case(threads, callers, each):
    assert throughput.threads_each(threads, callers) == each
