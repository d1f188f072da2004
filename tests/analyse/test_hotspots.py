"""Hot spots of a recording: grouped, sorted, cut, and summing to the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analyse.hotspots import GROUPS, SORTS, check, hot_spots, totals
from harness.errors import UsageError
from harness.records.profile import DeviceTime, DispatchTime, OperatorTime, Recording


def operator(name, calls=2, own=10.0, whole=None, dev=0.0, shapes="", source="", text=""):
    return OperatorTime(name, calls, own, whole or own, dev, dev, shapes, source, text)


ON_CPU = Recording(
    wall_us=[60.0, 40.0],
    operators=[
        operator("addmm", 4, 40.0, 44.0, shapes="2x2", source="net.py:7", text="y = f(x)"),
        operator("addmm", 2, 20.0, 22.0, shapes="3x3", source="net.py:9", text="z = f(y)"),
        operator("relu", 4, 14.0, source="net.py:9", text="z = f(y)"),
        operator("copy", 6, 6.0),
    ],
    inside_us=80.0,
    dispatch=[DispatchTime("wrapper", 2, 5.0), DispatchTime("guards", 2, 8.0)],
)
ON_GPU = Recording(
    wall_us=[100.0],
    operators=[
        operator("addmm", 1, 10.0, dev=30.0),
        operator("relu", 1, 20.0, dev=5.0),
        operator("gemm", 1, 0.0, dev=9.0),
    ],
    inside_us=30.0,
    kernels=[
        DeviceTime("gemm", "kernel", 2, 39.0),
        DeviceTime("Memcpy HtoD", "copy", 1, 5.0, "host to device"),
    ],
    busy_us=39.0,
)


def test_by_operator_the_hottest_is_first_and_numbers_are_for_one_inference():
    found = hot_spots(ON_CPU, "operator", None, 20)
    assert (found.sort, found.share_of) == ("self_cpu", "self_cpu")
    assert [r.name for r in found.rows] == ["addmm", "relu", "copy"]
    first = found.rows[0]
    assert (first.calls, first.self_cpu_ms, first.cpu_ms) == (3, pytest.approx(0.030), pytest.approx(0.033))
    assert first.share == pytest.approx(0.75)
    assert first.self_device_ms is None and first.device_ms is None
    assert found.rest is None and found.rest_lines == 0


def test_by_shape_and_by_source():
    found = hot_spots(ON_CPU, "shape", None, 20)
    assert [(r.name, r.shapes) for r in found.rows][:2] == [("addmm", "2x2"), ("addmm", "3x3")]
    found = hot_spots(ON_CPU, "source", None, 20)
    assert [(r.name, r.text, round(r.share, 3)) for r in found.rows] == [
        ("net.py:7", "y = f(x)", 0.5),
        ("net.py:9", "z = f(y)", 0.425),
        ("(line unknown)", "", 0.075),
    ]
    assert {r.cpu_ms for r in found.rows} == {None}


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("self_cpu", ["addmm", "relu", "copy"]),
        ("cpu", ["addmm", "relu", "copy"]),
        ("calls", ["addmm", "copy", "relu"]),
    ],
)
def test_sorted_by_what_was_asked(sort, names):
    found = hot_spots(ON_CPU, "operator", sort, 0)
    assert [r.name for r in found.rows] == names
    assert found.total.share == pytest.approx(1)


def test_on_a_device_shares_are_of_its_time():
    found = hot_spots(ON_GPU, "operator", None, 20)
    assert (found.sort, found.share_of) == ("self_device", "self_device")
    assert [r.name for r in found.rows] == ["addmm", "gemm", "relu"]
    assert found.total.self_device_ms == pytest.approx(totals(ON_GPU, [1.0]).device_ms)
    assert hot_spots(ON_GPU, "operator", "self_cpu", 1).rows[0].name == "relu"
    assert [r.name for r in hot_spots(ON_GPU, "kernel", None, 20).rows] == ["gemm", "Memcpy HtoD"]


def test_without_device_times_a_wish_for_them_falls_back():
    assert hot_spots(ON_CPU, "operator", "self_device", 20).sort == "self_cpu"


def test_where_the_time_goes():
    found = totals(ON_CPU, [30_000.0, 34_000.0])
    assert found.wall_ms == pytest.approx(0.05)
    assert found.walls_ms == pytest.approx([0.06, 0.04])
    assert found.plain_ms == pytest.approx(32)
    assert found.cpu_ms == pytest.approx(0.04)
    assert found.inside_share == pytest.approx(0.8)
    assert [(d.name, d.count) for d in found.dispatch] == [("guards", 1), ("wrapper", 1)]
    assert found.device_ms is None and found.copies == []
    found = totals(ON_GPU, [90.0])
    assert (found.kernels, found.busy_share) == (2, pytest.approx(0.39))
    assert found.kernel_ms == pytest.approx(0.039)
    assert [(c.route, c.count) for c in found.copies] == [("host to device", 1)]


_operators = st.lists(
    st.builds(
        operator,
        st.sampled_from("abcdef"),
        st.integers(1, 9),
        st.floats(0, 1e6),
        shapes=st.sampled_from(["", "2x2", "3"]),
        source=st.sampled_from(["", "net.py:1", "net.py:2"]),
    ),
    max_size=20,
)


@given(_operators, st.sampled_from(GROUPS[:3]), st.sampled_from(SORTS), st.integers(0, 5))
def test_lines_shown_and_left_out_sum_to_the_whole(operators, group, sort, most):
    recording = Recording([5.0, 6.0], operators, 3.0)
    found = hot_spots(recording, group, sort, most)
    shown = [*found.rows, *([found.rest] if found.rest else [])]
    assert len(found.rows) <= most or most == 0
    whole = sum(o.self_cpu_us for o in operators)
    assert sum(r.self_cpu_ms for r in shown) == pytest.approx(whole / 2000)
    assert found.total.self_cpu_ms == pytest.approx(whole / 2000)
    assert sum(r.calls for r in shown) == pytest.approx(sum(o.calls for o in operators) / 2)
    assert sum(r.share for r in shown) == pytest.approx(1 if whole else 0)


def test_a_recording_of_nothing_is_no_error():
    found = hot_spots(Recording([10.0], [], 0.0), "operator", None, 20)
    assert found.rows == [] and found.total.share == 0
    assert totals(Recording([10.0], [], 0.0), [9.0]).inside_share == 0


@pytest.mark.parametrize(
    ("group", "sort"), [("kernel", None), ("operator", "self_device"), ("shape", "device")]
)
def test_what_the_cpu_has_no_answer_to_is_refused(group, sort):
    with pytest.raises(UsageError):
        check(group, sort, "cpu")


def test_what_a_kernel_has_no_answer_to_is_refused():
    with pytest.raises(UsageError):
        check("kernel", "self_cpu", "cuda")
    check("kernel", None, "cuda")
    check("operator", "device", "cuda:1")
