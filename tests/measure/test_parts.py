"""From a recording to the parts of one plain call: pure, on recordings of known times."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.parts import SHOWN, divided, shortened, totals
from harness.records.anatomy import CAST, COPY, ELEMENTWISE, GENERATED, MATMUL, OTHER, OperatorShare
from harness.records.profile import DeviceTime, OperatorTime, Recording

NO_CASTS: Counter[str] = Counter()


def operator(name, calls, self_us, shapes="", device_us=0.0):
    return OperatorTime(name, calls, self_us, self_us, device_us, device_us, shapes)


def recorded(operators, wall_us, **more):
    return Recording(list(wall_us), operators, sum(o.self_cpu_us for o in operators), **more)


def names(parts):
    return {s.name: s for s in parts.operators}


def test_times_and_calls_are_of_one_inference():
    found = divided(recorded([operator("aten::mm", 4, 1600.0)], [1000.0, 1000.0]), 1.0, NO_CASTS)
    assert names(found)["aten::mm"].calls == 2
    assert names(found)["aten::mm"].ms == pytest.approx(0.8)
    assert found.outside_ms == pytest.approx(0.2)


def test_what_the_profiler_adds_is_taken_off_operators_and_what_is_between_them():
    # 100 operators of 2 us, each 1 us longer when watched: half of that inside, half between them.
    watched = recorded([operator("aten::add", 100, 250.0)], [350.0])
    found = divided(watched, 0.25, NO_CASTS)
    assert names(found)["aten::add"].ms == pytest.approx(0.2)
    assert found.outside_ms == pytest.approx(0.05)


def test_a_call_that_was_slower_for_another_reason_is_no_profilers_doing():
    # One operator in a call that took ten times as long: no profiler adds milliseconds to it.
    found = divided(recorded([operator("aten::mm", 1, 9000.0)], [10_000.0]), 1.0, NO_CASTS)
    assert names(found)["aten::mm"].ms == pytest.approx(0.9, rel=0.01)
    assert found.outside_ms == pytest.approx(0.1, rel=0.05)


def test_one_disturbed_inference_does_not_make_operators_longer_than_a_call():
    walls = [1000.0] * 4 + [51_000.0]
    found = divided(recorded([operator("aten::mm", 5, 54_500.0)], walls), 1.0, NO_CASTS)
    assert names(found)["aten::mm"].ms <= 1.0


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1e5)), max_size=20),
    st.floats(1, 1e6),
    st.floats(1e-3, 1e3),
)
def test_the_parts_of_a_call_sum_to_its_length(operators, wall_us, plain_ms):
    shown = [operator(f"aten::op{n}", calls, us) for n, (calls, us) in enumerate(operators)]
    wall_us = max(wall_us, sum(o.self_cpu_us for o in shown))
    found = divided(recorded(shown, [wall_us]), plain_ms, NO_CASTS)
    assert all(s.ms >= 0 for s in found.operators)
    assert found.outside_ms >= 0
    total = sum(s.ms for s in found.operators) + found.outside_ms
    # All of it may be the profiler's own, and then nothing is left to say.
    assert total == pytest.approx(plain_ms) or total == 0


def test_on_a_device_its_kernels_times_are_used_as_they_are():
    kernels = [DeviceTime("gemm", "kernel", 2, 600.0)]
    one = recorded([operator("aten::mm", 2, 100.0, device_us=600.0)], [1000.0, 1000.0], kernels=kernels)
    found = divided(one, 0.4, NO_CASTS)
    assert names(found)["aten::mm"].ms == pytest.approx(0.3)
    assert found.outside_ms == pytest.approx(0.1)


def test_generated_code_that_no_profiler_shows_is_the_time_outside_operators():
    found = divided(recorded([operator("aten::mm", 1, 400.0)], [1000.0]), 1.0, NO_CASTS, generated=3)
    share = names(found)["generated code"]
    assert (share.category, share.calls, share.ms) == (GENERATED, 3.0, pytest.approx(0.6))
    assert found.outside_ms == 0


def test_generated_code_that_shows_leaves_the_rest_outside():
    shown = [operator("cpp_fused_relu_0", 1, 400.0)]
    found = divided(recorded(shown, [1000.0]), 1.0, NO_CASTS, generated=3)
    assert totals(found.operators) == {GENERATED: pytest.approx(0.4)}
    assert found.outside_ms == pytest.approx(0.6)


def test_as_many_copies_of_a_shape_as_the_model_casts_are_casts():
    copies = [operator("aten::copy_", 3, 300.0, "8x8, 8x8"), operator("aten::copy_", 1, 100.0, "4x4, 4x4")]
    found = divided(recorded(copies, [400.0]), 0.4, Counter({"8x8": 2}))
    assert [(s.category, s.calls) for s in found.operators] == [(CAST, 2), (COPY, 1), (COPY, 1)]
    assert totals(found.operators) == {CAST: pytest.approx(0.2), COPY: pytest.approx(0.2)}


def test_being_asked_to_cast_without_need_is_no_cast():
    found = divided(recorded([operator("aten::to", 5, 50.0)], [100.0]), 0.1, NO_CASTS)
    assert [s.category for s in found.operators] == [OTHER]


def test_beyond_a_dozen_operators_are_summed_up():
    shares = [OperatorShare(f"aten::op{k}", ELEMENTWISE, 1, float(k)) for k in range(SHOWN + 3)]
    found = shortened(shares)
    assert len(found) == SHOWN + 1
    assert found[0].ms == SHOWN + 2
    assert (found[-1].name, found[-1].calls, found[-1].ms) == ("others", 3, 0 + 1 + 2)


def test_totals_name_the_most_expensive_first_and_leave_out_what_took_nothing():
    shares = [
        OperatorShare("aten::add", ELEMENTWISE, 1, 1.0),
        OperatorShare("aten::mm", MATMUL, 1, 3.0),
        OperatorShare("aten::t", OTHER, 1, 0.0),
    ]
    assert list(totals(shares).items()) == [(MATMUL, 3.0), (ELEMENTWISE, 1.0)]
