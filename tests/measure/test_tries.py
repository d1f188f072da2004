"""How fast something can be done, on a simulated machine that others use as well."""

from __future__ import annotations

import random

import pytest

from harness.measure.tries import DeviceClock, HostClock, Reached, Work, reached, shortest
from harness.records.noise import BlockNoise


class Machine:
    """Its processor is given to a neighbour for a while, again and again; work waits meanwhile."""

    def __init__(self, mine_s: float = 1.0, neighbours_s: float = 0.0) -> None:
        self.now = 0.0
        self.mine_s, self.neighbours_s = mine_s, neighbours_s
        self._random = random.Random(1)
        self._until = mine_s

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        while seconds > self._until - self.now:
            seconds -= max(self._until - self.now, 0.0)
            self.now = self._until + self.neighbours_s * self._random.uniform(0.5, 1.5)
            self._until = self.now + self.mine_s * self._random.uniform(0.5, 1.5)
        self.now += seconds


class Watch:
    """An audit with an answer of its own for each round."""

    def __init__(self, *flags: list[str]) -> None:
        self._flags = list(flags)

    def before(self) -> None:
        return

    def after(self) -> BlockNoise:
        return BlockNoise(0.1, flags=self._flags.pop(0) if self._flags else [])


def measured(machine: Machine, *works: tuple[str, float], budget_s: float = 2.0, audit=None) -> Reached:
    clock = HostClock(machine.clock)
    items = [(clock, Work(name, lambda s=s: machine.work(s), 1.0)) for name, s in works]
    return reached(items, budget_s, audit or Watch(), machine.clock)


@pytest.mark.parametrize("cost_s", [2e-6, 3e-4, 2e-3])
def test_a_neighbour_that_takes_most_of_the_processor_does_not_lower_a_rate(cost_s):
    found = measured(Machine(mine_s=0.004, neighbours_s=0.006), ("work", cost_s))
    assert found.rates["work"] == pytest.approx(1 / cost_s, rel=0.02)


def test_works_take_turns_so_that_a_bad_second_is_shared_by_all():
    machine = Machine(mine_s=1.0, neighbours_s=1.0)
    found = measured(machine, ("a", 1e-3), ("b", 2e-3), budget_s=4.0)
    assert found.rates["a"] == pytest.approx(1000, rel=0.02)
    assert found.rates["b"] == pytest.approx(500, rel=0.02)
    assert found.rounds > 20


def test_the_first_call_of_a_turn_is_not_counted_since_others_have_filled_the_caches():
    machine = Machine()
    calls = []

    def call() -> None:
        machine.work(0.01 if not calls else 0.001)
        calls.append(1)

    found = HostClock(machine.clock).seconds(call)
    assert found == pytest.approx([0.001] * len(found), rel=1e-3)


def test_one_try_that_is_too_short_is_an_accident_and_no_rate():
    assert shortest([0.5, *[1.0] * 20, *[3.0] * 20]) == 1.0


def test_of_few_tries_the_best_counts():
    assert shortest([3.0, 1.0]) == 1.0
    assert shortest([2.0]) == 2.0


def test_a_short_work_is_repeated_until_a_clock_can_tell():
    machine = Machine()
    counts = []
    HostClock(machine.clock).seconds(lambda: (machine.work(1e-6), counts.append(1)))
    assert len(counts) > 1000


def test_a_disturbed_machine_gets_more_time_and_what_disturbed_it_is_told():
    quiet = measured(Machine(), ("work", 1e-3))
    assert (quiet.suspect, quiet.flags) == (0, {})
    noisy = measured(Machine(), ("work", 1e-3), audit=Watch(*[["steal", "run delay"], ["steal"]] * 1000))
    assert noisy.suspect == noisy.rounds
    assert noisy.rounds == pytest.approx(2.5 * quiet.rounds, rel=0.1)
    assert noisy.flags["steal"] == noisy.rounds
    assert noisy.flags["run delay"] == pytest.approx(noisy.rounds / 2, abs=1)


class Stream:
    """A device that works off its queue at a fixed time for each call, however slow the host."""

    def __init__(self, work_ms: float) -> None:
        self.work_ms, self.free_at, self.now = work_ms, 0.0, 0.0

    def call(self) -> None:
        self.now += 0.05
        self.free_at = max(self.free_at, self.now) + self.work_ms

    def delay(self, ms: float) -> None:
        self.free_at = max(self.free_at, self.now) + ms

    def mark(self) -> float:
        return max(self.free_at, self.now)

    def reached(self, event: float) -> bool:
        return self.now >= event

    def between_ms(self, first: float, second: float) -> float:
        return second - first

    def wait(self) -> None:
        self.now = max(self.now, self.free_at)


def test_on_an_accelerator_it_is_the_devices_own_time():
    stream = Stream(0.01)
    found = DeviceClock(stream).seconds(stream.call)
    assert found == pytest.approx([1e-5] * len(found))
    assert found
