"""Do the ceilings agree with what others measure? Products beside numpy's, bandwidth beside a loop in C.

Round by round, in an order drawn anew: the harness's own measurement in a fresh process, numpy's products
(OpenBLAS, where torch has MKL or oneDNN) in another, and the program stream.c (OpenMP, no torch) for each
working set. What counts of a round is the time that three of its calls did not exceed, and of all rounds
the three best: a neighbour only ever makes a machine slower, and does not come to both sides at once. It
helps little with as many threads as processors, which wait for each other: run it when nothing else runs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.publish import Result, Target, load_average, parser, progress, publish, table
from benchmarks.spread import Spread, spread
from harness import machine
from harness.measure.ceilings import SETS_MIB

ROUNDS, QUICK_ROUNDS = 9, 2
WITHIN = 0.15
SIZES = (256, 512, 1024)
FOR_S = 0.3
"""numpy goes on for so long with each size, and stream.c with each of its two loops."""
PIECE = 1 << 20
JUDGED_FROM_MIB = 128.0
"""Beyond the caches, as STREAM wants it. In a cache it is instructions that count, and torch's are others."""
_GIB, _MIB = 1 << 30, 1 << 20
_HERE = Path(__file__).resolve().parent


def numpy_gflops() -> float:
    """The best of some sizes, single products timed one by one."""
    import numpy as np

    best = 0.0
    for n in SIZES:
        a, b = (np.random.default_rng(k).standard_normal((n, n), np.float32) for k in range(2))
        out = np.empty_like(a)
        np.matmul(a, b, out=out)
        times = []
        start = time.perf_counter()
        while time.perf_counter() - start < FOR_S:
            began = time.perf_counter()
            np.matmul(a, b, out=out)
            times.append(time.perf_counter() - began)
        best = max(best, 2 * n**3 / third(times) / 1e9)
    return best


def third(times: Iterable[float]) -> float:
    ordered = sorted(times)
    return ordered[min(2, len(ordered) - 1)]


def asked(threads: int, *words: str) -> str:
    """What a process says, with so many threads for every library in it."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = {**os.environ, **dict.fromkeys(names, str(threads))}
    return subprocess.run(words, env=variables, check=True, capture_output=True, text=True).stdout


def ours(threads: int) -> dict[str, float]:
    """float32 in GFLOP/s, and GiB/s by kind and working set."""
    code = (
        "import sys; from harness.records import codec\n"
        "from harness.measure.ceilings import measure_ceilings\n"
        f"sys.stdout.write(codec.encode(measure_ceilings('cpu', {threads})).decode())"
    )
    found = json.loads(asked(threads, sys.executable, "-c", code))
    moved = {f"move {b['working_set_mib']:g}": b["gib_per_s"] for b in found["bandwidth"]}
    read = {f"read {b['working_set_mib']:g}": b["gib_per_s"] for b in found["read_gib_per_s"]}
    return {"products": found["matmul_tflops"]["float32"] * 1e3, "suspect": found["suspect"], **moved, **read}


def theirs(threads: int, program: Path) -> dict[str, float]:
    """The same by numpy and by stream.c."""
    found = {"products": float(asked(threads, sys.executable, "-m", "benchmarks.ceilings", "--numpy"))}
    for mib in SETS_MIB:
        half = int(mib * _MIB / 8)
        piece = min(half, PIECE)
        said = asked(threads, str(program), str(half), str(piece), str(1e3 * FOR_S))
        lines = [line.split() for line in said.splitlines()]
        for kind, (name, moved) in enumerate((("move", 12), ("read", 8))):
            seconds = third(float(s) for k, s in lines if int(k) == kind)
            found[f"{name} {mib:g}"] = moved * piece / seconds / _GIB
    return found


def compiled(folder: Path) -> Path:
    """stream.c as a program.

    Raises:
        SystemExit: there is no compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("benchmarks.ceilings needs gcc: the loop it compares with is in C")
    program = folder / "stream"
    words = [compiler, "-O3", "-march=native", "-ffast-math", "-fopenmp", str(_HERE / "stream.c")]
    subprocess.run([*words, "-o", str(program)], check=True)
    return program


