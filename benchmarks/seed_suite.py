"""What the suite `seed` costs: this harness beside the seed's own method, as written and made honest.

48 cells: mlp and cnn, fp32 and two autocast precisions, batch 1, 4, 16 and 64, eager and compiled. The
contenders:

- *harness*: `harness run --suite seed`: each cell verified, measured by three fresh processes, and its
  memory measured by a fourth.
- *honest*: the seed's method with a fresh process and a fresh compiler cache for each cell, and the same
  number of threads for warming up and timing (benchmarks/peers/honest_method.py). What the compiler
  finds out about the processor is found out once, for this contender as for the others.
- *seed*: the seed's method as it was written, all cells in one process (benchmarks/peers/seed_method.py).
  It is also checked, outside its time, what a cell called `compile` really ran.

The cells are cut into slices, one for each model unless `--slices` says otherwise. All contenders measure
a slice before any goes on to the next, in an order drawn for each slice; before each turn the load average
and the time of a fixed loop of Python are noted, so that a change of the machine's own speed can be seen.
More slices compare more closely in time, and charge the harness for one more start each.

Where the processor imitates fp16, the harness caps how often it calls such cells, and the peers do not:
their cost is shown apart, and the target has to be met without them, too.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import seed_report
from benchmarks.cells import QUICK, WHOLE, Slice
from benchmarks.contenders import (
    HARNESS,
    HONEST,
    SEED,
    Contender,
    HarnessContender,
    HonestContender,
    SeedContender,
    Turn,
)
from benchmarks.publish import TRIED, load_average, parser, progress, publish

_LOOPS = 3_000_000


def loop_ms() -> float:
    """Milliseconds of a loop that always does the same."""
    start = time.perf_counter()
    total = 0
    for number in range(_LOOPS):
        total += number
    return (time.perf_counter() - start) * 1e3


def take_turns(
    contenders: dict[str, Contender], slices: tuple[Slice, ...], order: random.Random, partial: Path
) -> list[Turn]:
    """Every contender over every slice; what is known so far is written to `partial` after each turn."""
    turns: list[Turn] = []
    for number, part in enumerate(slices, start=1):
        for name in order.sample(list(contenders), len(contenders)):
            progress(f"slice {number} of {len(slices)} ({part.name}), {len(part.cells())} cells: {name} ...")
            load, loop = load_average(), loop_ms()
            wall_s, costs = contenders[name].measure(part)
            turns.append(Turn(name, part, load, loop, wall_s, costs))
            progress(f"    {wall_s:.1f} s")
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps([t.data() for t in turns], indent=1) + "\n", "utf-8")
    return turns


def main() -> int:
    options = parser("seed_suite", __doc__.partition("\n")[0])
    options.add_argument("--slices", type=int, choices=list(WHOLE), default=2, help="2 by default")
    given = options.parse_args()
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    slices = QUICK if given.quick else WHOLE[given.slices]
    partial = TRIED / "seed_suite.partial.json"
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        ours = HarnessContender(folder)
        contenders: dict[str, Contender] = {
            HARNESS: ours,
            HONEST: HonestContender(folder),
            SEED: SeedContender(folder),
        }
        progress(f"after each turn all that is known goes to {partial}")
        try:
            turns = take_turns(contenders, slices, random.Random(seed), partial)
        finally:
            for contender in contenders.values():
                contender.close()
    result = seed_report.result(turns, frozenset(ours.emulated), seed, shortened=given.quick)
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
