"""What a fresh process for each replicate costs: forked from a zygote, or spawned from nothing.

The start of a replicate is the time from the moment the parent asks for it to the moment the first
line of the model's own code runs in the new process. It contains everything in between, the same for
both ways: writing the job, starting the process, imports, reading the job, loading the plugin that
holds the model, setting up torch's state, and reading the stored reference. A model that writes down
the time is that first line (benchmarks/stamp_model.py); parent and child read the same system-wide
monotonic clock. What comes after it (weights, verification, timing) is the same work however the
process was started.

- *forked*: a child of a zygote, as `harness run` does it, the replicates going in turns to as many
  zygotes as a run has passes.
- *spawned*: the harness's own other mode (HARNESS_SPAWN=1): a new interpreter that does the same
  imports and then the same job. Nothing of it is started ahead.
- *import torch*: a bare `python -c "import torch"` up to the line after the import: the least that any
  tool which starts an interpreter for each measurement pays.

A zygote must be started before it can be forked from. That is paid once for each pass of a run and not
once for each replicate, so it is no part of the first column; it is measured in the same rounds and
shown beside it, with the number of replicates from which it has paid for itself.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.publish import Result, Target, environment, load_average, parser, progress, publish, table
from benchmarks.spread import ratios, spread
from harness.catalogue.loading import PluginRequest
from harness.execute.launch import SPAWN_VARIABLE, Launcher
from harness.execute.outcomes import ending
from harness.execute.run import RunRequest, make_plan
from harness.execute.supervise import ZygoteProcess
from harness.jobs import CaseJob, Matrix
from harness.records.case import PlannedCase, Scenario
from harness.records.events import OK
from harness.records.settings import Settings

ROUNDS, QUICK_ROUNDS = 20, 4
MOST_RATIO = 0.1
TIMEOUT_S = 120.0
FORKED, SPAWNED, BARE, ZYGOTE = "forked", "spawned", "import torch", "zygote"
_PLUGINS = PluginRequest(extra=(str(Path(__file__).with_name("stamp_model.py")),))
_SETTINGS = Settings(passes=3, block_s=0.001, blocks=1, memory=False)
_IMPORT = "import time, torch; print(time.monotonic_ns())"


class Starts:
    """Starts replicates one way or the other and says how long each took to reach the model.

    Args:
        folder: a temporary folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = folder / "stamp"
        self._turn = 0
        self._forking = self._launcher("forking")
        os.environ[SPAWN_VARIABLE] = "1"
        self._spawning = self._launcher("spawning")
        del os.environ[SPAWN_VARIABLE]
        model = f"stamp:file={self._stamp}"
        matrix = Matrix(model=[model], runner=["eager"], precision=["fp32"], batch_size=[1])
        request = RunRequest([matrix], _PLUGINS, _SETTINGS)
        self._planned: PlannedCase = make_plan(request, self._forking, Scenario()).cases[0]
        self._forking.preload([self._planned], _PLUGINS)
        if self._forking.solo:
            raise SystemExit("error: forking is off here, there is nothing to compare")
        self._answered(self._forking, 0, "reference")

    def close(self) -> None:
        self._forking.close()
        self._spawning.close()

    def _launcher(self, name: str) -> Launcher:
        folder = self._folder / name
        folder.mkdir()
        return Launcher(folder)

    def forked_ms(self) -> float:
        """Of a child of the next zygote in turn."""
        self._turn += 1
        return self._replicate(self._forking, self._turn % _SETTINGS.passes)

    def spawned_ms(self) -> float:
        """Of a new interpreter."""
        return self._replicate(self._spawning, 0)

    def bare_ms(self) -> float:
        """Of a new interpreter that only imports torch, up to the line after the import."""
        start_ns = time.monotonic_ns()
        done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
        return (int(done.stdout) - start_ns) / 1e6

    def zygote_ms(self) -> float:
        """Of a zygote, until it is ready to be forked from."""
        start_ns = time.monotonic_ns()
        zygote = ZygoteProcess(self._folder)
        zygote.wait_ready()
        wall_ms = (time.monotonic_ns() - start_ns) / 1e6
        zygote.close()
        return wall_ms

    def _replicate(self, launcher: Launcher, lane: int) -> float:
        self._stamp.unlink(missing_ok=True)
        start_ns = time.monotonic_ns()
        self._answered(launcher, lane, "sample")
        return (int(self._stamp.read_text()) - start_ns) / 1e6

    def _answered(self, launcher: Launcher, lane: int, kind: str) -> None:
        job = CaseJob(
            planned=self._planned,
            plugins=_PLUGINS,
            seed=0,
            folder=str(self._folder / "case"),
            reference=str(self._folder / "reference.pt"),
            cache=str(self._folder / "compiled"),
            replicate=0,
            settings=_SETTINGS,
        )
        outcome = launcher.run(lane, kind, job, TIMEOUT_S)
        end = ending(outcome, TIMEOUT_S)
        if end.status != OK:
            raise SystemExit(f"error: the {kind} ended as {end.status}: {end.reason}\n{end.detail or ''}")


