"""Spans of time to a recording: who is inside whom, what each spent itself, identical calls summed.

Any profiler that tells when operators began and ended can be brought into this form; see
`harness.runner.Session.profile`. Pure, and without torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.records.profile import DeviceTime, DispatchTime, OperatorTime, Recording

OPERATOR, DISPATCH, LINE, OTHER = "operator", "dispatch", "line", "other"
ROUNDING_US = 1.0
"""Profilers round begin and length to whole microseconds, so a child may seem to outlast its parent."""


@dataclass(frozen=True)
class Span:
    """Something that the host did, from one moment to another.

    Moments are microseconds on any one clock. `kind` says how its own time counts: `operator` is work,
    `dispatch` is a runtime's own doing, `line` names the source line of what is inside it, and the
    time of any `other` belongs to what it is inside of.
    """

    name: str
    start_us: float
    end_us: float
    thread: int = 0
    kind: str = OPERATOR
    shapes: str = ""
    launched: tuple[tuple[str, float], ...] = ()
    """Name and microseconds of each kernel, copy or fill that it launched itself."""
    text: str = ""
    """Of a line: its code."""
    args: dict[str, Any] = field(default_factory=dict)
    """Shown beside it in a trace."""

    @property
    def length_us(self) -> float:
        return self.end_us - self.start_us


@dataclass(frozen=True)
class DeviceSpan:
    """Something that the device did; `kind` is kernel, copy or fill."""

    name: str
    start_us: float
    end_us: float
    kind: str
    route: str = ""
    """Of a copy between host and device: which way."""
    stream: int = 0


def nested(spans: Iterable[Span]) -> tuple[list[Span], list[int | None]]:
    """The spans in order, cut to what they are inside of, and the index of each one's parent."""
    ordered = sorted(spans, key=lambda s: (s.thread, s.start_us, -s.end_us))
    found: list[Span] = []
    parents: list[int | None] = []
    open_: list[int] = []
    for span in ordered:
        while open_ and not _holds(found[open_[-1]], span):
            open_.pop()
        parent = open_[-1] if open_ else None
        if parent is not None and span.end_us > found[parent].end_us:
            span = replace(span, end_us=found[parent].end_us)  # noqa: PLW2901
        parents.append(parent)
        found.append(span)
        open_.append(len(found) - 1)
    return found, parents


def _holds(outer: Span, inner: Span) -> bool:
    if outer.thread != inner.thread or inner.start_us > outer.end_us:
        return False
    if inner.start_us == outer.end_us:
        return inner.end_us == outer.end_us
    return inner.end_us <= outer.end_us + ROUNDING_US


def recording(
    windows: Sequence[Span],
    spans: Iterable[Span],
    device: Iterable[DeviceSpan] | None = None,
    lines: bool = False,
    notes: Sequence[str] = (),
) -> Recording:
    """A recording of some inferences.

    Args:
        windows: one span for each whole inference, on the calling thread.
        spans: what the host did; only what began within a window counts.
        device: what the device did within the windows; None where it is not known.
        lines: whether spans of the kind `line` were recorded.
        notes: what a reader should know about these numbers.
    """
    windows = sorted(windows, key=lambda w: w.start_us)
    starts = [w.start_us for w in windows]

    def within(moment_us: float) -> bool:
        k = bisect_right(starts, moment_us) - 1
        return k >= 0 and moment_us < windows[k].end_us

    inside = [s for s in spans if within(s.start_us)]
    ordered, parents = nested([*inside, *(replace(w, kind=OTHER) for w in windows)])
    owners = [_nearest(k, ordered, parents, (OPERATOR, DISPATCH)) for k in range(len(ordered))]
    self_us = [s.length_us for s in ordered]
    for k, owner in enumerate(owners):
        if owner is not None and ordered[k].kind in (OPERATOR, DISPATCH):
            self_us[owner] -= ordered[k].length_us
    # By its middle: the clocks of host and device agree to some microseconds only.
    events = None if device is None else [d for d in device if within((d.start_us + d.end_us) / 2)]
    operators = _operators(ordered, parents, self_us)
    if events is not None:
        operators += _orphans(events, ordered)
    calling = windows[0].thread if windows else 0
    return Recording(
        wall_us=[w.length_us for w in windows],
        operators=operators,
        inside_us=sum(
            own for s, own in zip(ordered, self_us, strict=True) if s.kind == OPERATOR and s.thread == calling
        ),
        dispatch=_dispatch(ordered, self_us),
        kernels=None if events is None else _kernels(events),
        busy_us=None if events is None else union_us((e.start_us, e.end_us) for e in _of_kernels(events)),
        lines=lines,
        notes=list(notes),
    )


