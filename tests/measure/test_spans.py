"""Spans of time become a recording in which every microsecond is counted once."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.spans import DeviceSpan, Span, nested, recording, shapes_text, union_us


def call(start=0.0, end=100.0):
    return Span("harness call", start, end, kind="other")


def times(found):
    return {o.name: (o.calls, o.self_cpu_us, o.cpu_us) for o in found.operators}


def test_self_time_is_without_what_was_called():
    spans = [Span("outer", 10, 60), Span("inner", 20, 30), Span("inner", 40, 55)]
    found = recording([call()], spans)
    assert times(found) == {"outer": (1, 25, 50), "inner": (2, 25, 25)}
    assert found.inside_us == 50
    assert found.wall_us == [100]
    assert found.kernels is None and found.busy_us is None


def test_an_operator_inside_one_of_its_name_counts_once_in_the_total():
    found = recording([call()], [Span("f", 0, 50), Span("g", 10, 40), Span("f", 20, 30)])
    assert times(found) == {"f": (2, 30, 50), "g": (1, 20, 30)}


def test_dispatch_is_no_operator_and_what_is_other_belongs_to_what_it_is_in():
    spans = [
        Span("wrapper", 0, 80, kind="dispatch"),
        Span("my annotation", 10, 60, kind="other"),
        Span("op", 20, 50),
        Span("launch", 30, 40, kind="other"),
    ]
    found = recording([call()], spans)
    assert times(found) == {"op": (1, 30, 30)}
    assert [(d.name, d.calls, d.self_us) for d in found.dispatch] == [("wrapper", 1, 50)]


def test_only_what_began_within_a_call_counts():
    spans = [Span("reset", 0, 9), Span("op", 12, 18), Span("reset", 21, 29), Span("op", 31, 39)]
    found = recording([call(10, 20), call(30, 40)], spans)
    assert times(found) == {"op": (2, 14, 14)}


def test_identical_calls_are_one_entry_and_others_are_not():
    spans = [
        Span("op", 0, 1, shapes="2x2"),
        Span("op", 2, 4, shapes="2x2"),
        Span("op", 5, 6, shapes="3x3"),
        Span("net.py:7", 10, 20, kind="line", text="y = f(x)"),
        Span("op", 11, 12, shapes="2x2"),
    ]
    found = recording([call()], spans, lines=True)
    assert sorted((o.shapes, o.source, o.calls, o.self_cpu_us) for o in found.operators) == [
        ("2x2", "", 2, 3),
        ("2x2", "net.py:7", 1, 1),
        ("3x3", "", 1, 1),
    ]
    assert {o.text for o in found.operators if o.source} == {"y = f(x)"}
    assert found.lines


def test_threads_are_apart_and_only_the_calling_one_is_inside_the_call():
    found = recording([call()], [Span("op", 0, 50), Span("op", 10, 90, thread=7)])
    assert times(found) == {"op": (2, 130, 130)}
    assert found.inside_us == 50


def test_a_child_that_seems_to_outlast_its_parent_by_rounding_is_cut():
    spans, parents = nested([Span("run", 0, 100), Span("node", 50, 101)])
    assert parents == [None, 0]
    assert spans[1].end_us == 100
    _, parents = nested([Span("run", 0, 100), Span("later", 99, 130)])
    assert parents == [None, None]


def test_the_device_s_time_goes_to_who_launched_it_and_the_rest_keeps_its_own_name():
    spans = [
        Span("aten::linear", 0, 30),
        Span("aten::addmm", 5, 20, launched=(("gemm", 40.0),)),
        Span("wrapper", 40, 60, kind="dispatch", launched=(("fused", 7.0),)),
    ]
    device = [
        DeviceSpan("gemm", 10, 50, "kernel"),
        DeviceSpan("fused", 50, 57, "kernel"),
        DeviceSpan("copy", 55, 65, "copy", "host to device"),
        DeviceSpan("before", -50, -10, "kernel"),
    ]
    found = recording([call()], spans, device)
    assert {o.name: (o.self_device_us, o.device_us) for o in found.operators} == {
        "aten::linear": (0, 40),
        "aten::addmm": (40, 40),
        "fused": (7, 7),
        "copy": (10, 10),
    }
    assert sum(o.self_device_us for o in found.operators) == sum(k.device_us for k in found.kernels) == 57
    assert found.busy_us == 47  # kernels, not copies


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40), st.integers(0, 2)), max_size=30))
def test_self_times_are_never_negative_and_sum_to_the_time_inside(raw):
    spans = [Span(f"op{k % 4}", a, min(100, a + n), thread) for k, (a, n, thread) in enumerate(raw)]
    ordered, parents = nested(spans)
    for span, parent in zip(ordered, parents, strict=True):
        if parent is not None:
            above = ordered[parent]
            assert above.thread == span.thread
            assert above.start_us <= span.start_us <= span.end_us <= above.end_us
    # Keep what nests; a profiler of one thread gives nothing else.
    tops = [s for s, p in zip(ordered, parents, strict=True) if p is None]
    if all(a.end_us <= b.start_us or a.thread != b.thread for a, b in pairwise(tops)):
        found = recording([call(0, 101)], ordered)
        inside = sum(s.length_us for s in tops)
        assert sum(o.self_cpu_us for o in found.operators) == pytest.approx(inside)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=12))
def test_a_union_counts_every_moment_once(pairs):
    intervals = [(min(p), max(p)) for p in pairs]
    covered = {m for a, b in intervals for m in range(a, b)}
    assert union_us(intervals) == len(covered)


def test_shapes_are_those_of_tensors():
    assert shapes_text([[2048], [64, 512], [512, 2048], [], []]) == "2048, 64x512, 512x2048"
    assert shapes_text([[[4, 3], [4, 5]], []]) == "[4x3, 4x5]"
    assert shapes_text([]) == ""
