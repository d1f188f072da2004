"""How other tools decide whether two things differ: their rules, on traces, in our own words and code.

Each rule is a function from a trace of its own layout to the direction it reports: 1 the new one is
slower, -1 faster, 0 no difference told. Read from the sources named with each; what a tool leaves to
its user (which p, which threshold) is at its default.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.traces import FORTY, FOUR, ONE, PAIRS, TWO, Span, Trace, median_ns
from harness.analyse.statistics import t_quantile
from harness.compare.rule import QUICK, STANDARD, Block, Collected, Mode, collect, judged
from harness.records.comparison import FASTER, SLOWER

RESAMPLES = 1000
"""Of bootstraps: criterion draws 100,000, which moves a p-value of 0.05 by 0.007."""


@dataclass(frozen=True)
class Rule:
    """One way of telling whether two things differ."""

    name: str
    layout: str
    decide: Callable[[Trace], int]
    tells: str
    """What counts as telling a difference."""
    share: Callable[[Trace], float] = lambda trace: 1.0
    """Of the trace, what the rule looks at: the others' time is not its cost."""

    def cost_s(self, trace: Trace) -> float:
        """Seconds of measuring that this rule takes."""
        return trace.wall_s * self.share(trace)


def sign(value: float) -> int:
    """1, 0 or -1."""
    return (value > 0) - (value < 0)


def blocked_autorange(trace: Trace) -> int:
    """Two medians of two seconds each, one after the other in one process; more than 1 % apart.

    pytorch/pytorch torch/utils/benchmark/utils/timer.py (`blocked_autorange`, at `min_run_time=2`) and
    common.py (`Measurement.median`). The tool prints two numbers and leaves the rest to the reader, who
    is taken to overlook what is less than 1 %.
    """
    base, new = (statistics.median(trace.calls_ns(arm)) for arm in (0, 1))
    return sign(new - base) if abs(new / base - 1) > 0.01 else 0


def compare_colours(trace: Trace) -> int:
    """The colour of the slower of the two in a table of torch.utils.benchmark.Compare, 0.2 s each.

    pytorch/pytorch torch/utils/benchmark/utils/compare.py (`_Row.color_segment`): as good as the best,
    and so of the same colour, is what is at most 1 % or 100 ns slower. 0.2 s is the default of
    timer.py's `blocked_autorange`.
    """
    base, new = (statistics.median(_first_ns(trace.calls_ns(arm), 2e8)) for arm in (0, 1))
    best, other = min(base, new), max(base, new)
    return 0 if other <= best * 1.01 or other <= best + 100 else sign(new - base)


def _first_ns(calls_ns: Sequence[float], total_ns: float) -> list[float]:
    """The first calls, until they took so long together."""
    kept, spent = [], 0.0
    for call in calls_ns:
        kept.append(call)
        spent += call
        if spent >= total_ns:
            break
    return kept


def pyperf_compare_to(trace: Trace) -> int:
    """Student's t with pooled variance over all values of twenty processes with three each, at 95 %.

    psf/pyperf pyperf/_utils.py (`is_significant`, `tscore`) and _compare.py (`is_significant_benchs`):
    the values of all processes are one sample.
    """
    base, new = trace.calls_ns(0), trace.calls_ns(1)
    error = (statistics.variance(base) + statistics.variance(new)) / len(base)
    score = (statistics.fmean(new) - statistics.fmean(base)) / math.sqrt(error)
    return sign(score) if abs(score) >= t_quantile(0.975, 2 * len(base) - 2) else 0


def criterion(trace: Trace) -> int:
    """Bootstrapped t at p < 0.05, and the 95 % interval of the change of the mean clears 1 %.

    bheisler/criterion.rs src/analysis/compare.rs (`common`, `t_test`, `estimates`), src/report.rs
    (`compare_to_threshold`) and src/stats/univariate/mixed.rs: the t of two samples of 100 is held
    against its distribution when both are drawn from the pooled sample.
    """
    base, new = (np.array(trace.calls_ns(arm)) for arm in (0, 1))
    rng = np.random.default_rng(trace.session)
    pooled = np.concatenate([base, new])
    drawn = pooled[rng.integers(0, len(pooled), (RESAMPLES, len(pooled)))]
    chance = _welch(drawn[:, : len(base)], drawn[:, len(base) :])
    below = float(np.mean(chance < _welch(base[None], new[None])[0]))
    if 2 * min(below, 1 - below) >= 0.05:
        return 0
    means = [a[rng.integers(0, len(a), (RESAMPLES, len(a)))].mean(1) for a in (base, new)]
    low, high = np.quantile(means[1] / means[0] - 1, [0.025, 0.975])
    return int(low > 0.01) - int(high < -0.01)


