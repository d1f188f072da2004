"""Rules that look just as reasonable as the harness's, judging the same simulated blocks."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from benchmarks import simulate
from benchmarks.simulate import Noise
from harness.compare.rule import STANDARD, Block, Mode, pair_values
from harness.compare.verdict import verdict
from harness.records.comparison import FASTER, SLOWER

ALONE = Mode("one pair of processes", 1, 1, 1, None, rounds=30)
OURS = "t over 10 pairs (ours)"
OTHERS = (
    "t over 30 rounds of 10 pairs",
    "t over 30 rounds of 1 pair",
    "percentile bootstrap of 10 pairs",
    "looking after each pair from 10 to 40, until significant",
)


def pooled_rounds(pairs: Sequence[list[Block]]) -> bool:
    """T over all rounds of all pairs, as if they were independent."""
    values = []
    for pair in pairs:
        for number in sorted({b.round for b in pair}):
            values += [v for v in pair_values([b for b in pair if b.round == number], 2) if v is not None]
    return verdict(values).word in {FASTER, SLOWER}


def until_significant(values: Sequence[float]) -> bool:
    """Look after every pair from the tenth on, and stop at the first difference."""
    return any(verdict(values[:n]).word in {FASTER, SLOWER} for n in range(10, len(values) + 1))


def bootstrap(values: Sequence[float], rng: random.Random, times: int = 1000) -> bool:
    """The percentile bootstrap of ten pairs: 0 outside of the middle 99 % of resampled means."""
    means = sorted(statistics.fmean(rng.choices(values[:10], k=10)) for _ in range(times))
    return means[int(0.005 * times)] > 0 or means[int(0.995 * times) - 1] < 0


def reasonable(noise: Noise, count: int, seed: int) -> dict[str, int]:
    """How often each of these rules calls the same code different."""
    rng = random.Random(seed)
    found = dict.fromkeys((OURS, *OTHERS), 0)
    alone = simulate.sessions(noise, ALONE, count, seed + 1)
    for session, single in zip(simulate.sessions(noise, STANDARD, count, seed), alone, strict=True):
        pairs = list(session)
        values = [v for p in pairs for v in pair_values(p, 2, suspects=True) if v is not None]
        found[OURS] += verdict(values[:10]).word in {FASTER, SLOWER}
        found["t over 30 rounds of 10 pairs"] += pooled_rounds(pairs[:10])
        found["t over 30 rounds of 1 pair"] += pooled_rounds([next(single)])
        found["percentile bootstrap of 10 pairs"] += bootstrap(values, rng)
        found["looking after each pair from 10 to 40, until significant"] += until_significant(values)
    return found
