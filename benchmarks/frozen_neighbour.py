"""Does a frozen process disturb the one that is timed? A pool that spins is the worst of neighbours.

Three sides in lock-step: two alike in eager PyTorch, and one in ONNX Runtime, whose threads spin while they
wait. A block of an eager side comes after a block of the other eager side, or after one of ONNX Runtime, as
the order is drawn. If freezing works, the two kinds of block take the same time. They are compared within
one process, so that what differs from process to process cancels.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence

from benchmarks.in_lockstep import pairs_of
from benchmarks.publish import Result, Target, load_average, parser, publish, table
from harness.analyse.statistics import t_quantile
from harness.compare import rule
from harness.compare.paired import LATENCY, value_ms
from harness.records.pairs import PairMeasured

PAIRS, QUICK_PAIRS, ROUNDS = 24, 4, 8
EAGER, SPINNING = (0, 1), 2
MOST = 0.01


def effects(pairs: Sequence[PairMeasured]) -> list[float]:
    """For each eager process: mean log-time of blocks after a spinning neighbour less that after another."""
    found = []
    for pair in pairs:
        after: dict[int, dict[bool, list[float]]] = {arm: {True: [], False: []} for arm in EAGER}
        for before, block in zip(pair.blocks, pair.blocks[1:], strict=False):
            if block.arm in EAGER and before.arm != block.arm:
                ms = value_ms(block, pair.arms[block.arm], LATENCY)
                if ms:
                    after[block.arm][before.arm == SPINNING].append(math.log(ms))
        found += [
            statistics.fmean(kinds[True]) - statistics.fmean(kinds[False])
            for kinds in after.values()
            if kinds[True] and kinds[False]
        ]
    return found


def main() -> int:
    options = parser("frozen_neighbour", (__doc__ or "").partition("\n")[0])
    given = options.parse_args()
    load = load_average()
    groups = QUICK_PAIRS if given.quick else PAIRS
    mode = rule.Mode("neighbour", groups, 1, groups, None, rounds=ROUNDS)
    pairs = pairs_of(["eager", "eager", "onnxruntime"], mode)
    found = effects(pairs)
    mean = statistics.fmean(found)
    half = t_quantile(0.975, len(found) - 1) * statistics.stdev(found) / math.sqrt(len(found))
    spin = [
        value_ms(b, p.arms[SPINNING], LATENCY) or 0.0 for p in pairs for b in p.blocks if b.arm == SPINNING
    ]
    eager = [value_ms(b, p.arms[b.arm], LATENCY) or 0.0 for p in pairs for b in p.blocks if b.arm in EAGER]
    text = f"{mean:+.2%} (95 %: {mean - half:+.2%} to {mean + half:+.2%})"
    result = Result(
        name="frozen_neighbour",
        title="Does a frozen process disturb the one that is timed?",
        question="Time of an eager block after a block of ONNX Runtime, whose pool spins, against one after "
        "another eager block; the other processes are frozen.",
        tables=[
            table(
                [
                    "eager blocks",
                    "processes",
                    "median ms",
                    "ONNX Runtime, median ms",
                    "effect of the neighbour",
                ],
                [
                    [
                        str(len(eager)),
                        str(len(found)),
                        f"{statistics.median(eager):.3f}",
                        f"{statistics.median(spin):.3f}",
                        text,
                    ]
                ],
            )
        ],
        notes=[
            f"{len(pairs)} groups of three fresh processes, {ROUNDS} rounds each, order drawn anew in each.",
            "The effect is taken within a process, and its interval is over processes.",
            "mlp at batch 64 on all cores; ONNX Runtime with its defaults, so its threads spin.",
        ],
        targets=[Target("effect of a frozen neighbour", abs(mean) < MOST, text, f"{MOST:.0%}")],
        figures={"load_average_before": load, "effects": found, "eager_ms": eager, "spinning_ms": spin},
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
