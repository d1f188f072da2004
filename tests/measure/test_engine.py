"""The engine on a virtual clock: when warm-up ends, what is timed, and that nothing else is.

A call takes as long as the test says and no time passes otherwise, so every test is exact.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure import engine
from harness.measure.calls import Subject, system_clock, timed_calls
from harness.measure.engine import Budget, Measured, measure
from harness.measure.steadiness import CAPPED, FLAT, SLOWDOWN, UNSTEADY, WARM_UP
from harness.records.noise import BlockNoise

MS = 1_000_000


class Lab:
    """A clock that only calls move, and a session whose calls take given durations (ns)."""

    def __init__(
        self, durations: Iterator[int], compiles_at: tuple[int, ...] = (), feeds: tuple[str, ...] = ("x",)
    ):
        self.now = 0
        self.log: list[str] = []
        self.fed: list[str] = []
        self.took: list[int] = []
        self.compiled = 0
        self._durations = durations
        self._compiles_at = compiles_at
        self._feeds = feeds

    def clock(self) -> int:
        self.log.append("clock")
        return self.now

    def session(self, feed: str) -> str:
        self.log.append("session")
        self.fed.append(feed)
        if len(self.took) in self._compiles_at:
            self.compiled += 1
        self.took.append(next(self._durations))
        self.now += self.took[-1]
        return f"output of {feed}"

    def subject(
        self, synchronise: Callable[[], None] | None = None, reset: Callable[[], None] | None = None
    ) -> Subject:
        return Subject(self.session, self._feeds, synchronise, lambda: self.compiled, reset)

    def measure(self, budget: Budget | None = None) -> Measured:
        return measure(self.subject(), budget or Budget(), self.clock)


def constant(ms: float) -> Iterator[int]:
    return repeat(round(ms * MS))


# ---- warm-up -------------------------------------------------------------------------------------


def test_slow_first_calls_are_warmed_away():
    found = Lab(chain([3000 * MS // 2, 90 * MS, 40 * MS, 20 * MS], constant(4))).measure()
    assert found.warm_up == WARM_UP
    assert set(found.stamps_ns) == {4 * MS}


def test_a_warm_up_that_gets_faster_slowly_is_waited_for():
    # Each call is 3 % quicker than the one before, then there is a plateau.
    falling = [round(4 * MS * 1.03 ** (60 - k)) for k in range(60)]
    found = Lab(chain(falling, constant(4))).measure()
    assert found.warm_up == WARM_UP
    assert set(found.stamps_ns) == {4 * MS}


def test_a_steady_session_is_warmed_up_for_the_least_time_and_no_longer():
    budget = Budget()
    found = Lab(constant(4)).measure(budget)
    assert found.warm_up == FLAT
    assert budget.warm_up_min <= found.warm_up_s < budget.warm_up_min + 2 * budget.window
    assert found.warm_up_calls * 0.004 == pytest.approx(found.warm_up_s)


def test_call_times_that_grow_all_the_time_are_called_a_slowdown():
    growing = (round(4 * MS * 1.02**k) for k in range(10_000))
    found = Lab(growing).measure()
    assert found.warm_up == SLOWDOWN
    assert found.stamps_ns


def test_call_times_that_jump_between_two_levels_window_by_window_have_no_steady_state():
    budget = Budget(window=0.02, window_min_calls=5)
    levels = chain.from_iterable(repeat(level * MS, 5) for _ in range(1000) for level in (4, 5))
    found = Lab(levels).measure(budget)
    assert found.warm_up == UNSTEADY


def test_a_call_that_is_slower_than_the_whole_warm_up_is_capped_and_still_timed_three_times():
    found = Lab(constant(60_000)).measure()
    assert found.warm_up == CAPPED
    assert (found.warm_up_calls, found.warm_up_s) == (1, 60.0)
    assert found.stamps_ns == [60_000 * MS] * 3


def test_calls_too_slow_for_two_windows_are_capped_and_not_called_unsteady():
    found = Lab(constant(500)).measure()
    assert found.warm_up == CAPPED
    assert found.warm_up_s <= Budget().warm_up_max


def test_warm_up_does_not_end_while_something_is_still_compiled():
    # Call times are the same all along: only the counter tells.
    found = Lab(constant(4), compiles_at=tuple(range(0, 200, 8))).measure()
    assert found.warm_up == FLAT
    assert found.warm_up_calls > 200
    assert found.events == 0


def test_arithmetic_that_is_imitated_gets_a_small_budget():
    lab = Lab(constant(5_000))
    found = lab.measure(Budget.emulated(0.1, 5))
    assert (found.warm_up, found.warm_up_calls, len(found.stamps_ns)) == (CAPPED, 1, 2)
    quick = Lab(constant(20)).measure(Budget.emulated(0.1, 5))
    assert quick.warm_up_s <= 1.0
    assert sum(quick.stamps_ns) <= 1.2e9


# ---- the timed calls -----------------------------------------------------------------------------


def test_a_recompilation_while_calls_are_timed_is_counted():
    lab = Lab(constant(4))
    steady = lab.measure().warm_up_calls
    found = Lab(constant(4), compiles_at=(3, steady + 2, steady + 7)).measure()
    assert found.warm_up_calls == steady
    assert found.events == 2


def test_blocks_are_consecutive_calls_and_add_up_to_all_of_them():
    found = Lab(constant(4)).measure(Budget(block=0.1, blocks=5))
    assert found.blocks == [25] * 5
    assert sum(found.blocks) == len(found.stamps_ns)


def test_a_block_of_slow_calls_is_one_call_and_there_are_enough_of_them():
    found = Lab(constant(150)).measure()
    assert set(found.blocks) == {1}
    assert len(found.stamps_ns) >= Budget().min_calls


def test_what_is_timed_comes_after_the_warm_up_and_is_kept_in_order():
    lab = Lab(round(4 * MS + k) for k in range(10_000))
    found = lab.measure()
    assert found.stamps_ns == lab.took[found.warm_up_calls :]


def test_a_time_is_that_of_one_call_to_the_nanosecond():
    lab = Lab(iter([5, 7, 11]))
    assert timed_calls(lab.subject(), lab.clock, 3) == [5, 7, 11]


def test_nothing_of_the_harness_runs_between_the_two_readings_of_the_clock():
    lab = Lab(constant(4))
    timed_calls(lab.subject(reset=lambda: lab.log.append("reset")), lab.clock, 2)
    assert lab.log == ["reset", "clock", "session", "clock"] * 2


def test_on_an_asynchronous_device_the_wait_for_it_is_part_of_the_time():
    lab = Lab(constant(1))

    def synchronise() -> None:
        lab.log.append("synchronise")
        lab.now += 3 * MS

    assert timed_calls(lab.subject(synchronise), lab.clock, 2) == [4 * MS] * 2
    assert lab.log == ["clock", "session", "synchronise", "clock"] * 2


def test_the_feeds_rotate_through_warm_up_and_timed_calls_alike():
    lab = Lab(constant(4), feeds=("a", "b", "c"))
    lab.measure()
    assert lab.fed == [("a", "b", "c")[k % 3] for k in range(len(lab.fed))]


def test_an_output_is_let_go_before_the_next_call_so_that_memory_does_not_double():
    alive: list[int] = []

    class Output:
        count = 0

        def __init__(self) -> None:
            Output.count += 1

        def __del__(self) -> None:
            Output.count -= 1

    def session(feed: str) -> Output:
        alive.append(Output.count)
        return Output()

    timed_calls(Subject(session, ["x"]), lambda: 0, 4)
    assert alive == [0, 0, 0, 0]


# ---- calls shorter than a clock's reading --------------------------------------------------------


def test_calls_under_fifty_microseconds_are_timed_many_at_once():
    found = Lab(repeat(8_000)).measure()
    assert found.calls_per_stamp == 125
    assert set(found.stamps_ns) == {8_000 * 125}
    assert found.warm_up == FLAT


def test_what_the_loop_itself_takes_is_known_and_left_out_of_the_warm_ups_times():
    # A clock on which time passes for every reading: a loop without calls takes one reading's time.
    lab = Lab(repeat(8_000))

    def clock() -> int:
        lab.now += 1_000
        return lab.now

    found = measure(lab.subject(), Budget(), clock)
    assert found.calls_per_stamp > 1
    assert found.empty_ns == pytest.approx(1_000 / found.calls_per_stamp)
    per_call = found.stamps_ns[0] / found.calls_per_stamp - found.empty_ns
    assert per_call == pytest.approx(8_000)


def test_a_session_that_must_be_reset_before_each_call_is_timed_call_by_call_however_short():
    lab = Lab(repeat(8_000))
    found = measure(lab.subject(reset=lambda: lab.log.append("reset")), Budget(), lab.clock)
    assert found.calls_per_stamp == 1
    assert lab.log.count("reset") == lab.log.count("session")


def test_in_a_loop_every_call_is_waited_for_on_an_asynchronous_device():
    lab = Lab(repeat(8_000))
    waits: list[int] = []

    def synchronise() -> None:
        waits.append(1)
        lab.now += 2_000

    found = measure(lab.subject(synchronise), Budget(), lab.clock)
    assert set(found.stamps_ns) == {10_000 * found.calls_per_stamp}
    assert len(waits) == len(lab.took)


# ---- the audit -----------------------------------------------------------------------------------


class Watch:
    """Finds the blocks suspect whose numbers it is given."""

    def __init__(self, lab: Lab, suspect: Callable[[int], bool]) -> None:
        self.lab, self.suspect, self.number = lab, suspect, -1

    def before(self) -> None:
        self.lab.log.append("before")
        self.number += 1

    def after(self) -> BlockNoise:
        self.lab.log.append("after")
        return BlockNoise(wall_s=0.1, flags=["steal"] if self.suspect(self.number) else [])


def test_a_suspect_block_is_kept_and_made_up_for_by_another():
    lab = Lab(constant(4))
    found = measure(lab.subject(), Budget(blocks=5), lab.clock, Watch(lab, lambda n: n == 1))
    assert [b.suspect for b in found.timed] == [False, True, False, False, False, False]


def test_blocks_are_made_up_for_within_a_limit_only():
    lab = Lab(constant(4))
    found = measure(lab.subject(), Budget(blocks=5), lab.clock, Watch(lab, lambda n: True))
    assert len(found.timed) == 7
    assert all(b.suspect for b in found.timed)


def test_the_audit_stands_around_the_timed_calls_and_not_between_them():
    lab = Lab(constant(4))
    measure(lab.subject(), Budget(blocks=2), lab.clock, Watch(lab, lambda n: False))
    for_blocks = lab.log[lab.log.index("before") :]
    assert for_blocks == (["before", *["clock", "session", "clock"] * 25, "after", "clock"] * 2)[:-1]


def test_a_slow_block_that_the_audit_finds_nothing_about_is_not_repeated():
    settled = Lab(constant(4)).measure().warm_up_calls
    lab = Lab(chain(repeat(4 * MS, settled), repeat(9 * MS, 25), constant(4)))
    found = measure(lab.subject(), Budget(blocks=5), lab.clock, Watch(lab, lambda n: False))
    assert len(found.timed) == 5
    assert found.timed[0].stamps_ns == [9 * MS] * 25


# ---- block by block ------------------------------------------------------------------------------


def test_after_a_pause_calls_are_made_and_forgotten_for_a_while():
    lab = Lab(constant(4))
    one = engine.Engine(lab.subject(), Budget(), lab.clock)
    one.warm_up()
    before = len(lab.took)
    one.discard(0.02)
    assert len(lab.took) - before == 5
    assert len(one.block().stamps_ns) == 25


# ---- the garbage collector -----------------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_off_while_calls_are_made_and_as_before_afterwards(enabled):
    seen: set[bool] = set()
    lab = Lab(constant(4))
    was = gc.isenabled()

    def session(feed: str) -> str:
        seen.add(gc.isenabled())
        return lab.session(feed)

    try:
        (gc.enable if enabled else gc.disable)()
        measure(Subject(session, ["x"]), Budget(), lab.clock)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()
    assert seen == {False}


def test_the_garbage_collector_is_on_again_after_a_call_that_breaks():
    def session(feed: str) -> str:
        raise RuntimeError("my fault")

    assert gc.isenabled()
    frozen = gc.get_freeze_count()
    with pytest.raises(RuntimeError, match="my fault"):
        measure(Subject(session, ["x"]), Budget(), lambda: 0)
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen


# ---- whatever the call times are -----------------------------------------------------------------


@settings(max_examples=25)
@given(
    start=st.lists(st.integers(5_000_000, 5_000_000_000), max_size=20),
    typical=st.integers(5_000_000, 5_000_000_000),
    noise=st.lists(st.floats(0.5, 2.0), min_size=1, max_size=7),
    emulated=st.booleans(),
)
def test_whatever_the_call_times_a_sample_has_calls_in_whole_blocks_and_comes_to_an_end(
    start, typical, noise, emulated
):
    budget = Budget.emulated(0.1, 5) if emulated else Budget()
    lab = Lab(chain(start, (round(typical * factor) for _ in repeat(0) for factor in noise)))
    found = lab.measure(budget)
    assert found.warm_up in (FLAT, WARM_UP, SLOWDOWN, UNSTEADY, CAPPED)
    assert sum(found.blocks) == len(found.stamps_ns) >= budget.fewest_calls
    assert found.stamps_ns == lab.took[found.warm_up_calls :]
    assert found.warm_up_s == pytest.approx(sum(lab.took[: found.warm_up_calls]) / 1e9)
    assert found.events == 0
    slowest = max(lab.took) / 1e9
    # A block is planned from the last calls of the warm-up: it may take four times as long.
    assert sum(found.stamps_ns) / 1e9 <= budget.most + 4 * budget.block + (budget.min_calls + 1) * slowest


def test_the_clock_of_a_real_measurement_is_monotonic_and_in_nanoseconds():
    readings = [system_clock() for _ in range(100)]
    assert readings == sorted(readings)
    assert all(isinstance(r, int) for r in readings)
