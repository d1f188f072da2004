"""Traces of simulated machines: what each tool would have seen there.

The calls take 5 ms. Time passes as it does for real: starting a process and warming it up takes a
second, a resumed one drops 20 ms, what is timed takes what it takes. Each layout of a session is a
measurement of its own on the same kind of machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import simulate
from benchmarks.simulate import CALLS, RESUME, START, Noise
from benchmarks.traces import FORTY, FOUR, ONE, PAIRS, TWO, Span, Trace
from harness.compare.rule import STANDARD

CALL_NS = 5_000_000
AT_ONCE = 50
"""Sessions that are simulated together."""


@dataclass(frozen=True)
class Shape:
    """A layout without turns: first everything of the base, then everything of the new one."""

    processes: int
    """Of each arm; 0: both arms in one."""
    readings: int
    """Of each process and arm."""
    loops: int
    """Calls of a reading."""


SHAPES = {
    ONE: Shape(0, 400, 1),
    TWO: Shape(1, 100, 10),
    FOUR: Shape(2, 5, 2),
    FORTY: Shape(20, 3, 32),
}


def traces(noise: Noise, layout: str, count: int, seed: int, ratio: float = 1.0) -> Iterator[Trace]:
    """Sessions of a simulated machine, as a tool with this layout would have seen them."""
    if layout == PAIRS:
        yield from _pairs(noise, count, seed, ratio)
        return
    shape = SHAPES[layout]
    each = max(shape.processes, 1)
    arms = np.repeat([0, 1], each * shape.readings)
    own = np.repeat(np.arange(2 * each), shape.readings)
    process = own if shape.processes else np.zeros_like(own)
    gaps = np.zeros(len(arms), dtype=np.int64)
    gaps[:: shape.readings] = START
    if not shape.processes:
        gaps[shape.readings] = RESUME
    rng = np.random.default_rng(seed)
    truth = np.array([0.0, math.log(ratio)])
    wall_s = (gaps.sum() + len(arms) * shape.loops) * CALL_NS / 1e9
    for start in range(0, count, AT_ONCE):
        together = min(AT_ONCE, count - start)
        wide = (together, len(arms))
        times, suspect = simulate.call_logs(
            rng, noise, np.broadcast_to(arms, wide), np.broadcast_to(process, wide), gaps, shape.loops, truth
        )
        readings = np.rint(np.exp(times).sum(2) * CALL_NS).astype(np.int64)
        for index in range(together):
            spans = _spans(arms, process, gaps, shape, readings[index], suspect[index])
            yield Trace(noise.name, start + index, layout, ratio, wall_s, spans)


def _spans(
    arms: NDArray[np.int64],
    process: NDArray[np.int64],
    gaps: NDArray[np.int64],
    shape: Shape,
    readings: NDArray[np.int64],
    suspect: NDArray[np.bool_],
) -> list[Span]:
    spans, clock = [], 0
    for first in range(0, len(arms), shape.readings):
        part = slice(first, first + shape.readings)
        clock += int(gaps[first]) * CALL_NS
        flag = bool(suspect[part].any())
        found = Span(
            int(arms[first]), int(process[first]), 0, clock, shape.loops, flag, readings[part].tolist()
        )
        spans.append(found)
        clock += int(readings[part].sum())
    return spans


def _pairs(noise: Noise, count: int, seed: int, ratio: float) -> Iterator[Trace]:
    """In lock-step. One reading a block, its median: the simulator keeps no more."""
    pair_calls = START + STANDARD.rounds * 2 * (CALLS + RESUME)
    for number, pairs in enumerate(simulate.sessions(noise, STANDARD, count, seed, (math.log(ratio),))):
        spans, made = [], 0
        for pair in pairs:
            for place, block in enumerate(pair):
                clock = (made * pair_calls + START + place * (CALLS + RESUME)) * CALL_NS
                reading = round(math.exp(block.log_time) * CALL_NS)
                spans.append(Span(block.arm, made, block.round, clock, 1, block.suspect, [reading]))
            made += 1
        # Two processes start and warm up, one after the other; the simulated drift knows of one start.
        wall_s = made * (pair_calls + START) * CALL_NS / 1e9
        yield Trace(noise.name, number, PAIRS, ratio, wall_s, spans)
