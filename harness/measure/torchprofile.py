"""Profiles whatever calls torch, with torch's own profiler: the default of `Session.profile`."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from harness.measure.spans import DISPATCH, LINE, OPERATOR, OTHER, DeviceSpan, Span, recording, shapes_text
from harness.records.profile import COPY, FILL, KERNEL

if TYPE_CHECKING:
    import torch

    from harness.records.profile import Recording
    from harness.runner import Profiling

CALL = "harness call"
"""What each profiled inference is called in the trace."""
LINE_MARK = "## line "
"""Begins the names of the spans that stand for source lines."""

GRAPH = "wrapper of the compiled graph"
"""What is in a compiled graph and no operator: the code that the compiler made, which shows nowhere else."""
_DISPATCH = (
    (re.compile(r"TorchDynamo Cache Lookup"), "guards of the compiled code"),
    (re.compile(r"Torch-Compiled Region|Pregraph bytecode|AOTDispatcher"), "entering the compiled code"),
    (re.compile(r"## Call CompiledFxGraph"), GRAPH),
    (re.compile(r"(cuda|cu|hip)[A-Z]\w*Synchronize"), "waiting for the device"),
)
"""A runtime's own doing, and what it is called for people."""
_RUNTIME = re.compile(
    r"(cuda|cu|hip)[A-Z]|Activity Buffer Request|Command Buffer Full|Instrumentation|Resource$"
    r"|Lazy Function Loading|Runtime Triggered Module Loading"
)
"""Calls of the device's driver and the profiler's own work: part of the operator they are in."""
_COPY = re.compile(r"Memcpy ([A-Z])to([A-Z])")
_SIDES = {"H": "host", "D": "device"}
_NO_WORK = re.compile(r"(Context|Stream|Event) Sync|Stream Wait Event")
_NO_DEVICE = (
    "torch's profiler saw nothing of the device (is CUPTI installed and allowed?): times are the host's"
)
_PRICE = "marking lines costs time in every call of a torch function: more of it is Python than otherwise"
_TORCHSCRIPT, _USER = 2, 7
"""Numbers of at::RecordScope."""


def profile_torch(asked: Profiling, modules: dict[str, torch.nn.Module] | None = None) -> Recording:
    """A recording of `asked.calls` inferences; their trace is written to `asked.trace`.

    Args:
        modules: the modules of a model that runs as it is written, by their path: each call of a torch
            function is then marked with its source line. None for no such marks.
    """
    import torch
    from torch.autograd import _add_metadata_json as add_metadata  # type: ignore[attr-defined]

    def recorded(calls: int) -> Any:
        with _profiler(asked.device.type) as found:
            add_metadata("harness", json.dumps(asked.about))
            for call in asked.inferences(calls):
                with torch.profiler.record_function(CALL):
                    call()
        return found

    marking: AbstractContextManager[Any] = nullcontext()
    texts: dict[str, str] = {}
    if modules is not None:
        from harness.measure.lines import Lines

        marking = lines = Lines(LINE_MARK, modules)
        texts = lines.texts
    with marking:
        # The profiler's own start (buffers, the tracing library of a device) belongs to no operator.
        recorded(1)
        profiler = recorded(asked.calls)
    profiler.export_chrome_trace(str(asked.trace))
    on_host = asked.device.type != "cuda"
    windows: list[Span] = []
    spans: list[Span] = []
    device: list[DeviceSpan] = []
    for event in profiler.function_events if on_host else profiler.events():
        if event.device_type.name != "CPU":
            if not (event.is_user_annotation or event.name == CALL or _NO_WORK.match(event.name)):
                device.append(_device_span(event))
        elif not event.is_async:
            span = _span(event, texts)
            (windows if span.name == CALL else spans).append(span)
    on_device = asked.device.type != "cpu"
    return recording(
        windows,
        spans,
        # An inference without a kernel is unheard of: then the tracing library did not work.
        device if on_device and device else None,
        lines=modules is not None,
        notes=[
            *([_PRICE] if modules is not None else []),
            *([_NO_DEVICE] if on_device and not device else []),
        ],
    )


def _profiler(device_type: str) -> Any:
    """A profiler of torch's: without a device the one that its newer one wraps, since the wrapper imports
    inductor, which takes a second, to find out how to treat a device.
    """
    import torch
    from torch.autograd.profiler import profile

    if device_type == "cuda":
        both = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        return torch.profiler.profile(activities=both, record_shapes=True, acc_events=True)
    return profile(record_shapes=True, acc_events=True, use_kineto=True)


def _span(event: Any, texts: dict[str, str]) -> Span:
    name, kind = _named(event.name, event.scope)
    return Span(
        name=name,
        start_us=event.time_range.start,
        end_us=event.time_range.end,
        thread=event.thread,
        kind=kind,
        shapes=shapes_text(event.input_shapes or ()) if kind == OPERATOR else "",
        launched=tuple((k.name, float(k.duration)) for k in event.kernels),
        text=texts.get(name, ""),
    )


def _named(name: str, scope: int) -> tuple[str, str]:
    """What an event is called, and how its time counts."""
    if name.startswith(LINE_MARK):
        return name.removeprefix(LINE_MARK), LINE
    for pattern, words in _DISPATCH:
        if pattern.match(name):
            return words, DISPATCH
    if scope == _TORCHSCRIPT:
        return "TorchScript interpreter", DISPATCH
    if scope == _USER or _RUNTIME.match(name):
        return name, OTHER
    return name, OPERATOR


def _device_span(event: Any) -> DeviceSpan:
    name: str = event.name
    kind, route = KERNEL, ""
    copy = _COPY.match(name)
    if copy:
        kind = COPY
        sides = [_SIDES.get(side, "") for side in copy.groups()]
        route = " to ".join(sides) if set(sides) == {"host", "device"} else ""
    elif name.startswith("Memcpy"):
        kind = COPY
    elif name.startswith("Memset"):
        kind = FILL
    return DeviceSpan(name, event.time_range.start, event.time_range.end, kind, route)
