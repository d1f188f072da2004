"""How quickly the command line answers, beside Python importing click and nothing else.

Each round starts every command once, in an order drawn anew, and takes the wall time from starting the
process to its end. What is reported is the ratio to `python -c "import click"` within the round: the
least that any command line built on click costs. The inventory of components is asked for once before
the first round, as on any machine where the harness was used before.

It also checks, in processes of their own, that showing help, listing components and showing a stored
run do not load torch.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.publish import (
    Result,
    Target,
    environment,
    harness_command,
    load_average,
    parser,
    progress,
    publish,
    table,
)
from benchmarks.spread import ratios, spread

ROUNDS, QUICK_ROUNDS = 20, 4
MOST_RATIO = 3.0
BASE = 'python -c "import click"'
NOTHING = "python -c pass"
HEAVY = ("torch", "numpy", "onnx", "onnxruntime")
_CHECK = f"""
import json, sys
from harness.cli.main import run
code = run(sys.argv[2:])
json.dump([int(code), [m for m in {HEAVY} if m in sys.modules]], open(sys.argv[1], "w"))
"""


def commands() -> dict[str, list[str]]:
    """What is timed, by the name it has in the table."""
    return {
        NOTHING: [sys.executable, "-c", "pass"],
        BASE: [sys.executable, "-c", "import click"],
        "harness --help": [harness_command(), "--help"],
        "harness list": [harness_command(), "list"],
    }


def wall_ms(words: list[str], variables: dict[str, str], folder: Path) -> float:
    """Milliseconds from starting a process to its end.

    Raises:
        SystemExit: it fails.
    """
    start = time.perf_counter()
    done = subprocess.run(words, check=False, env=variables, cwd=folder, capture_output=True)
    wall_s = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"error: {words} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return wall_s * 1e3


def measure(rounds: int, order: random.Random, folder: Path) -> dict[str, list[float]]:
    """Wall times in milliseconds by command, one for each round."""
    timed = commands()
    variables = environment(folder)
    for words in timed.values():
        wall_ms(words, variables, folder)
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name in order.sample(list(timed), len(timed)):
            found[name].append(wall_ms(timed[name], variables, folder))
    return found


def store_a_run(folder: Path) -> None:
    """Measures one tiny case, so that there is a run to report."""
    axes = ["-m", "mlp:hidden_dim=8", "-r", "eager", "-p", "fp32", "-b", "1"]
    words = [harness_command(), "run", *axes, "--passes", "1", "--no-memory"]
    wall_ms(words, environment(folder), folder)


def heavy_modules(arguments: list[str], folder: Path) -> list[str]:
    """Which of HEAVY a command line has loaded at its end.

    Raises:
        SystemExit: the command fails.
    """
    answer = folder / "modules.json"
    wall_ms([sys.executable, "-c", _CHECK, str(answer), *arguments], environment(folder), folder)
    code, modules = json.loads(answer.read_text())
    if code:
        raise SystemExit(f"error: harness {' '.join(arguments)} ended with {code}")
    return list(modules)


def main() -> int:
    options = parser("startup", __doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, help=f"{ROUNDS} by default")
    given = options.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        progress(f"{rounds} rounds of {len(commands())} commands")
        times_ms = measure(rounds, random.Random(seed), folder)
        progress("one small run, to have something to report")
        store_a_run(folder)
        loaded = {
            text: heavy_modules(text.split(), folder)
            for text in ("--help", "list", "report", "report --format markdown")
        }

    against = {n: ratios(v, times_ms[BASE]) for n, v in times_ms.items()}
    targets = [
        Target(
            f"{n} takes at most {MOST_RATIO:g} times as long as {BASE}",
            against[n].median <= MOST_RATIO,
            f"{against[n].text()} x",
            f"{MOST_RATIO:g} x",
        )
        for n in ("harness --help", "harness list")
    ] + [
        Target(f"harness {t} does not load torch", "torch" not in m, ", ".join(m) or "none", "no torch")
        for t, m in loaded.items()
    ]
    rows = [[f"`{n}`", spread(v).text(0), against[n].text()] for n, v in times_ms.items()]
    result = Result(
        name="startup",
        title="How quickly the command line answers",
        question=f"Wall time of a process from its start to its end, and its ratio to `{BASE}` in the same "
        f"round: median (quartiles) of {rounds} rounds.",
        tables=[table(["command", "ms", "ratio"], rows)],
        notes=[
            "Every round starts all commands once in an order drawn anew; the ratio is taken within a round.",
            "The inventory of components had been asked for once before, in a cache folder of its own.",
            f"Of {', '.join(HEAVY)}, a command counts as loading what is in `sys.modules` at its end; "
            "`report` shows a run stored just before.",
        ],
        targets=targets,
        figures={
            "rounds": rounds,
            "order_seed": seed,
            "load_average_before": load,
            "wall_ms": times_ms,
            "ratio": {n: asdict(s) for n, s in against.items()},
            "heavy_modules": loaded,
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
