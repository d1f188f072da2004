"""A live comparison for benchmarks that need more than its verdict: rules of their own, raw pairs."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.publish import progress
from harness.catalogue.loading import PluginRequest
from harness.compare.arms import ArmRequest
from harness.compare.live import CompareRequest, compare_live
from harness.compare.rule import Mode
from harness.execute.lock import measuring
from harness.execute.one import OneRequest
from harness.execute.signals import Interrupts
from harness.jobs import Matrix
from harness.records.pairs import PairMeasured
from harness.store.comparisonfile import StoredComparison
from harness.store.folder import Folder


class Told:
    """Lines for whoever waits."""

    def tell(self, text: str) -> None:
        progress(text)

    def preparing(self, name: str) -> None:
        progress(f"preparing {name}")

    def pair_begins(self, _: StoredComparison, number: int) -> None:
        if number == 1 or number % 5 == 0:
            progress(f"pair {number}")


def pairs_of(runners: Sequence[str], mode: Mode, model: str = "mlp", batch: int = 64) -> list[PairMeasured]:
    """The pairs of a comparison on the CPU, the base's runner first; the trial is left out."""
    none = PluginRequest()
    arms = [
        ArmRequest(
            "base" if k == 0 else f"new {k}",
            Matrix(model=[model], runner=[runner], batch_size=[batch], device=["cpu"]),
            none,
        )
        for k, runner in enumerate(runners)
    ]
    request = CompareRequest(
        arms=arms,
        one=OneRequest(Matrix(), none, seed=random.SystemRandom().randrange(1 << 20)),
        mode=mode,
        level=0.99,
        margin=0.01,
        command="a benchmark",
    )
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as name,
        measuring(["cpu"], math.inf, True, progress) as locks,
        Interrupts() as interrupts,
    ):
        run = compare_live(request, Folder(Path(name)), interrupts, Told(), locks)
        if interrupts:
            raise SystemExit("error: interrupted")
    return [pair for pair in run.pairs if pair.number > 0]
