"""One inference taken apart, in a process that times nothing else: see `harness.records.anatomy`."""

from __future__ import annotations

import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.answers import AnatomyResult
from harness.catalogue.loading import describe
from harness.channel import Channel
from harness.jobs import CaseJob
from harness.measure import kernels
from harness.measure.demand import watch
from harness.measure.loaded import LoadedCase
from harness.measure.parts import Parts, divided, shortened, totals
from harness.records.anatomy import Anatomy, Demand, KernelUse
from harness.records.profile import KERNEL, Recording
from harness.runner import Profiling

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

PLAIN_S, PROFILED_S = 0.25, 0.5
"""About how long calls are made for, with nothing watching and under the profiler."""
MOST_PLAIN, MOST_PROFILED = 200, 20
WARM_S = 0.1
"""Called so long before anything counts: first calls find caches cold and take new memory."""
SLOW_S = 1.0
"""Of a call that takes longer one is enough."""
TOO_SLOW_S = 10.0
"""A call that takes longer is not called under a profiler, which would take three of them."""
_MOST_KERNELS = 6


def take(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Loads the case, calls it and sends what one call consists of. What a part cannot find is a note."""
    case = LoadedCase(work, job, sets=2)
    channel.send("stage", "load")
    case.load()
    channel.send("stage", "measure")
    _warm(case)
    plain = Plain(case)
    notes: list[str] = []
    recording, ran = None, None
    if plain.seconds <= TOO_SLOW_S:
        recording = _part("profile", notes, lambda: _profile(case, work, plain.seconds))
        ran = _part("kernels", notes, lambda: _kernels(case, work))
    else:
        notes.append(f"not profiled: a call takes {plain.seconds:.0f} s")
    facts = case.session.facts()
    counted = None
    if not work.model.format:  # a file asks nothing of torch that could be counted
        counted = _part("demand", notes, lambda: watch(work, case.session.weights_bytes()))
    demand, casts = counted if counted is not None else (None, Counter[str]())
    found = assemble(plain, recording, facts, demand, casts, ran or [], notes)
    channel.send("result", AnatomyResult(found))
    case.session.close()


def _warm(case: LoadedCase) -> None:
    end = time.monotonic() + WARM_S
    for number in range(MOST_PLAIN):
        case.call(case.feeds[number % len(case.feeds)])
        if case.last_s > SLOW_S or (number + 1 >= 2 * len(case.feeds) and time.monotonic() > end):
            return


class Plain:
    """Calls with nothing watching, and what the kernel says of them."""

    def __init__(self, case: LoadedCase) -> None:
        first = case.last_s
        count = 1 if first > SLOW_S else max(3, min(MOST_PLAIN, int(PLAIN_S / max(first, 1e-6))))
        times = []
        before = _usage()
        for number in range(count):
            case.call(case.feeds[number % len(case.feeds)])
            times.append(case.last_s)
        spent = [(b - a) / count for a, b in zip(before, _usage(), strict=True)]
        self.seconds = statistics.median(times)
        self.ms = self.seconds * 1e3
        # Means, since counters have no median; put on the scale of the median call.
        scale = self.seconds / statistics.fmean(times) if times else 1.0
        self.cpu_ms, self.caller_cpu_ms = spent[0] * scale * 1e3, spent[1] * scale * 1e3
        self.page_faults, self.waits = spent[2], spent[3]


def _usage() -> tuple[float, float, float, float]:
    """Processor time of process and thread (s), minor faults, the thread's voluntary switches."""
    whole = resource.getrusage(resource.RUSAGE_SELF)
    thread = resource.getrusage(resource.RUSAGE_THREAD)
    return time.process_time(), time.thread_time(), whole.ru_minflt, thread.ru_nvcsw


def _part(name: str, notes: list[str], find: Callable[[], Any]) -> Any:
    """What `find` finds; where it fails, a note and None: the other parts stand."""
    try:
        return find()
    except Exception as error:
        notes.append(f"no {name}: {describe(error)}"[:300])
        return None


def _profile(case: LoadedCase, work: CaseWork, call_s: float) -> Recording:
    calls = 1 if call_s > SLOW_S else max(3, min(MOST_PROFILED, int(PROFILED_S / max(call_s, 1e-6))))

    def inferences(count: int) -> Iterator[Callable[[], None]]:
        for number in range(count):
            feed = case.feeds[number % len(case.feeds)]
            if case.reset is not None:
                case.reset()

            def call(feed: object = feed) -> None:
                case.session(feed)
                if case.synchronise:
                    case.synchronise()

            yield call

    trace = Path(work.dir) / "anatomy-trace.json"
    try:
        return case.session.profile(Profiling(calls, inferences, work.device, trace, lines=False, about={}))
    finally:
        trace.unlink(missing_ok=True)


def _kernels(case: LoadedCase, work: CaseWork) -> list[KernelUse]:
    own = case.session.kernels()
    if own or work.device.type != "cpu":
        return own[:_MOST_KERNELS]
    return kernels.kernels(lambda: case.call(case.feeds[0]))[:_MOST_KERNELS]


def assemble(
    plain: Plain,
    recording: Recording | None,
    facts: dict[str, Any],
    demand: Demand | None,
    casts: Counter[str],
    ran: list[KernelUse],
    notes: list[str],
) -> Anatomy:
    """One inference from its pieces.

    Args:
        facts: of the session: whether it runs code of its own making.
        casts: shape -> how many tensors of it the model casts.
    """
    count, device_ms, launches, busy = 0, None, None, None
    found = Parts([], plain.ms, plain.ms)
    if recording is not None and recording.wall_us:
        count = len(recording.wall_us)
        generated = facts.get("generated_kernels")
        found = divided(recording, plain.ms, casts, generated if isinstance(generated, int) else 0)
        notes = [*notes, *recording.notes]
        if recording.kernels is not None:
            device_ms = sum(k.device_us for k in recording.kernels) / 1e3 / count
            launches = sum(k.calls for k in recording.kernels if k.kind == KERNEL) / count
            wall = sum(recording.wall_us)
            busy = recording.busy_us / wall if recording.busy_us is not None and wall else None
            ran = [
                KernelUse("CUDA", k.name, k.calls / count, k.device_us / 1e3 / count)
                for k in sorted(recording.kernels, key=lambda k: -k.device_us)[:_MOST_KERNELS]
            ]
    return Anatomy(
        calls=count,
        plain_ms=plain.ms,
        profiled_ms=found.profiled_ms,
        operators=shortened(found.operators),
        categories=totals(found.operators),
        operator_calls=sum(s.calls for s in found.operators),
        outside_ms=found.outside_ms,
        cpu_ms=plain.cpu_ms,
        caller_cpu_ms=plain.caller_cpu_ms,
        page_faults=plain.page_faults,
        waits=plain.waits,
        kernels=ran,
        device_ms=device_ms,
        launches=launches,
        busy_share=busy,
        demand=demand,
        notes=notes,
    )
