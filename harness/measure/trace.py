"""Traces in the form of Chrome's trace events, as torch's profiler writes them, for other profilers.

Perfetto and chrome://tracing show them. Moments and lengths are microseconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.measure.spans import DISPATCH, OPERATOR, DeviceSpan, Span, nested

_CATEGORIES = {OPERATOR: "cpu_op", DISPATCH: "runtime"}
_STREAMS = 1_000_000
"""Threads of the device's streams are numbered from here on, so that they meet no thread of the host."""


def write_trace(
    path: Path, spans: Iterable[Span], device: Iterable[DeviceSpan], about: dict[str, str]
) -> None:
    """Writes spans of host and device as one trace; spans of a thread are nested."""
    whole = {
        "schemaVersion": 1,
        "displayTimeUnit": "ms",
        "harness": about,
        "traceEvents": [*_names(), *_host(spans), *_device(device)],
    }
    path.write_text(json.dumps(whole), "utf-8")


def _names() -> Iterator[dict[str, Any]]:
    pid = os.getpid()
    yield {"ph": "M", "name": "process_name", "ts": 0, "pid": pid, "tid": 0, "args": {"name": "harness"}}


def _host(spans: Iterable[Span]) -> Iterator[dict[str, Any]]:
    pid = os.getpid()
    for span in nested(spans)[0]:
        args = {**span.args, **({"Input Dims": span.shapes} if span.shapes else {})}
        yield {
            "ph": "X",
            "cat": _CATEGORIES.get(span.kind, "user_annotation"),
            "name": span.name,
            "pid": pid,
            "tid": span.thread,
            "ts": span.start_us,
            "dur": span.length_us,
            "args": args,
        }


def _device(spans: Iterable[DeviceSpan]) -> Iterator[dict[str, Any]]:
    for span in spans:
        yield {
            "ph": "X",
            "cat": span.kind,
            "name": span.name,
            "pid": os.getpid(),
            "tid": _STREAMS + span.stream,
            "ts": span.start_us,
            "dur": span.end_us - span.start_us,
            "args": {},
        }
