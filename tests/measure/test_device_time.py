"""Device time behind a backlog, on a simulated stream: a device that works off a queue while the host
goes on."""

from __future__ import annotations

import pytest

from harness.measure.device_time import MOST_DELAY_MS, device_time, settle


class Device:
    """A host clock and a device that is busy until some moment (ms)."""

    def __init__(self, launch_ms: float, work_ms: float, waits: bool = False, queue: int | None = None):
        self.now = 0.0
        self.free_at = 0.0
        self.launch_ms, self.work_ms, self.waits = launch_ms, work_ms, waits
        self.queue = queue
        self.ends: list[float] = []
        self.calls = 0

    def clock(self) -> float:
        return self.now / 1e3

    def _enqueue(self, ms: float) -> None:
        pending = [e for e in self.ends if e > self.now]
        if self.queue is not None and len(pending) >= self.queue:
            self.now = pending[len(pending) - self.queue]
        self.free_at = max(self.free_at, self.now) + ms
        self.ends = [*pending, self.free_at]

    def call(self) -> None:
        self.calls += 1
        self.now += self.launch_ms
        self._enqueue(self.work_ms)
        if self.waits:
            self.now = self.free_at

    def delay(self, ms: float) -> None:
        self.now += 0.005
        self._enqueue(ms)

    def mark(self) -> float:
        self.now += 0.005
        return max(self.free_at, self.now)

    def reached(self, event: float) -> bool:
        return self.now >= event

    def between_ms(self, first: float, second: float) -> float:
        assert self.now >= second
        return second - first

    def wait(self) -> None:
        self.now = max(self.now, self.free_at)


@pytest.mark.parametrize("launch_ms", [0.01, 0.15, 2.0])
@pytest.mark.parametrize("work_ms", [0.002, 0.1, 5.0])
def test_it_is_the_devices_time_however_slow_the_host_launches(launch_ms, work_ms):
    device = Device(launch_ms, work_ms)
    found = device_time(device, device.call, clock=device.clock)
    assert found.note is None
    assert len(found.blocks_ns) == 5
    # A mark may be enqueued behind the last call by the host's five microseconds.
    assert found.blocks_ns == pytest.approx([work_ms * 1e6] * 5, rel=0.01)


def test_a_call_that_waits_for_the_device_has_no_device_time_and_says_why():
    device = Device(0.1, 0.1, waits=True)
    found = device_time(device, device.call, clock=device.clock)
    assert found.blocks_ns == []
    assert "wait for the device" in (found.note or "")


def test_a_launch_queue_that_fills_up_makes_the_blocks_smaller():
    device = Device(0.05, 0.5, queue=6)
    found = device_time(device, device.call, clock=device.clock)
    assert found.blocks_ns == pytest.approx([0.5e6] * 5, rel=0.02)


def test_it_comes_to_an_end_within_reason():
    device = Device(0.1, 0.1, waits=True)
    device_time(device, device.call, clock=device.clock)
    assert device.now < 30 * MOST_DELAY_MS


def test_the_clock_counts_as_warm_when_ten_probes_agree():
    rates = iter([1200, 1500, 1800, *[1980 + k % 2 for k in range(100)]])
    probes = settle(lambda: next(rates), lambda: None)
    assert len(probes) == 13
