"""Counting over simulated sessions: how often is what the harness says wrong, where the truth is known?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from benchmarks import simulate
from benchmarks.simulate import Noise
from harness.analyse.statistics import log_interval
from harness.compare.rule import Block, Mode, collect, judged
from harness.records.comparison import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Verdict

MIRRORED = {FASTER: SLOWER, SLOWER: FASTER, EQUIVALENT: EQUIVALENT, INCONCLUSIVE: INCONCLUSIVE}
APART = 2000
"""Calls' worth of time between the starts of two processes of a run."""


@dataclass
class Tally:
    """What became of some sessions of which the truth is known."""

    noise: str
    mode: str
    delta: float
    sessions: int = 0
    different: int = 0
    material: int = 0
    equivalent: int = 0
    covered: int = 0
    pairs: int = 0
    half_widths: list[float] = field(default_factory=list, repr=False)

    def take(self, found: Verdict) -> None:
        """Counts one verdict."""
        self.sessions += 1
        self.different += found.word in {FASTER, SLOWER}
        self.material += found.material
        self.equivalent += found.word == EQUIVALENT
        self.pairs += found.pairs
        if found.low is not None and found.high is not None:
            self.covered += math.log(found.low) <= self.delta <= math.log(found.high)
            self.half_widths.append(math.log(found.high / found.low) / 2)

    def figures(self) -> dict[str, object]:
        """For the JSON file."""
        kept = {k: v for k, v in asdict(self).items() if k != "half_widths"}
        return {**kept, "half_width": statistics.median(self.half_widths)}


def tally(noise: Noise, mode: Mode, count: int, seed: int, delta: float = 0.0) -> Tally:
    """The verdicts on sessions with one new arm."""
    found = Tally(noise.name, mode.name, delta)
    for pairs in simulate.sessions(noise, mode, count, seed, (delta,)):
        found.take(judged(collect(mode, 2, taker(pairs)))[0])
    return found


def taker(pairs: Iterator[list[Block]]) -> Callable[[], list[Block]]:
    """What measures the next pair of a simulated session."""
    return lambda: next(pairs)


def mirrored(noise: Noise, mode: Mode, count: int, seed: int) -> int:
    """How many sessions are not judged as the mirror image of the same blocks with swapped labels."""
    wrong = 0
    for pairs in simulate.sessions(noise, mode, count, seed, (0.01,)):
        stored: list[list[Block]] = []

        def keep(pairs: Iterator[list[Block]] = pairs, stored: list[list[Block]] = stored) -> list[Block]:
            stored.append(next(pairs))
            return stored[-1]

        one = judged(collect(mode, 2, keep))[0]
        swapped = iter([[Block(1 - b.arm, b.round, b.log_time, b.suspect) for b in p] for p in stored])
        other = judged(collect(mode, 2, taker(swapped)))[0]
        same = (other.material, other.pairs, other.needed) == (one.material, one.pairs, one.needed)
        wrong += not (same and other.word == MIRRORED[one.word] and math.isclose(other.ratio * one.ratio, 1))
    return wrong


def families(noise: Noise, mode: Mode, count: int, seed: int, deltas: tuple[float, ...]) -> tuple[int, int]:
    """(sessions in which some arm that is no different is called different, in which a real one is not)."""
    wrong = missed = 0
    for pairs in simulate.sessions(noise, mode, count, seed, deltas):
        found = judged(collect(mode, len(deltas) + 1, taker(pairs)))
        told = [v.word in {FASTER, SLOWER} for v in found]
        wrong += any(t for t, d in zip(told, deltas, strict=True) if not d)
        missed += not all(t for t, d in zip(told, deltas, strict=True) if d)
    return wrong, missed


def session_median(noise: Noise, processes: int, count: int, seed: int, level: float = 0.99) -> int:
    """How often the interval over processes covers the truth of the session.

    The truth is the level of the code plus what the machine's drift averages over the session: a number
    says "in this session, on this machine". The processes measure five blocks each and are 2000 calls
    apart, as in a run of some cases in turns.
    """
    blocks, between, covered = 5, 10, 0
    rng = np.random.default_rng(seed)
    # In each process five blocks in a row, then points of the drift until the next one.
    measured = np.tile([True] * blocks + [False] * between, processes)
    gaps = np.where(measured, 0, APART // between - simulate.CALLS)
    still = replace(noise, drift_sd=0.0, wave=0.0)
    for start in range(0, count, simulate.MOST_AT_ONCE):
        together = min(simulate.MOST_AT_ONCE, count - start)
        arms = np.zeros((together, processes * blocks), dtype=np.int64)
        which = np.broadcast_to(np.repeat(np.arange(processes), blocks), arms.shape)
        times, _ = simulate.call_logs(rng, still, arms, which, gaps[measured], simulate.CALLS, np.zeros(1))
        path = simulate.drift(rng, noise, together, gaps, simulate.CALLS)
        times += path[:, measured]
        truths = path[:, ~measured].mean((1, 2)) + noise.bimodal / 2
        medians = np.exp(np.median(times, axis=2)).reshape(together, processes, blocks).mean(2)
        for values, truth in zip(medians.tolist(), truths.tolist(), strict=True):
            _, low, high = log_interval(values, level)
            assert low is not None
            assert high is not None
            room = noise.tick / 2  # a clock that ticks cannot know better than half a tick
            covered += math.log(low) - room <= truth <= math.log(high) + room
    return covered
