"""A machine that exists only in numbers: its noise, and whole comparisons on it.

The log time of a call is

    truth of its arm + its process + what drifts + what this call alone suffers

and every noise model below is a choice of these (all on the log scale: 0.02 is 2 %). Time is counted in
calls. A session of `sessions` is the order of work that a live comparison has, and what comes out of it
are the same `Block`s that real processes deliver, so that the code that is tested is the code that
judges (harness.compare.rule).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from harness.compare.rule import Block, Mode, round_order, starting_order

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CALLS = 11
"""Calls of a block."""
RESUME, START = 4, 200
"""Calls' worth of time that pass before a block (20 ms of 5 ms calls) and before a pair."""
DAY = 12_000
MOST_AT_ONCE = 500
"""Sessions that are simulated together: what fits into the processor's cache is fast."""


@dataclass(frozen=True)
class Noise:
    """A machine's noise."""

    name: str
    jitter: float = 0.02
    """Of each call, normal."""
    jitter_new: float | None = None
    """Of the calls of the arms 1 and up, where it is another."""
    spikes: float = 0.0
    """Share of calls that take longer, by a quarter on average, exponential."""
    process_sd: float = 0.005
    """Of a process's own speed: layout, placement, allocator."""
    bimodal: float = 0.0
    """Half of all processes are slower by this."""
    started_later: float = 0.0
    """The arm that starts second is slower by this, on average half of it."""
    drift_sd: float = 0.0
    drift_tau: float = 0.0
    """Of a drift that forgets, AR(1): after so many calls its correlation is 1/e. 0: it never forgets,
    and `drift_sd` is what it walks in 1000 calls."""
    wave: float = 0.0
    """A day: a sine of this height, and one step of twice this height; a day is 12,000 calls, a minute."""
    bursts: float = 0.0
    """Share of blocks that a neighbour slows by 15 %, in runs of about a pair's length. The audit finds
    19 in 20 of them, and 1 in 100 of the others."""
    tick: float = 0.0
    """Of the clock, as a share of the time of a call."""


PLAIN = Noise("process 0.5 %, nothing else")
NOISES = [
    Noise("no drift, no process", process_sd=0.0),
    PLAIN,
    Noise("drift 2 %, tau 50 calls", drift_sd=0.02, drift_tau=50),
    Noise("drift 2 %, tau 200 calls", drift_sd=0.02, drift_tau=200),
    Noise("drift 2 %, tau 2000 calls", drift_sd=0.02, drift_tau=2000),
    Noise("random walk", drift_sd=0.02),
    Noise("day: wave 3 %, step 6 %", wave=0.03),
    Noise("spikes, 2 % of calls", spikes=0.02),
    Noise("process 1 %, drift, spikes", process_sd=0.01, drift_sd=0.02, drift_tau=200, spikes=0.02),
    Noise("process 2 %, drift, spikes", process_sd=0.02, drift_sd=0.02, drift_tau=200, spikes=0.02),
    Noise("bimodal processes, 5 %", bimodal=0.05),
    Noise("new arm noisier, 6 %", jitter_new=0.06),
    Noise("second to start slower, 1 %", started_later=0.01),
    Noise("clock ticks of 1 % of a call", jitter=0.002, process_sd=0.001, tick=0.01),
    Noise("neighbour in 10 % of blocks", bursts=0.10),
]


