"""What a tool saw while it measured two things: the raw readings that any rule can judge again.

A file is JSON Lines, compressed (`.jsonl.gz`), one trace a line, and can be appended to:

    {"machine": ..., "session": 3, "layout": "pairs", "ratio": 1.03, "wall_s": 35.1,
     "spans": [[arm, process, round, start_ns, loops, suspect, readings], ...]}

`readings` are packed as in a run file (harness.records.events.pack_ns). A session has one trace of each
layout, all recorded within minutes of one another; the layouts are how the tools go about it:

    one process     base, then new, in one process: a script with torch.utils.benchmark.Timer
    two processes   a process for base, then one for new: criterion, google/benchmark
    four processes  two processes for base, then two for new: asv
    forty           twenty processes for base, then twenty for new: pyperf
    pairs           pairs of processes in lock-step: harness compare
"""

from __future__ import annotations

import gzip
import json
import statistics
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from harness.records.packed import pack_ns, unpack_ns

ONE, TWO, FOUR, FORTY, PAIRS = "one process", "two processes", "four processes", "forty", "pairs"
LAYOUTS = (ONE, TWO, FOUR, FORTY, PAIRS)


@dataclass(frozen=True)
class Span:
    """Consecutive readings of one arm in one process."""

    arm: int
    """0 is the base, 1 the new one."""
    process: int
    """In the order they were started; of `pairs`, the number of the pair."""
    round: int
    start_ns: int
    """On a clock common to the session."""
    loops: int
    """Calls of each reading."""
    suspect: bool
    """The audit found it disturbed."""
    readings_ns: list[int]
    """Each the time of `loops` calls together."""

    @property
    def calls_ns(self) -> list[float]:
        """The mean time of a call, of each reading."""
        return [r / self.loops for r in self.readings_ns]


@dataclass(frozen=True)
class Trace:
    """One measurement of base and new in one layout."""

    machine: str
    session: int
    layout: str
    ratio: float
    """The truth: time of new over time of base."""
    wall_s: float
    """What it cost, with starting the processes and warming up."""
    spans: list[Span]

    def calls_ns(self, arm: int) -> list[float]:
        """All readings of an arm, as the time of a call."""
        return [t for s in self.spans if s.arm == arm for t in s.calls_ns]


def to_line(trace: Trace) -> str:
    """One line of a file."""
    spans = [[*astuple(s)[:-1], pack_ns(s.readings_ns)] for s in trace.spans]
    fields = {k: v for k, v in vars(trace).items() if k != "spans"}
    return json.dumps({**fields, "spans": spans}, separators=(",", ":"))


def from_line(line: str) -> Trace:
    """The inverse of `to_line`."""
    fields = json.loads(line)
    spans = [Span(*s[:-1], unpack_ns(s[-1])) for s in fields.pop("spans")]
    return Trace(**fields, spans=spans)


def append(path: Path, trace: Trace) -> None:
    """Adds a trace; a stopped recording leaves whole lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(gzip.compress((to_line(trace) + "\n").encode("ascii"), 9))


def read(path: Path) -> Iterator[Trace]:
    """The traces of a file, in their order."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        for line in file:
            yield from_line(line)


def median_ns(span: Span) -> float:
    """The median reading of a span, as the time of a call."""
    return statistics.median(span.readings_ns) / span.loops
