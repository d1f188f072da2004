"""How pairs are collected: what a block is, the order of work, the value of a pair, when it is enough.

A pair is one fresh process of each side, all forked from one zygote that no other pair uses. In a pair
the sides take turns: in each round every side is timed for one block, in an order drawn anew, so that
what drifts slowly cancels between neighbours. `collect` is the whole loop, the same for processes and
for a simulation.

Whether there are enough pairs depends on the width of the interval and never on where it lies. Looking
until a difference is "significant" would call 5 in 100 comparisons of the same code different instead
of 1. A width is harmless by comparison: it says nothing of the sign. What is left of it (up to 1.3 % instead
of 1.0 %, from stopping when the spread happens to look small) is taken back by keeping the degrees of
freedom of the first look, as in C. Stein's two-stage procedure (Annals of Mathematical Statistics 16,
1945).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.compare.verdict import LEVEL, MARGIN, half_width, verdicts
from harness.records.comparison import Verdict

BASE = 0
"""The arm everything is compared with; the new ones are 1, 2, ..."""
NOISY_SHARE = 0.25
"""More disturbed pairs than this share of those kept, and there is no verdict."""


@dataclass(frozen=True)
class Block:
    """One timed block of one arm in one round of a pair."""

    arm: int
    """0 for the base, 1 and up for the new ones."""
    round: int
    log_time: float
    """Natural log of the median time of a call; any unit, the same for all."""
    suspect: bool = False
    """An audit channel found it disturbed. Never judged from the time itself."""


@dataclass(frozen=True)
class Mode:
    """How much is measured: looks at `first`, `first + step`, ... pairs, and no more than `most`."""

    name: str
    first: int
    step: int
    most: int
    target: float | None
    """Half-width of the interval at which it stops, on the log scale: 0.01 is 1 %. None: one look."""
    rounds: int = 3
    """Of each pair."""

    def freedom(self, pairs: int) -> int:
        """Degrees of freedom of t after so many pairs: those of the first look."""
        return max(min(pairs, self.first) - 1, 1)

    @property
    def most_repeated(self) -> int:
        """So many disturbed pairs are measured again at most; with one more all of them count."""
        return math.floor(NOISY_SHARE * self.most)


QUICK = Mode("quick", 10, 10, 10, None)
STANDARD = Mode("standard", 20, 5, 40, 0.01)
RIGOROUS = Mode("rigorous", 20, 5, 120, 0.005)
MODES = {mode.name: mode for mode in (QUICK, STANDARD, RIGOROUS)}


def starting_order(rng: random.Random, arms: int) -> list[int]:
    """Which arm starts and warms up first, drawn for each pair: the later one may come out slower."""
    return rng.sample(range(arms), arms)


def round_order(rng: random.Random, arms: int) -> list[int]:
    """In which order the arms are timed, drawn for each round."""
    return rng.sample(range(arms), arms)


def pair_values(blocks: Sequence[Block], arms: int, *, suspects: bool = False) -> list[float | None]:
    """The value of one pair for each new arm: the mean over rounds of log(time new / time base).

    Rounds count in which both were timed and neither block is suspect; `suspects` counts those too.
    None for an arm without such a round: the pair has to be measured again.
    """
    rounds: dict[int, dict[int, Block]] = {}
    for block in blocks:
        rounds.setdefault(block.round, {})[block.arm] = block
    return [_value(rounds.values(), arm, suspects) for arm in range(1, arms)]


def _value(rounds: Iterable[dict[int, Block]], arm: int, suspects: bool) -> float | None:
    found = [
        r[arm].log_time - r[BASE].log_time
        for r in rounds
        if arm in r and BASE in r and (suspects or not (r[arm].suspect or r[BASE].suspect))
    ]
    return math.fsum(found) / len(found) if found else None


def enough(mode: Mode, values: Sequence[Sequence[float]], level: float = LEVEL) -> bool:
    """Whether the pairs so far suffice: `values` has those of each new arm, all of the same length.

    Looks at the widest interval that Holm may give any of them, never at where one lies.
    """
    pairs = min(map(len, values))
    if pairs >= mode.most:
        return True
    if pairs < mode.first or (pairs - mode.first) % mode.step or mode.target is None:
        return False
    widest, freedom = 1 - (1 - level) / len(values), mode.freedom(pairs)
    return all(half_width(v, widest, freedom) <= mode.target for v in values)


@dataclass(frozen=True)
class Collected:
    """The pairs of a whole comparison."""

    mode: Mode
    values: list[list[float]]
    """Of each new arm, one value for each pair kept."""
    disturbed: list[list[float]]
    """Of each new arm, the values of the pairs in which some arm had a suspect block in every round."""
    complete: bool = True
    """Whether it ended by its rule; False if it was told to stop."""

    @property
    def pairs(self) -> int:
        """Kept."""
        return len(self.values[0])

    @property
    def noisy(self) -> str | None:
        """What to say of the machine, if so many were disturbed; None on a quiet one."""
        left_out = len(self.disturbed[0])
        if left_out <= NOISY_SHARE * self.pairs:
            return None
        return f"the machine is noisy: {left_out} of {left_out + self.pairs} pairs were disturbed"

    @property
    def counted(self) -> list[list[float]]:
        """The values that the verdict rests on: of the undisturbed pairs, or on a noisy machine of all."""
        if not self.noisy:
            return self.values
        return [[*v, *d] for v, d in zip(self.values, self.disturbed, strict=True)]


def collect(
    mode: Mode, arms: int, measure: Callable[[], Sequence[Block] | None], level: float = LEVEL
) -> Collected:
    """Measures pairs until there are enough, or `measure` returns None.

    A disturbed pair is measured again, and kept apart. On a machine on which too many are disturbed that
    leads nowhere: there all pairs count.

    Args:
        mode: how many pairs, and how precise.
        arms: the base and the new ones together, at least two.
        measure: makes one pair and returns its blocks; None to stop now.
        level: of the interval whose width decides.

    Raises:
        ValueError: a pair in which some new arm has no round in common with the base.
    """
    kept: list[list[float]] = [[] for _ in range(arms - 1)]
    disturbed: list[list[float]] = [[] for _ in range(arms - 1)]
    while not _done(Collected(mode, kept, disturbed), level):
        blocks = measure()
        if blocks is None:
            return Collected(mode, kept, disturbed, complete=False)
        clean = pair_values(blocks, arms)
        into, values = (
            (disturbed, pair_values(blocks, arms, suspects=True)) if None in clean else (kept, clean)
        )
        for arm, value in zip(into, values, strict=True):
            if value is None:
                raise ValueError("a pair without a round in which both arms were timed")
            arm.append(value)
    return Collected(mode, kept, disturbed)


def _done(so_far: Collected, level: float) -> bool:
    if len(so_far.disturbed[0]) <= so_far.mode.most_repeated:
        return enough(so_far.mode, so_far.values, level)
    return enough(so_far.mode, so_far.counted, level) or len(so_far.counted[0]) >= so_far.mode.most


def judged(collected: Collected, level: float = LEVEL, margin: float = MARGIN) -> list[Verdict]:
    """The verdict on each new arm. On a noisy machine it rests on all pairs, and says so; there only a
    material difference is called one, and nothing equivalent.

    Raises:
        ValueError: there is not one pair.
    """
    values = collected.counted
    freedom = collected.mode.freedom(len(values[0]))
    return verdicts(values, level, margin, freedom=freedom, noisy=collected.noisy)