def _welch(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    spread = one.var(1, ddof=1) / one.shape[1] + other.var(1, ddof=1) / other.shape[1]
    found: np.ndarray = (other.mean(1) - one.mean(1)) / np.sqrt(spread)
    return found


def google_benchmark(trace: Trace) -> int:
    """Mann and Whitney's U over ten repetitions of half a second, at 5 %.

    google/benchmark tools/gbench/report.py (`calc_utest`, `print_utest`), `compare.py` with
    `--benchmark_repetitions=10`: the p-value is green below 0.05.
    """
    base, new = (_means(trace.calls_ns(arm), 10) for arm in (0, 1))
    u = sum((n > b) + (n == b) / 2 for n in new for b in base)
    middle = len(base) * len(new) / 2
    spread = math.sqrt(middle * (len(base) + len(new) + 1) / 6)
    z = max(abs(u - middle) - 0.5, 0) / spread
    return sign(u - middle) if math.erfc(z / math.sqrt(2)) < 0.05 else 0


def _means(values: Sequence[float], parts: int) -> list[float]:
    size = len(values) // parts
    return [statistics.fmean(values[i * size : (i + 1) * size]) for i in range(parts)]


def asv(factor: float) -> Callable[[Trace], int]:
    """The 99 % intervals of the two medians do not overlap, and the ratio passes `factor`.

    airspeed-velocity/asv asv/statistics.py (`is_different`, `quantile_ci`) and asv/commands/compare.py
    (`_is_result_better`, factor 1.1 unless told otherwise). Samples are only kept on request; without
    them it is the intervals that count: order statistics, as if the samples were independent.
    """

    def decide(trace: Trace) -> int:
        base, new = (sorted(trace.calls_ns(arm)) for arm in (0, 1))
        (base_low, base_high), (new_low, new_high) = _median_interval(base), _median_interval(new)
        if base_high >= new_low and base_low <= new_high:
            return 0
        one, other = statistics.median(base), statistics.median(new)
        return int(one < other / factor) - int(other < one / factor)

    return decide


def _median_interval(ordered: Sequence[float]) -> tuple[float, float]:
    """At least 99 %, from the binomial distribution of how many values lie below the median."""
    count, below = len(ordered), 0.0
    low, high = -math.inf, math.inf
    for k, value in enumerate(ordered):
        below += math.comb(count, k) / 2**count
        if below <= 0.005:
            low = value
        if below >= 0.995:
            high = value
            break
    return low, high


def ours(mode: Mode) -> Callable[[Trace], int]:
    """`harness compare`: harness/compare/rule.py and verdict.py. Telling is FASTER or SLOWER."""

    def decide(trace: Trace) -> int:
        found = judged(_collected(mode, trace))[0]
        return (found.word == SLOWER) - (found.word == FASTER)

    return decide


def pairs_used(mode: Mode) -> Callable[[Trace], float]:
    """The share of a trace's pairs that a mode measures."""

    def share(trace: Trace) -> float:
        found = _collected(mode, trace)
        return (found.pairs + len(found.disturbed[0])) / len({s.process for s in trace.spans})

    return share


def _collected(mode: Mode, trace: Trace) -> Collected:
    pairs = pair_blocks(trace)
    return collect(mode, 2, lambda: next(pairs, None))


def pair_blocks(trace: Trace) -> Iterator[list[Block]]:
    """The pairs of a lock-step trace, in their order."""
    pairs: dict[int, list[Span]] = {}
    for span in trace.spans:
        pairs.setdefault(span.process, []).append(span)
    yield from map(blocks_of, pairs.values())


def blocks_of(spans: Sequence[Span]) -> list[Block]:
    """The blocks of one pair."""
    return [Block(s.arm, s.round, math.log(median_ns(s)), s.suspect) for s in spans]


OUR_WORDS = "FASTER or SLOWER, 99 %"
RULES = [
    Rule("harness compare, standard", PAIRS, ours(STANDARD), OUR_WORDS, pairs_used(STANDARD)),
    Rule("harness compare, quick", PAIRS, ours(QUICK), OUR_WORDS, pairs_used(QUICK)),
    Rule("torch Timer, two times 2 s", ONE, blocked_autorange, "medians more than 1 % apart"),
    Rule(
        "torch Compare, default 0.2 s",
        ONE,
        compare_colours,
        "another colour (more than 1 %)",
        lambda trace: 0.1,
    ),
    Rule("pyperf compare_to", FORTY, pyperf_compare_to, "significant, 95 %"),
    Rule("criterion", TWO, criterion, "regressed or improved, 95 % and 1 %"),
    Rule("google/benchmark U test", TWO, google_benchmark, "p < 0.05"),
    Rule("asv compare", FOUR, asv(1.1), "intervals apart and factor 1.1 (default)"),
    Rule("asv compare -f 1.01", FOUR, asv(1.01), "intervals apart and factor 1.01"),
]
