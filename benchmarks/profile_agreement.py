"""Whether a profile tells the truth: the share of addmm in mlp at batch 64, beside a stopwatch.

Two ways to the share of an inference's wall time that goes to the four matrix products of mlp:

- *profile*: as `harness profile` finds it: the total CPU time of `aten::addmm` (its copy of the bias
  included, as in any call of it) over the wall time of the profiled inferences.
- *stopwatch*: no profiler. The same four products, with the same weights, on the inputs they have in the
  model, one after the other, timed by the system's clock, over the time of whole inferences.

A round does three things in an order drawn anew: a profile of some inferences, as many passes over the
products, and as many inferences without a profiler. All of it in one process and on one loaded case,
through the same session that the command uses; what is compared are shares within a round, so that a
busy neighbour disturbs both sides. One thread by default: with several, a neighbour that takes one core
stalls the others at the end of every parallel loop, and both ways read noise.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.publish import Result, Target, load_average, parser, progress, publish, table
from benchmarks.spread import Spread, ratios, spread
from harness.analyse.hotspots import hot_spots
from harness.catalogue.loading import PluginRequest
from harness.execute.launch import Launcher
from harness.execute.run import RunRequest, make_plan
from harness.jobs import CaseJob, Matrix
from harness.measure.prepare import CaseWork
from harness.records.case import Scenario
from harness.records.settings import Settings
from harness.runner import Profiling

ROUNDS, QUICK_ROUNDS = 200, 10
CALLS = 2
WARM_UP = 20
BATCH = 64
WITHIN = 0.1
HOTTEST = re.compile(r"aten::addmm|mkl")
_SETTINGS = Settings(passes=1)


@dataclass
class Times:
    """What each round found; microseconds for one inference, but for the names."""

    profiled_addmm: list[float] = field(default_factory=list)
    profiled_wall: list[float] = field(default_factory=list)
    profiled_self_share: list[float] = field(default_factory=list)
    hottest: list[str] = field(default_factory=list)
    timed_addmm: list[float] = field(default_factory=list)
    timed_wall: list[float] = field(default_factory=list)


class Subject:
    """mlp, loaded as the command loads it, with its products taken apart for the stopwatch."""

    def __init__(self, folder: Path, threads: int) -> None:
        matrix = Matrix(
            model=["mlp"],
            runner=["eager"],
            precision=["fp32"],
            batch_size=[BATCH],
            device=["cpu"],
            threads=[threads],
        )
        request = RunRequest([matrix], PluginRequest(), _SETTINGS, baseline="none")
        launcher = Launcher(folder)
        try:
            planned = make_plan(request, launcher, Scenario()).cases[0]
        finally:
            launcher.close()
        job = CaseJob(
            planned, PluginRequest(), 0, str(folder / "case"), "", str(folder / "cache"), 0, _SETTINGS
        )
        self.work = CaseWork(job, profiling=True)
        self.session = self.work.runner.load(self.work)
        self._feed = self.session.bind(self.work.inputs)
        self._trace = folder / "trace.json"
        self._products = self._taken_apart()

    def _taken_apart(self) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Bias, input and transposed weights of each product, as the model has them."""
        products = []
        with torch.inference_mode():
            (x,) = self.work.inputs.args
            for layer in self.work.module:
                if isinstance(layer, torch.nn.Linear):
                    products.append((layer.bias.detach(), x.clone(), layer.weight.detach().t()))
                x = layer(x)
        return products

    def inference(self) -> None:
        self.session(self._feed)

    def products(self) -> None:
        with torch.inference_mode():
            for bias, x, weight in self._products:
                torch.addmm(bias, x, weight)

    def profile(self, found: Times) -> None:
        def inferences(calls: int) -> Iterator[Callable[[], None]]:
            for _ in range(calls):
                yield self.inference

        asked = Profiling(CALLS, inferences, self.work.device, self._trace, lines=False, about={})
        recording = self.session.profile(asked)
        spots = hot_spots(recording, "operator", None, 0)
        addmm = next(row for row in spots.rows if HOTTEST.search(row.name))
        found.hottest.append(spots.rows[0].name)
        found.profiled_self_share.append(addmm.share)
        found.profiled_addmm.append((addmm.cpu_ms or 0.0) * 1000)
        found.profiled_wall.append(sum(recording.wall_us) / CALLS)


