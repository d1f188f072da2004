"""OpenVINO's own counters: the mean time of each layer, as the spans that other profilers give."""

from __future__ import annotations

import time
from typing import Any

import harness

_LAID = (
    "OpenVINO counts the mean of each layer in whole microseconds, and not when it began: in the trace "
    "layers lie one after another"
)


def profile(request: Any, layers: list[dict[str, str]], asked: harness.Profiling) -> harness.Recording:
    """A recording of `asked.calls` inferences of a request whose model counts.

    Counters go on from the first call of all, and tell means: what was before is taken away.

    Args:
        layers: what is executed, in order.
    """
    for call in asked.inferences(1):
        call()  # the first one allocates and packs weights
    before = _means_us(request)
    moments: list[tuple[float, float]] = []
    for call in asked.inferences(asked.calls):
        start = time.perf_counter()
        call()
        moments.append((start * 1e6, time.perf_counter() * 1e6))
    calls = len(moments)
    means = {
        name: max(0.0, (mean * (calls + 1) - before.get(name, 0.0)) / calls)
        for name, mean in _means_us(request).items()
    }
    windows = [harness.Span("harness call", a, b, kind="other") for a, b in moments]
    # Means, shared out among calls of unequal length.
    whole = max(sum(b - a for a, b in moments) / calls, sum(means.values()))
    spans = [span for a, b in moments for span in _laid(layers, means, a, (b - a) / whole)]
    harness.write_trace(asked.trace, [*windows, *spans], [], asked.about)
    notes = [_LAID, "OpenVINO knows no source lines"] if asked.lines else [_LAID]
    return harness.recording(windows, spans, lines=False, notes=notes)


def _means_us(request: Any) -> dict[str, float]:
    """Of the layers that ran; others were taken up into them, or have nothing to do."""
    found = request.get_profiling_info()
    return {p.node_name: p.real_time.total_seconds() * 1e6 for p in found if p.status == p.Status.EXECUTED}


def _laid(
    layers: list[dict[str, str]], means_us: dict[str, float], begin_us: float, scale: float
) -> list[harness.Span]:
    """Each layer in the order of execution, its mean times `scale` long."""
    spans = []
    for layer in layers:
        length = means_us.get(layer["name"], 0.0) * scale
        if length:
            args = {key: layer[key] for key in ("name", "implementation", "precision")}
            spans.append(
                harness.Span(layer["type"], begin_us, begin_us + length, shapes=layer["shapes"], args=args)
            )
        begin_us += length
    return spans
