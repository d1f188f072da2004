"""What the harness itself reads where nothing is called: the engine on a null runner."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from harness.answers import OverheadResult
from harness.channel import Channel
from harness.measure import engine
from harness.measure.calls import Subject


def take(channel: Channel) -> None:
    """Measures a call of nothing, alone and in inference mode, and sends both."""
    import torch

    def nothing(_: Any) -> None:
        return None

    def in_context(_: Any) -> None:
        with torch.inference_mode():
            pass

    channel.send("stage", "measure")
    channel.send("result", OverheadResult(_call_ns(nothing), _call_ns(in_context)))


def _call_ns(session: Callable[[Any], Any]) -> float:
    found = engine.measure(Subject(session, [None]), engine.Budget())
    return statistics.median(found.call_ns)
