"""One profile: the case loaded and verified, warmed up, recorded, and called again without the profiler.

A pass of its own, in a process of its own: no timed sample ever ran under a profiler, and nothing here
goes into a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.channel import Channel
from harness.jobs import ProfileJob
from harness.measure.loaded import LoadedCase
from harness.records.profile import ProfileResult
from harness.runner import Profiling

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork


def take(work: CaseWork, job: ProfileJob, channel: Channel) -> None:
    """Profiles the case and sends the recording; the trace is at `job.trace`."""
    case = LoadedCase(work, job.case)
    channel.send("stage", "load")
    case.load()
    channel.send("stage", "verify")
    outputs = case.outputs(case.feeds)
    verification, warnings = case.verified(outputs)

    channel.send("stage", "profile")

    def inferences(calls: int) -> Iterator[Callable[[], None]]:
        for number in range(calls):
            feed = case.feeds[number % len(case.feeds)]
            if case.reset is not None:
                case.reset()

            def call(feed: object = feed) -> None:
                case.session(feed)
                if case.synchronise:
                    case.synchronise()

            yield call

    for call in inferences(job.warmup):
        call()
    planned = job.case.planned
    found = case.session.profile(
        Profiling(
            calls=job.calls,
            inferences=inferences,
            device=work.device,
            trace=Path(job.trace),
            lines=job.lines,
            about={
                **planned.label,
                "precision": work.case.precision,
                "batch_size": str(work.case.batch_size),
            },
        )
    )
    plain_us = []
    for call in inferences(job.calls):
        start = time.perf_counter()
        call()
        plain_us.append((time.perf_counter() - start) * 1e6)
    facts, changed = case.facts()
    channel.send("result", ProfileResult(found, plain_us, verification, facts, warnings + changed))
    case.session.close()
