"""ONNX Runtime's own profiler: its events as spans, the same that torch's profiler gives."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness

from .onnx_lines import NodeLines

RUN = "model_run"
"""What ONNX Runtime calls one run of the graph."""
_EXECUTOR = "SequentialExecutor::Execute"
_DISPATCH = {RUN: "ONNX Runtime around the graph", _EXECUTOR: "ONNX Runtime between nodes"}
_KERNEL_TIME = re.compile(r"_kernel_time$")
_FUSED = "ONNX Runtime fuses and adds nodes: a fused one counts for one of its lines, an added one for none"
_NO_DEVICE = (
    "this onnxruntime's profiler tells nothing of the device: times are the host's, which hands the work over"
)


def instrument(work: harness.Work, options: Any) -> None:
    """Switches the profiler on in the options of a session that is to be profiled, and in no other."""
    if work.profiling:
        options.enable_profiling = True
        options.profile_file_prefix = str(work.dir / "profile")


def profile(session: Any, model: Path, asked: harness.Profiling) -> harness.Recording:
    """A recording of `asked.calls` inferences of a session that was made with profiling enabled.

    It has recorded every run since it was made; the last ones are those asked for.

    Args:
        model: the exported file, which knows the source lines of its nodes.
    """
    begun_ns = session.get_profiling_start_time_ns()
    moments: list[tuple[float, float]] = []
    for call in asked.inferences(asked.calls):
        start_ns = time.time_ns()
        call()
        moments.append(((start_ns - begun_ns) / 1000, (time.time_ns() - begun_ns) / 1000))
    file = Path(session.end_profiling())
    events = json.loads(file.read_text("utf-8"))
    file.unlink()
    windows, spans, device = read(events, moments)
    notes = []
    if asked.lines:
        notes.append(_FUSED)
        spans = list(_with_lines(spans, NodeLines(model)))
    harness.write_trace(asked.trace, [*windows, *spans], device, asked.about)
    on_device = asked.device.type != "cpu"
    notes += [_NO_DEVICE] if on_device and not device else []
    known = device if device and on_device else None
    return harness.recording(windows, spans, known, lines=asked.lines, notes=notes)


def read(
    events: Iterable[dict[str, Any]], moments: Sequence[tuple[float, float]]
) -> tuple[list[harness.Span], list[harness.Span], list[harness.DeviceSpan]]:
    """The calls, what the host did in them and what a device did, from ONNX Runtime's events.

    Args:
        events: of any number of runs, in microseconds.
        moments: begin and end of the last so many calls on the same clock, as their caller saw them.
    """
    timed = [e for e in events if e.get("ph") == "X"]
    runs = sorted((e for e in timed if e["name"] == RUN), key=lambda e: e["ts"])[-len(moments) :]
    windows = [
        # The two clocks agree to some microseconds; a call holds its run.
        harness.Span(
            "harness call",
            min(start, run["ts"]),
            max(end, run["ts"] + run["dur"]),
            thread=run["tid"],
            kind="other",
        )
        for run, (start, end) in zip(runs, moments, strict=True)
    ]
    first = windows[0].start_us
    spans: list[harness.Span] = []
    device: list[harness.DeviceSpan] = []
    for event in timed:
        if event["ts"] < first:
            continue
        if event["cat"] == "Kernel":
            device.append(_device_span(event))
            if spans:  # kernels are listed after the node that launched them
                launched = (*spans[-1].launched, (event["name"], float(event["dur"])))
                spans[-1] = replace(spans[-1], launched=launched)
        else:
            spans += _spans(event)
    return windows, spans, device


def _spans(event: dict[str, Any]) -> Iterator[harness.Span]:
    """The span of a node or of what is around them; loading and the like have none."""
    name, args = event["name"], event.get("args", {})
    begin, end = float(event["ts"]), float(event["ts"] + event["dur"])
    if event["cat"] == "Session" and name in _DISPATCH:
        yield harness.Span(_DISPATCH[name], begin, end, event["tid"], "dispatch")
    elif event["cat"] == "Node" and _KERNEL_TIME.search(name):
        kept = {key: args[key] for key in ("provider", "output_type_shape") if key in args}
        yield harness.Span(
            name=args["op_name"],
            start_us=begin,
            end_us=end,
            thread=event["tid"],
            shapes=_shapes(args.get("input_type_shape", ())),
            args={"node": _KERNEL_TIME.sub("", name), **kept},
        )


def _with_lines(spans: list[harness.Span], lines: NodeLines) -> Iterator[harness.Span]:
    """Each node inside a span for its source line."""
    for span in spans:
        found = lines.find(span.args["node"], span.name) if "node" in span.args else None
        if found:
            yield replace(span, name=found[0], text=found[1], kind="line", shapes="", launched=(), args={})
        yield span


def _shapes(inputs: Iterable[dict[str, list[int]]]) -> str:
    """`64x512, 512x2048` from [{"float": [64, 512]}, {"float": [512, 2048]}]."""
    dims = [d for one in inputs for d in one.values()]
    return ", ".join("x".join(map(str, d)) for d in dims if d)


def _device_span(event: dict[str, Any]) -> harness.DeviceSpan:
    name = event["name"]
    kind = "copy" if name.startswith("Memcpy") else "fill" if name.startswith("Memset") else "kernel"
    stream = event.get("args", {}).get("stream", 0)
    return harness.DeviceSpan(
        name, float(event["ts"]), float(event["ts"] + event["dur"]), kind, stream=int(stream)
    )
