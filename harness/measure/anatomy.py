"""One inference taken apart, in a process that times nothing else: see `harness.records.anatomy`."""

from __future__ import annotations

import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.catalogue.loading import describe
from harness.jobs import AnatomyResult, CaseJob, Channel
from harness.measure import kernels
from harness.measure.categories import category
from harness.measure.demand import watch
from harness.measure.loaded import LoadedCase
from harness.measure.torchprofile import GRAPH
from harness.records.anatomy import CAST, COPY, GENERATED, OTHER, Anatomy, Demand, KernelUse, OperatorShare
from harness.records.profile import KERNEL, OperatorTime, Recording
from harness.runner import Profiling

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

SHOWN = 12
"""So many operators are told one by one."""
PLAIN_S, PROFILED_S = 0.25, 0.5
"""About how long calls are made for, with nothing watching and under the profiler."""
MOST_PLAIN, MOST_PROFILED = 200, 20
WARM_S = 0.1
"""Called so long before anything counts: first calls find caches cold and take new memory."""
SLOW_S = 1.0
"""Of a call that takes longer one is enough."""
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
    recording = _part("profile", notes, lambda: _profile(case, work, plain.seconds))
    facts = case.session.facts()
    ran = _part("kernels", notes, lambda: _kernels(case, work)) or []
    counted = _part("demand", notes, lambda: watch(work, case.session.weights_bytes()))
    demand, cast_shapes = counted if counted is not None else (None, Counter[str]())
    found = assemble(plain, recording, facts, demand, cast_shapes, ran, notes)
    channel.send("result", AnatomyResult(found))
    case.session.close()


def _warm(case: LoadedCase) -> None:
    end = time.monotonic() + WARM_S
    for number in range(MOST_PLAIN):
        case.call(case.feeds[number % len(case.feeds)])
        if number + 1 >= 2 * len(case.feeds) and (case.last_s > SLOW_S or time.monotonic() > end):
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
    if work.device.type != "cpu":
        return []
    return kernels.kernels(lambda: case.call(case.feeds[0]))[:_MOST_KERNELS]


def assemble(
    plain: Plain,
    recording: Recording | None,
    facts: dict[str, Any],
    demand: Demand | None,
    cast_shapes: Counter[str],
    ran: list[KernelUse],
    notes: list[str],
) -> Anatomy:
    """One inference from its pieces.

    Args:
        facts: of the session: whether code of its own is what runs beside the operators that a profiler sees.
        cast_shapes: of what the model casts: tells copies that change the format from those that do not.
    """
    shares: list[OperatorShare] = []
    outside = plain.ms
    profiled, device_ms, launches, busy, count = plain.ms, None, None, None, 0
    if recording is not None and recording.wall_us:
        count = len(recording.wall_us)
        profiled = statistics.median(recording.wall_us) / 1e3
        on_device = recording.kernels is not None
        shares = parts(recording, profiled - plain.ms, cast_shapes)
        outside = max(0.0, plain.ms - sum(s.ms for s in shares))
        if on_device and recording.kernels is not None:
            device_ms = sum(k.device_us for k in recording.kernels) / 1e3 / count
            launches = sum(k.calls for k in recording.kernels if k.kind == KERNEL) / count
            wall = sum(recording.wall_us)
            busy = recording.busy_us / wall if recording.busy_us is not None and wall else None
            ran = [
                KernelUse("CUDA", k.name, k.calls / count, k.device_us / 1e3 / count)
                for k in sorted(recording.kernels, key=lambda k: -k.device_us)[:_MOST_KERNELS]
            ]
        elif facts.get("generated_kernels"):
            own = _generated_ms(recording, outside)
            if own > 0:
                shares.append(
                    OperatorShare("generated code", GENERATED, float(facts["generated_kernels"]), own)
                )
                outside -= own
    calls = sum(s.calls for s in shares)
    totals: dict[str, float] = {}
    for share in shares:
        totals[share.category] = totals.get(share.category, 0.0) + share.ms
    return Anatomy(
        calls=count,
        plain_ms=plain.ms,
        profiled_ms=profiled,
        operators=shortened(shares),
        categories={k: v for k, v in sorted(totals.items(), key=lambda x: -x[1]) if v > 0},
        operator_calls=calls,
        outside_ms=outside,
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


def _generated_ms(recording: Recording, outside_ms: float) -> float:
    """Of the time outside operators, what a compiler's own code takes: no profiler sees it, but torch marks
    the call of each compiled graph, and what is around it.

    Marks are lengthened by the profiler like all else, so their shares of each other count.
    """
    graphs = sum(d.self_us for d in recording.dispatch if d.name == GRAPH)
    around = sum(d.self_us for d in recording.dispatch if d.name != GRAPH)
    if graphs:
        return outside_ms * graphs / (graphs + around)
    return max(0.0, outside_ms - around / 1e3 / max(1, len(recording.wall_us)))


def parts(recording: Recording, added_ms: float, cast_shapes: Counter[str]) -> list[OperatorShare]:
    """The operators of one inference with their own times.

    On the host, what the profiler adds to a call is spread evenly over the operators in it and taken
    off; on a device its kernels' times are used, which a profiler does not lengthen.

    Args:
        added_ms: by how much a profiled inference is longer than a plain one.
    """
    count = max(1, len(recording.wall_us))
    on_device = recording.kernels is not None
    total = sum(o.calls for o in recording.operators) / count
    each = 0.0 if on_device or not total else max(0.0, added_ms) / total
    left = Counter(cast_shapes)
    found = []
    for o in recording.operators:
        calls = o.calls / count
        own = o.self_device_us if on_device else o.self_cpu_us
        ms = max(0.0, own / 1e3 / count - each * calls)
        for share in _named(o, calls, ms, left):
            found.append(share)
    return found


def _named(o: OperatorTime, calls: float, ms: float, casts: Counter[str]) -> Iterable[OperatorShare]:
    """An operator with its category; a copy of a shape that is cast counts as the cast it is."""
    what = category(o.name)
    if (
        what == CAST
        and not casts
        and not o.name.rpartition("::")[2].lower().startswith(("cast", "dyn", "quant", "deq"))
    ):
        what = OTHER  # `to` that changes nothing
    if what == COPY:
        shape = o.shapes.split(",")[0].strip()
        known = min(calls, casts.get(shape, 0))
        if known and calls:
            casts[shape] -= int(known)
            yield OperatorShare(o.name, CAST, known, ms * known / calls, o.shapes)
            calls, ms = calls - known, ms * (1 - known / calls)
    if calls > 0:
        yield OperatorShare(o.name, what, calls, ms, o.shapes)


def shortened(shares: list[OperatorShare]) -> list[OperatorShare]:
    """The most expensive ones, and the others as one."""
    ordered = sorted(shares, key=lambda s: (-s.ms, s.name, s.shapes))
    rest = ordered[SHOWN:]
    if not rest:
        return ordered
    others = OperatorShare("others", OTHER, sum(s.calls for s in rest), sum(s.ms for s in rest))
    return [*ordered[:SHOWN], replace(others, shapes="")]
