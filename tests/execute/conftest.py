"""A sweep with children that answer at once: what both files of tests of it share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.answers import (
    AnatomyResult,
    BuildResult,
    MemoryResult,
    ReferenceResult,
    SampleResult,
    ThroughputResult,
)
from harness.catalogue import PluginRequest
from harness.execute.child import Outcome
from harness.execute.known import NOTHING, Known
from harness.execute.sweep import Sweep
from harness.jobs import CaseJob, ThroughputJob
from harness.records import codec
from harness.records.anatomy import Anatomy
from harness.records.events import Memory, Sample, Saturated
from harness.records.settings import Settings


class Signals:
    """Interrupts that a test raises."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __bool__(self) -> bool:
        return self.received is not None


Odd = Callable[[str, CaseJob], Outcome | None]
Then = Callable[["Lab", str, CaseJob], None]


class Lab:
    """A sweep over some cases, its launcher and its watcher.

    `odd` may give another outcome than a good one; `then` is called at the end of every job.
    """

    def __init__(
        self, build, cases, odd: Odd, then: Then, seed: int = 0, known: Known = NOTHING, **settings
    ) -> None:
        self.build = build
        self.odd = odd
        self.then = then
        self.events: list = []
        self.jobs: list[tuple[int, str, str, int]] = []
        self.seen: list[tuple] = []
        self.signals = Signals()
        header = dataclasses.replace(build.header(cases), settings=Settings(**settings), seed=seed)
        self.sweep = Sweep(
            header,
            self.events.append,
            SimpleNamespace(run=self.job),
            PluginRequest(),
            Path("/x"),
            self.signals,
            self,
            known=known,
        )

    def job(self, lane: int, kind: str, job: CaseJob, timeout_s: float) -> Outcome:
        case = job.case if isinstance(job, ThroughputJob) else job
        self.jobs.append((lane, kind, case.planned.id, case.replicate))
        found = self.odd(kind, job) or Outcome(
            messages={"stage": "measure", "result": self.good(kind)}, exit_code=0
        )
        self.then(self, kind, job)
        return found

    def good(self, kind: str) -> object:
        good = {
            "reference": ReferenceResult("float64"),
            "build": BuildResult(1.5),
            "sample": SampleResult(
                0.2, 0.1, self.build.timing([[4.0] * 4]), self.build.verification(), {}, []
            ),
            "memory": MemoryResult(Memory(host_run_peak=64.0)),
            "anatomy": AnatomyResult(Anatomy(3, 1.0, 1.1, [], {}, 0.0, 1.0)),
            "throughput": ThroughputResult(
                Saturated([100.0] * 3, 1.0, 1, 2, 300, 10.0, 0.0), self.build.verification()
            ),
        }[kind]
        return codec.decode(codec.encode(good), dict)

    def samples(self) -> list[tuple[str, int]]:
        return [(e.case, e.replicate) for e in self.events if isinstance(e, Sample)]

    # -- the watcher

    def begin(self, planned, what, done, total):
        self.seen.append(("begin", planned.id, what, done, total))

    def pass_begins(self, number, passes, cases, why):
        self.seen.append(("pass", number, passes, cases, why))

    def case_finished(self, planned):
        self.seen.append(("finished", planned.id))


@pytest.fixture
def cases(build):
    base = build.planned("itself")
    return [base, *(build.planned(base, precision=p) for p in ("bf16-true", "fp16-amp", "bf16-amp"))]


@pytest.fixture
def lab(build, cases):
    """Makes and runs a sweep over some cases."""

    def make(chosen=None, odd=lambda kind, job: None, then=lambda lab, kind, job: None, **settings):
        lab = Lab(build, chosen or cases, odd, then, **settings)
        lab.ended = lab.sweep.run()
        return lab

    return make


@pytest.fixture
def took(build):
    """Outcomes of replicates that took given milliseconds: `took({case id: [ms of pass 1, 2, ...]})`."""

    def make(times):
        def odd(kind, job):
            if kind != "sample" or job.planned.id not in times:
                return None
            values = times[job.planned.id]
            ms = values[min(job.replicate, len(values) - 1)]
            timing = build.timing([[ms] * 4])
            good = SampleResult(0.2, 0.1, timing, build.verification(), {}, [])
            return Outcome(messages={"result": codec.decode(codec.encode(good), dict)}, exit_code=0)

        return odd

    return make
