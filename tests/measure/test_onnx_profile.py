"""ONNX Runtime's events become spans of the last runs alone. Those of a GPU are imitated here."""

import json

from harness_plugins.runners import onnx_profile

import harness


def event(cat, name, ts, dur, **args):
    return {"cat": cat, "name": name, "ts": ts, "dur": dur, "ph": "X", "pid": 1, "tid": 7, "args": args}


def run(begin, kernels=()):
    """One run of two nodes: 100 us, of which 40 and 30 in nodes; events in the order of their ends."""
    inputs = [{"float": [4, 8]}, {"int64": []}, {"float": [8]}]
    return [
        event("Node", "fused a_kernel_time", begin + 10, 40, op_name="Gemm", input_type_shape=inputs),
        *kernels,
        event("Node", "b_kernel_time", begin + 60, 30, op_name="Relu", input_type_shape=[], provider="CPU"),
        event("Session", "SequentialExecutor::Execute", begin + 5, 90),
        event("Session", "model_run", begin, 100),
    ]


LOADING = [event("Session", "session_initialization", 0, 900), {"ph": "M", "name": "x", "cat": "y"}]


def test_only_the_runs_asked_for_are_read():
    events = [*LOADING, *run(1000), *run(2000), *run(3000)]
    windows, spans, device = onnx_profile.read(events, [(1990.0, 2105.0), (2996.0, 3099.5)])
    # A call holds its run, however the two clocks were rounded.
    assert [(w.start_us, w.end_us) for w in windows] == [(1990, 2105), (2996, 3100)]
    assert device == []
    found = harness.recording(windows, spans)
    assert sorted((o.name, o.shapes, o.calls, o.self_cpu_us) for o in found.operators) == [
        ("Gemm", "4x8, 8", 2, 80),
        ("Relu", "", 2, 60),
    ]
    assert {d.name: d.self_us for d in found.dispatch} == {
        "ONNX Runtime around the graph": 20,
        "ONNX Runtime between nodes": 40,
    }
    assert found.inside_us == 140


def test_kernels_belong_to_the_node_they_are_listed_after():
    kernels = [
        event("Kernel", "gemm", 1020, 25, stream="7"),
        event("Kernel", "Memcpy", 1050, 5),
    ]
    windows, spans, device = onnx_profile.read(run(1000, kernels), [(1000.0, 1100.0)])
    assert [(d.name, d.kind, d.stream) for d in device] == [("gemm", "kernel", 7), ("Memcpy", "copy", 0)]
    found = harness.recording(windows, spans, device)
    assert {o.name: o.self_device_us for o in found.operators} == {"Gemm": 30, "Relu": 0}
    assert found.busy_us == 25


def test_the_trace_is_written_with_the_names_of_nodes(tmp_path):
    windows, spans, device = onnx_profile.read(run(1000), [(990.0, 1105.0)])
    harness.write_trace(tmp_path / "t.json", [*windows, *spans], device, {"model": "m"})
    trace = json.loads((tmp_path / "t.json").read_text())
    assert trace["harness"] == {"model": "m"}
    spans = {e["name"]: e for e in trace["traceEvents"] if e["ph"] == "X"}
    assert spans["Gemm"]["args"] == {"node": "fused a", "Input Dims": "4x8, 8"}
    assert (spans["Gemm"]["ts"], spans["Gemm"]["dur"], spans["Gemm"]["tid"]) == (1010, 40, 7)
    assert spans["harness call"]["cat"] == "user_annotation"