def call_logs(
    rng: Generator,
    noise: Noise,
    arms: Ints,
    processes: Ints,
    gaps: Ints,
    calls: int,
    deltas: Floats,
    later: NDArray[np.bool_] | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Log times of calls, and which blocks the audit finds suspect.

    Args:
        rng: where all randomness comes from.
        noise: the machine.
        arms: [session, block]: whose turn it is.
        processes: [session, block]: in which process; from 0.
        gaps: [block]: calls' worth of time that pass before it.
        calls: of each block.
        deltas: [arm]: the truth; log of the time of the arm over that of arm 0.
        later: [session, block]: its process was the second to start.

    Returns:
        ([session, block, call], [session, block]).
    """
    sessions, blocks = arms.shape
    own = rng.normal(0, noise.process_sd, (sessions, int(processes.max()) + 1))
    own += noise.bimodal * rng.integers(0, 2, own.shape)
    level = deltas[arms] + np.take_along_axis(own, processes, 1)
    if later is not None:
        level = level + noise.started_later * later * rng.random((sessions, 1)) * 2
    hit, suspect = _bursts(rng, noise, sessions, gaps, calls)
    level = level + 0.15 * hit

    jitter = np.full(arms.shape, noise.jitter)
    if noise.jitter_new is not None:
        jitter[arms > 0] = noise.jitter_new
    times: Floats = rng.standard_normal((sessions, blocks, calls))
    times *= jitter[:, :, None]
    times += level[:, :, None]
    if noise.spikes:
        where = rng.random(times.shape) < noise.spikes
        times[where] += rng.exponential(0.25, int(where.sum()))
    times += drift(rng, noise, sessions, gaps, calls)
    if noise.tick:
        # A stamp is read at a random moment of a tick: a call's time is one of the two multiples around it.
        # The truth lies half a tick beside one, where that matters most.
        ticks = np.exp(times) / noise.tick + 0.5
        times = np.log(np.floor(ticks + rng.random(times.shape)) * noise.tick)
    return times, suspect


def drift(rng: Generator, noise: Noise, sessions: int, gaps: Ints, calls: int) -> Floats:
    """What the machine's drift adds to the log time of each call: [session, block, call]."""
    steps = np.ones((len(gaps), calls))
    steps[:, 0] += gaps
    path = np.zeros((steps.size, sessions))
    if noise.drift_sd and noise.drift_tau:
        keep = np.exp(-steps.ravel() / noise.drift_tau)
        fresh = noise.drift_sd * np.sqrt(1 - keep**2)
        path = rng.standard_normal(path.shape)
        path[0] *= noise.drift_sd
        for i in range(1, len(path)):
            path[i] *= fresh[i]
            path[i] += keep[i] * path[i - 1]
    elif noise.drift_sd:
        path = rng.standard_normal(path.shape)
        path *= noise.drift_sd * np.sqrt(steps.ravel() / 1000)[:, None]
        path = path.cumsum(0)
    if noise.wave:
        at = steps.cumsum()[:, None] / DAY
        phase, moment = rng.random((1, sessions)), rng.random((1, sessions)) * max(at[-1, 0], 1.0)
        path = path + noise.wave * np.sin(2 * math.pi * (at + phase)) + 2 * noise.wave * (at > moment)
    shaped: Floats = np.moveaxis(path.reshape(len(gaps), calls, sessions), 2, 0)
    return shaped


def _bursts(
    rng: Generator, noise: Noise, sessions: int, gaps: Ints, calls: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which blocks a neighbour hits, and which the audit finds suspect."""
    hit = np.zeros((sessions, len(gaps)), bool)
    if not noise.bursts:
        return hit, hit
    stay = np.exp(-(gaps + calls) / 300)
    fresh = rng.random((sessions, len(gaps))) < noise.bursts
    redrawn = rng.random(fresh.shape) >= stay
    hit[:, 0] = fresh[:, 0]
    for i in range(1, len(gaps)):
        hit[:, i] = np.where(redrawn[:, i], fresh[:, i], hit[:, i - 1])
    suspect = rng.random(hit.shape) < np.where(hit, 0.95, 0.01)
    return hit, suspect


Pairs = Iterator[list[Block]]


def sessions(
    noise: Noise, mode: Mode, count: int, seed: int, deltas: tuple[float, ...] = (0.0,)
) -> Iterator[Pairs]:
    """Comparisons on a machine, each an iterator over the pairs it would measure.

    The orders are drawn by the functions that a live comparison uses.

    Args:
        noise: the machine.
        mode: how many pairs at most; as many more as may be disturbed are made.
        count: of sessions.
        seed: of everything.
        deltas: the truth of each new arm: log of its time over the base's.
    """
    arms = len(deltas) + 1
    pairs = mode.most + (mode.most_repeated + 1 if noise.bursts else 0)
    order = random.Random(seed)
    rng = np.random.default_rng(seed)
    truth = np.array([0.0, *deltas])
    gaps: Ints = np.tile([START, *[RESUME] * (mode.rounds * arms - 1)], pairs)
    for start in range(0, count, MOST_AT_ONCE):
        together = min(MOST_AT_ONCE, count - start)
        shape = (together, pairs, mode.rounds, arms)
        turns = [round_order(order, arms) for _ in range(math.prod(shape[:3]))]
        turn: Ints = np.array(turns, dtype=np.int64).reshape(shape)
        first: Ints = np.array(
            [starting_order(order, arms)[0] for _ in range(together * pairs)], dtype=np.int64
        ).reshape(together, pairs, 1, 1)
        process = turn + arms * np.arange(pairs)[None, :, None, None]
        flat = (together, pairs * mode.rounds * arms)
        times, suspect = call_logs(
            rng,
            noise,
            turn.reshape(flat),
            process.reshape(flat),
            gaps,
            CALLS,
            truth,
            (turn != first).reshape(flat),
        )
        medians = np.median(times, axis=2).reshape(shape)
        for index in range(together):
            yield _pairs(turn[index], medians[index], suspect[index].reshape(shape[1:]))


def _pairs(turn: Ints, medians: Floats, suspect: NDArray[np.bool_]) -> Pairs:
    for arms, times, flags in zip(turn, medians, suspect, strict=True):
        yield [
            Block(arm, number, time, flag)
            for number, rows in enumerate(zip(arms.tolist(), times.tolist(), flags.tolist(), strict=True))
            for arm, time, flag in zip(*rows, strict=True)
        ]