def _nearest(k: int, spans: list[Span], parents: list[int | None], kinds: tuple[str, ...]) -> int | None:
    """The innermost span of one of these kinds around span `k`."""
    parent = parents[k]
    while parent is not None and spans[parent].kind not in kinds:
        parent = parents[parent]
    return parent


def _operators(spans: list[Span], parents: list[int | None], self_us: list[float]) -> list[OperatorTime]:
    own_device = [sum(us for _, us in s.launched) if s.kind == OPERATOR else 0.0 for s in spans]
    whole_device = list(own_device)
    # Children come after their parents, so backwards every sum is whole before it is passed on.
    for k in range(len(spans) - 1, -1, -1):
        parent = parents[k]
        if parent is not None:
            whole_device[parent] += whole_device[k]
    sums: dict[tuple[str, str, str, str], list[float]] = defaultdict(lambda: [0.0] * 5)
    for k, span in enumerate(spans):
        if span.kind != OPERATOR:
            continue
        line = _nearest(k, spans, parents, (LINE,))
        source, text = ("", "") if line is None else (spans[line].name, spans[line].text)
        outermost = not _repeated(k, spans, parents)
        values = (
            1,
            self_us[k],
            span.length_us if outermost else 0.0,
            own_device[k],
            whole_device[k] if outermost else 0.0,
        )
        total = sums[span.name, span.shapes, source, text]
        for place, value in enumerate(values):
            total[place] += value
    return [
        OperatorTime(name, int(n), own, whole, own_dev, whole_dev, shapes, source, text)
        for (name, shapes, source, text), (n, own, whole, own_dev, whole_dev) in sums.items()
    ]


def _repeated(k: int, spans: list[Span], parents: list[int | None]) -> bool:
    """Whether the operator is inside another of the same name."""
    parent = parents[k]
    while parent is not None:
        if spans[parent].kind == OPERATOR and spans[parent].name == spans[k].name:
            return True
        parent = parents[parent]
    return False


def _dispatch(spans: list[Span], self_us: list[float]) -> list[DispatchTime]:
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for span, own in zip(spans, self_us, strict=True):
        if span.kind == DISPATCH:
            sums[span.name][0] += 1
            sums[span.name][1] += own
    return [DispatchTime(name, int(n), us) for name, (n, us) in sums.items()]


def _orphans(events: list[DeviceSpan], spans: list[Span]) -> list[OperatorTime]:
    """What the device did for no operator (a CUDA graph, a kernel of compiled code), under its own name.

    So that the device times of all operators sum to what the device did.
    """
    left: dict[str, float] = defaultdict(float)
    count = Counter(e.name for e in events)
    for event in events:
        left[event.name] += event.end_us - event.start_us
    for span in spans:
        if span.kind == OPERATOR:
            for name, us in span.launched:
                left[name] -= us
                count[name] -= 1
    return [
        OperatorTime(name, count[name], 0.0, 0.0, left[name], left[name]) for name in left if count[name] > 0
    ]


def _kernels(events: list[DeviceSpan]) -> list[DeviceTime]:
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for event in events:
        total = sums[event.name, event.kind, event.route]
        total[0] += 1
        total[1] += event.end_us - event.start_us
    return [DeviceTime(name, kind, int(n), us, route) for (name, kind, route), (n, us) in sums.items()]


def _of_kernels(events: list[DeviceSpan]) -> list[DeviceSpan]:
    return [e for e in events if e.kind == "kernel"]


def union_us(intervals: Iterable[tuple[float, float]]) -> float:
    """How long at least one of the intervals lasts."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        if end > reached:
            total += end - max(start, reached)
            reached = end
    return total


def shapes_text(shapes: Iterable[Any]) -> str:
    """`2048, 64x512, 512x2048`: the shapes of tensors; scalars and what is no tensor are left out.

    A list of tensors is in brackets.
    """
    parts = []
    for shape in shapes:
        if shape and all(isinstance(n, int) for n in shape):
            parts.append("x".join(map(str, shape)))
        elif shape:
            parts.append(f"[{shapes_text(shape)}]")
    return ", ".join(parts)