def measure(rounds: int, order: random.Random, folder: Path) -> dict[str, list[float]]:
    """Milliseconds by way of starting, one for each round; the order is drawn for each round."""
    starts = Starts(folder)
    ways: dict[str, Callable[[], float]] = {
        FORKED: starts.forked_ms,
        SPAWNED: starts.spawned_ms,
        BARE: starts.bare_ms,
        ZYGOTE: starts.zygote_ms,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    try:
        # Once each, untimed: files into the page cache, and each zygote's first fork.
        for way in (*[starts.forked_ms] * _SETTINGS.passes, *list(ways.values())[1:]):
            way()
        for number in range(rounds):
            for name in order.sample(list(ways), len(ways)):
                found[name].append(ways[name]())
            progress(f"round {number + 1} of {rounds}: " + _short(found))
    finally:
        starts.close()
    return found


def _short(found: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {values[-1]:.0f} ms" for name, values in found.items())


def main() -> int:
    options = parser("isolation", __doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, help=f"{ROUNDS} by default")
    given = options.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        # Launcher and its children take their settings from this process's own environment.
        variables = environment(Path(name))
        os.environ.clear()
        os.environ.update(variables)
        times_ms = measure(rounds, random.Random(seed), Path(name))

    to_spawned = {n: ratios(v, times_ms[SPAWNED]) for n, v in times_ms.items()}
    to_bare = {n: ratios(v, times_ms[BARE]) for n, v in times_ms.items()}
    saved = [s - f for s, f in zip(times_ms[SPAWNED], times_ms[FORKED], strict=True)]
    pays_off = spread([z / s for z, s in zip(times_ms[ZYGOTE], saved, strict=True)])
    titles = {
        FORKED: "forked from a zygote",
        SPAWNED: "spawned (`HARNESS_SPAWN=1`)",
        BARE: '`python -c "import torch"`',
        ZYGOTE: "starting a zygote, once for each pass",
    }
    rows = [
        [title, spread(times_ms[n]).text(0), to_spawned[n].text(3), to_bare[n].text(3)]
        for n, title in titles.items()
    ]
    result = Result(
        name="isolation",
        title="What a fresh process for each replicate costs",
        question="Time from asking for a replicate to the first line of the model's code in its process: "
        f"median (quartiles) of {rounds} rounds, ratios taken within a round.",
        tables=[table(["start", "ms", "ratio to spawned", "ratio to import torch"], rows)],
        notes=[
            "Every round starts each way once, in an order drawn anew.",
            "Forked and spawned do the same imports and the same job: an eager replicate of one tiny layer.",
            "The bare import ends at the line after it; it reads no job and loads no plugin.",
            f"A zygote has paid for itself after {pays_off.text(1)} replicates.",
        ],
        targets=[
            Target(
                f"a forked start takes at most {MOST_RATIO:g} of a spawned one",
                to_spawned[FORKED].median <= MOST_RATIO,
                to_spawned[FORKED].text(3),
                f"{MOST_RATIO:g}",
            )
        ],
        figures={
            "rounds": rounds,
            "order_seed": seed,
            "load_average_before": load,
            "start_ms": times_ms,
            "ratio_to_spawned": {n: asdict(s) for n, s in to_spawned.items()},
            "ratio_to_import_torch": {n: asdict(s) for n, s in to_bare.items()},
            "zygote_pays_off_after_replicates": asdict(pays_off),
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
