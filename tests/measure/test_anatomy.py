"""What the kernel says of plain calls, and an anatomy put together of its pieces."""

import time
from collections import Counter

import pytest
import torch

from harness.measure.anatomy import MOST_PLAIN, SLOW_S, Plain, _part, assemble
from harness.records.profile import DeviceTime, OperatorTime, Recording


class Case:
    """A loaded case that calls a function."""

    def __init__(self, function):
        self.feeds = [None, None]
        self.calls = 0
        self._function = function
        self.last_s = 0.0
        self.call(None)

    def call(self, feed):
        begin = time.perf_counter()
        self._function()
        self.last_s = time.perf_counter() - begin
        self.calls += 1


def test_a_call_that_sleeps_has_used_no_processor_and_given_it_up():
    plain = Plain(Case(lambda: time.sleep(0.02)))
    assert plain.caller_cpu_ms < plain.ms / 2
    assert plain.cpu_ms < plain.ms / 2
    assert plain.waits >= 0.9


def test_a_call_that_computes_has_used_the_processor_and_waited_for_nobody():
    def spin():
        begin = time.thread_time()
        while time.thread_time() - begin < 0.005:
            pass

    plain = Plain(Case(spin))
    assert plain.cpu_ms >= plain.caller_cpu_ms * 0.9 > 0
    assert plain.waits < 0.9


def test_a_call_that_takes_new_memory_has_page_faults():
    def allocate():
        torch.empty(64 << 20, dtype=torch.uint8).fill_(1)

    held = torch.empty(64 << 20, dtype=torch.uint8).fill_(1)
    # With huge pages one fault brings two MiB.
    assert Plain(Case(allocate)).page_faults >= 32
    assert Plain(Case(lambda: held.fill_(2))).page_faults < 16


@pytest.mark.parametrize(("first_s", "calls"), [(SLOW_S * 2, 1), (1e-7, MOST_PLAIN)])
def test_slow_calls_are_made_once_and_quick_ones_often(first_s, calls):
    case = Case(lambda: None)
    case.last_s = first_s
    Plain(case)
    assert case.calls == calls + 1


def plain():
    found = Plain(Case(lambda: None))
    found.ms, found.seconds = 1.0, 1e-3
    return found


def test_what_fails_is_a_note_and_the_rest_stands():
    notes = []
    assert _part("profile", notes, lambda: 1 / 0) is None
    found = assemble(plain(), None, {}, None, Counter(), [], notes)
    assert found.notes == ["no profile: ZeroDivisionError: division by zero"]
    assert (found.plain_ms, found.outside_ms, found.operators, found.calls) == (1.0, 1.0, [], 0)


def test_a_device_tells_its_launches_and_how_busy_it_was():
    recording = Recording(
        [1000.0, 1000.0],
        [OperatorTime("aten::mm", 2, 20.0, 20.0, 600.0, 600.0)],
        20.0,
        kernels=[DeviceTime("gemm", "kernel", 4, 500.0), DeviceTime("Memset", "fill", 2, 100.0)],
        busy_us=500.0,
        notes=["a note of the profiler's"],
    )
    found = assemble(plain(), recording, {}, None, Counter(), [], [])
    assert (found.device_ms, found.launches, found.busy_share) == (pytest.approx(0.3), 2, 0.25)
    assert [k.name for k in found.kernels] == ["gemm", "Memset"]
    assert found.outside_ms == pytest.approx(0.7)
    assert found.notes == ["a note of the profiler's"]