def timed_us(call: Callable[[], None]) -> float:
    start_ns = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - start_ns) / 1000 / CALLS


def measure(rounds: int, order: random.Random, folder: Path, threads: int) -> tuple[Times, int]:
    """What every round found, and the number of threads."""
    subject, found = Subject(folder, threads), Times()
    for _ in range(WARM_UP):
        subject.inference()
        subject.products()
    ways: list[Callable[[], None]] = [
        lambda: subject.profile(found),
        lambda: found.timed_addmm.append(timed_us(subject.products)),
        lambda: found.timed_wall.append(timed_us(subject.inference)),
    ]
    for number in range(rounds):
        for way in order.sample(ways, len(ways)):
            way()
        progress(f"round {number + 1} of {rounds}: {_short(found)}")
    return found, subject.work.threads


def _short(found: Times) -> str:
    profiled = found.profiled_addmm[-1] / found.profiled_wall[-1]
    timed = found.timed_addmm[-1] / found.timed_wall[-1]
    return f"profile {100 * profiled:.1f} %, stopwatch {100 * timed:.1f} %"


def _percent(found: Spread) -> str:
    return f"{100 * found.median:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _ms(values: list[float]) -> str:
    return spread([v / 1000 for v in values]).text(2)


def main() -> int:
    options = parser("profile_agreement", __doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, help=f"{ROUNDS} by default")
    options.add_argument("--threads", type=int, default=1, help="1 by default")
    given = options.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        found, threads = measure(rounds, random.Random(seed), Path(name), given.threads)

    by_profile = [a / w for a, w in zip(found.profiled_addmm, found.profiled_wall, strict=True)]
    by_stopwatch = [a / w for a, w in zip(found.timed_addmm, found.timed_wall, strict=True)]
    agreement = ratios(by_profile, by_stopwatch)
    cost = ratios(found.profiled_wall, found.timed_wall)
    hot = sum(bool(HOTTEST.search(name)) for name in found.hottest)
    rows = [
        ["profile", _ms(found.profiled_addmm), _ms(found.profiled_wall), _percent(spread(by_profile))],
        ["stopwatch", _ms(found.timed_addmm), _ms(found.timed_wall), _percent(spread(by_stopwatch))],
        [
            "profile / stopwatch",
            ratios(found.profiled_addmm, found.timed_addmm).text(3),
            cost.text(3),
            agreement.text(3),
        ],
    ]
    figures: dict[str, Any] = {
        "rounds": rounds,
        "calls_a_round": CALLS,
        "threads": threads,
        "order_seed": seed,
        "load_average_before": load,
        **asdict(found),
        "share_by_profile": asdict(spread(by_profile)),
        "share_by_stopwatch": asdict(spread(by_stopwatch)),
        "agreement": asdict(agreement),
        "cost_of_profiling": asdict(cost),
    }
    result = Result(
        name="profile_agreement",
        title="Whether a profile tells the truth",
        question=f"The share of `aten::addmm` in an inference of mlp at batch {BATCH} (eager, fp32, "
        f"{threads} thread{'s' * (threads != 1)}): by `harness profile` and by a stopwatch. "
        f"Median (quartiles) of {rounds} rounds of {CALLS} inferences each.",
        tables=[table(["way", "addmm ms", "inference ms", "share of the inference %"], rows)],
        notes=[
            "Profile: the total CPU time of `aten::addmm` over the wall time of the profiled inferences.",
            "Stopwatch: the four products alone, with the model's own weights and inputs, over whole "
            "inferences; no profiler runs.",
            "The ratios are taken within a round; the order within a round is drawn anew.",
            "The table of the command shows self time over all operators: "
            f"there addmm has {_percent(spread(found.profiled_self_share))} %, "
            "and its copy of the bias a line of its own.",
        ],
        targets=[
            Target(
                f"the two shares agree within {100 * WITHIN:g} %",
                abs(agreement.median - 1) <= WITHIN,
                f"ratio {agreement.text(3)}",
                f"{1 - WITHIN:g} to {1 + WITHIN:g}",
            ),
            Target(
                "addmm, or its form in MKL or oneDNN, is the hottest operator",
                hot > rounds / 2,
                f"in {hot} of {rounds} rounds",
                "most rounds",
            ),
        ],
        figures=figures,
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