def measure(
    rounds: int, order: random.Random, counts: list[int]
) -> dict[int, dict[str, list[dict[str, float]]]]:
    """By number of threads: what each side found in each round."""
    found: dict[int, dict[str, list[dict[str, float]]]] = {n: {"ours": [], "theirs": []} for n in counts}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        program = compiled(Path(name))
        for number in range(rounds):
            for threads in order.sample(counts, len(counts)):
                sides = order.sample(["ours", "theirs"], 2)
                for side in sides:
                    got = ours(threads) if side == "ours" else theirs(threads, program)
                    found[threads][side].append(got)
                last = {side: found[threads][side][-1]["products"] for side in sides}
                progress(f"round {number + 1} of {rounds}, {threads} threads: {last}")
    return found


def rows_of(found: dict[str, list[dict[str, float]]]) -> dict[str, tuple[float, float, Spread, Spread]]:
    """What was measured -> what each side reached, and the spreads over all of its rounds."""
    one, other = found["ours"], found["theirs"]
    keys = [key for key in other[0] if key in one[0]]
    sides = {key: ([r[key] for r in one], [r[key] for r in other]) for key in keys}
    return {key: (best(a), best(b), spread(a), spread(b)) for key, (a, b) in sides.items()}


def best(rates: list[float]) -> float:
    """The middle one of the three best rounds."""
    return statistics.median(sorted(rates)[-3:])


def words(key: str) -> str:
    if key == "products":
        return "float32 products, GFLOP/s"
    kind, mib = key.split()
    return f"{'read and written' if kind == 'move' else 'read'}, {mib} MiB, GiB/s"


def judged(key: str) -> bool:
    return key == "products" or float(key.split()[1]) >= JUDGED_FROM_MIB


def main() -> int:
    options = parser("ceilings", (__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, help=f"{ROUNDS} by default")
    options.add_argument(
        "--threads", type=int, action="append", metavar="N", help="1, and as many as are usable, by default"
    )
    options.add_argument("--numpy", action="store_true", help="only numpy's products, in GFLOP/s")
    given = options.parse_args()
    if given.numpy:
        sys.stdout.write(f"{numpy_gflops()}\n")
        return 0
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    load = load_average()
    counts = sorted(set(given.threads or (1, machine.usable_cores())))
    found = measure(rounds, random.Random(seed), counts)
    tables, targets = [], []
    for threads in counts:
        many = f"{threads} thread{'s' * (threads != 1)}"
        spreads = rows_of(found[threads])
        rows = [
            [words(k), f"{a:.1f}", f"{b:.1f}", f"{a / b:.2f}", of_a.text(0), of_b.text(0)]
            for k, (a, b, of_a, of_b) in spreads.items()
        ]
        titles = [many, "harness", "numpy, C", "ratio", "harness, all rounds", "numpy or C, all rounds"]
        tables.append(table(titles, rows))
        for key, (a, b, _, _) in spreads.items():
            if judged(key):
                off = a / b - 1
                targets.append(
                    Target(f"{many}: {words(key)}", abs(off) <= WITHIN, f"{off:+.1%}", f"{WITHIN:.0%}")
                )
    disturbed = [r["suspect"] for sides in found.values() for r in sides["ours"]]
    result = Result(
        name="ceilings",
        title="Are the ceilings the machine's?",
        question=f"The harness's ceilings beside independent measurements, {rounds} rounds in turns.",
        tables=tables,
        notes=[
            "A number is the middle one of the three best rounds; beside it the median and quartiles of all "
            "rounds, which say how busy the machine was.",
            "numpy multiplies with OpenBLAS, torch with MKL: two libraries, one machine. The loop in C is "
            "`a[i] += s * b[i]`, and a sum of products, compiled with `-O3 -march=native -fopenmp`.",
            f"Working sets under {JUDGED_FROM_MIB:g} MiB are shown and not judged: in a cache instructions "
            "count, and torch's loops are of narrower ones than the compiler makes for this processor. The "
            "harness measures what torch can reach.",
            f"Of the harness's own rounds {100 * spread(disturbed).median:.0f} % were disturbed (median), "
            "says its audit.",
        ],
        targets=targets,
        figures={
            "rounds": rounds,
            "order_seed": seed,
            "load_average_before": load,
            "found": {str(threads): sides for threads, sides in found.items()},
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
