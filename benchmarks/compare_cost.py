"""What a verdict costs: a standard comparison of a model of a few milliseconds, beside two blocks by hand.

By hand is what most people do: in one process, two seconds of the one and then two seconds of the other
with torch.utils.benchmark. How precise that truly is shows only over many such processes, each comparing
the same code with itself. Then the question is what the same precision costs here.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.in_lockstep import pairs_of
from benchmarks.publish import Result, Target, load_average, parser, progress, publish, table
from harness.analyse.statistics import t_quantile
from harness.compare import rule
from harness.compare.paired import LATENCY, blocks_of

PAIRS, QUICK_PAIRS = 40, 5
BY_HAND, QUICK_BY_HAND = 16, 3
MOST_S = 120.0
_SCRIPT = """
import json, torch
from torch.utils.benchmark import Timer
torch.manual_seed(0)
sizes = [512, 2048, 2048, 2048, 512]
layers = []
for a, b in zip(sizes, sizes[1:]):
    layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
net = torch.nn.Sequential(*layers[:-1]).eval()
x = torch.randn(64, 512)
def call():
    with torch.inference_mode():
        return net(x)
for _ in range(10):
    call()
threads = torch.get_num_threads()
found = []
for _ in range(2):
    timer = Timer("call()", globals={"call": call}, num_threads=threads)
    found.append(timer.blocked_autorange(min_run_time=2.0).median)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class ByHand:
    """Comparisons of the same code with itself, each two blocks in a process of its own."""

    logs: list[float]
    seconds: list[float]

    @property
    def half_width(self) -> float:
        """What 95 of 100 such comparisons are off by at most, if they are normal around the truth."""
        return 1.96 * math.sqrt(statistics.fmean(v * v for v in self.logs))


def by_hand(count: int) -> ByHand:
    """So many comparisons by hand."""
    logs, seconds = [], []
    for number in range(count):
        begin = time.monotonic()
        done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - begin)
        first, second = json.loads(done.stdout)
        logs.append(math.log(second / first))
        progress(f"by hand {number + 1} of {count}: {logs[-1]:+.2%}")
    return ByHand(logs, seconds)


def half_width(sd: float, pairs: int, level: float) -> float:
    return t_quantile(0.5 + level / 2, pairs - 1) * sd / math.sqrt(pairs)


def pairs_for(target: float, sd: float) -> int:
    """Pairs whose 95 % half-width is the target."""
    return next((n for n in range(2, 1000) if half_width(sd, n, 0.95) <= target), 1000)


def main() -> int:
    options = parser("compare_cost", (__doc__ or "").partition("\n")[0])
    given = options.parse_args()
    load = load_average()
    count, wanted = (QUICK_BY_HAND, QUICK_PAIRS) if given.quick else (BY_HAND, PAIRS)
    hand = by_hand(count)
    begin = time.monotonic()
    pairs = pairs_of(["eager", "eager"], rule.Mode("cost", wanted, 1, wanted, None))
    whole_s = time.monotonic() - begin
    blocks = [blocks_of(pair, (0, 1), LATENCY) for pair in pairs]
    values = [rule.pair_values(those, 2, suspects=True)[0] for those in blocks]
    known = [v for v in values if v is not None]
    sd = statistics.stdev(known)
    each_s = statistics.median(p.seconds for p in pairs)
    per_pair_s = whole_s / len(pairs)
    same = pairs_for(hand.half_width, sd)
    hand_s = statistics.median(hand.seconds)
    ours = [f"{half_width(sd, len(known), level):.2%}" for level in (0.95, 0.99)]
    rows = [
        ["two blocks by hand, one process", f"{hand.half_width:.2%}", "none is given", f"{hand_s:.0f}"],
        [f"{same} pairs", f"{half_width(sd, same, 0.95):.2%}", "", f"{same * per_pair_s:.0f}"],
        [f"{len(known)} pairs, as standard takes at most", *ours, f"{whole_s:.0f}"],
    ]
    result = Result(
        name="compare_cost",
        title="What a verdict costs",
        question="A model of four linear layers at batch 64, compared with itself.",
        tables=[table(["way", "true 95 % half-width", "99 % half-width", "seconds"], rows)],
        notes=[
            f"By hand: {count} processes, each 2 s of the one and 2 s of the other with blocked_autorange, "
            "on all cores. Its true precision is 1.96 times the root mean square of the log-ratios over "
            "processes. The tool itself tells none.",
            f"The second row: what the same precision costs in pairs. A pair takes {each_s:.2f} s, with its "
            f"share of everything else {per_pair_s:.2f} s. Standard deviation of a pair: {sd:.2%}.",
            "Planning, the reference and the trial are in the seconds of the last row.",
        ],
        targets=[Target(f"{len(known)} pairs", whole_s < MOST_S, f"{whole_s:.0f} s", f"{MOST_S:.0f} s")],
        figures={
            "load_average_before": load,
            "by_hand_logs": hand.logs,
            "by_hand_s": hand.seconds,
            "pair_values": known,
            "pair_s": [p.seconds for p in pairs],
            "whole_s": whole_s,
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
