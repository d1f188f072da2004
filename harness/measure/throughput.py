"""Sustained throughput of one case: callers that never wait for anything but their answers.

On the CPU several threads call one session; on an accelerator one thread keeps two calls in flight. What
their call times say is in harness.measure.windows.
"""

from __future__ import annotations

import contextlib
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

from harness.answers import ThroughputResult
from harness.channel import Channel
from harness.jobs import ThroughputJob
from harness.measure.calls import Clock, quiet_collector, system_clock
from harness.measure.loaded import LoadedCase
from harness.measure.timed import PATIENCE_S, ROTATING, spoiled
from harness.measure.windows import LITTLE, Call, little, little_warning, window_rates
from harness.records.events import Saturated, Verification

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork

DEPTH = 2
"""Calls in flight on an accelerator: one runs while the next is launched."""
_LEFT_OVER = 1.5
"""Work on the device that outlasts its calls by more than so many of them was not waited for."""


@dataclass(frozen=True)
class Run:
    """What callers did while a session was saturated."""

    begin_ns: int
    """From here on every caller was at it."""
    times: list[array[int]]
    """For each caller, when its calls began and ended, in turn."""
    outputs: list[dict[int, list[torch.Tensor]]]
    """Outputs made beside other calls: the input's number -> tensors."""
    events: int = 0
    """Compilations meanwhile."""

    def calls(self) -> Iterator[Call]:
        """All calls of all callers."""
        for one in self.times:
            yield from zip(one[::2], one[1::2], strict=True)


@dataclass
class Subject:
    """What is saturated: a session, its bound inputs, and how an output is copied out."""

    session: Callable[[Any], Any]
    feeds: Sequence[Any]
    copies: Callable[[Any], list[torch.Tensor]]
    reset: Callable[[], None] | None = None
    events: Callable[[], int] = lambda: 0


class _Caller(threading.Thread):
    """Calls without a pause. Before and after, it keeps the outputs of a call on every input, made
    while the others call, too: somebody else's output shows in them.
    """

    def __init__(
        self,
        subject: Subject,
        number: int,
        together: threading.Barrier,
        stop: threading.Event,
        clock: Clock,
    ) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self._subject, self._together, self._stop_event, self._clock = subject, together, stop, clock
        count = len(subject.feeds)
        # Each begins with another input: two calls at a time are never the same.
        self._order = [(number + k) % count for k in range(count)]
        self.times: array[int] = array("q")
        self.outputs: list[dict[int, list[torch.Tensor]]] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._together.wait()
            self._keep()
            self._together.wait()
            self._saturate()
            self._keep()
        except threading.BrokenBarrierError:
            return
        except BaseException as error:
            self.error = error
            self._stop_event.set()
            self._together.abort()

    def _call(self, feed: Any) -> Any:
        if self._subject.reset is not None:
            self._subject.reset()
        return self._subject.session(feed)

    def _keep(self) -> None:
        feeds, copies = self._subject.feeds, self._subject.copies
        self.outputs.append({k: copies(self._call(feeds[k])) for k in self._order})

    def _saturate(self) -> None:
        subject, clock, stop, stamp = self._subject, self._clock, self._stop_event, self.times.append
        session, reset = subject.session, subject.reset
        for feed in cycle([subject.feeds[k] for k in self._order[:ROTATING]]):
            if reset is not None:
                reset()
            start = clock()
            output = session(feed)
            end = clock()
            del output
            stamp(start)
            stamp(end)
            if stop.is_set():
                return


def saturate(subject: Subject, callers: int, seconds: float, clock: Clock = system_clock) -> Run:
    """Calls a session from several threads at once for some seconds.

    Raises:
        what a call raises.
    """
    together, stop = threading.Barrier(callers + 1), threading.Event()
    threads = [_Caller(subject, k, together, stop, clock) for k in range(callers)]
    for thread in threads:
        thread.start()
    begin_ns, before = clock(), 0
    with contextlib.suppress(threading.BrokenBarrierError):
        together.wait()
        together.wait()
        begin_ns, before = clock(), subject.events()
        stop.wait(seconds)
    events = subject.events() - before
    stop.set()
    for thread in threads:
        thread.join()
    for thread in threads:
        if thread.error is not None:
            raise thread.error
    return Run(begin_ns, [t.times for t in threads], [o for t in threads for o in t.outputs], events)


def pipeline(
    subject: Subject,
    mark: Callable[[], Callable[[], None]],
    seconds: float,
    depth: int = DEPTH,
    clock: Clock = system_clock,
) -> Run:
    """Calls from one thread, with at most `depth` of them unfinished on the device.

    Args:
        mark: marks the work given to the device so far; what it returns waits for that mark.
    """
    times: array[int] = array("q")
    waiting: deque[tuple[int, Callable[[], None]]] = deque()
    before, begin_ns = subject.events(), clock()
    end_ns = begin_ns + round(seconds * 1e9)

    def take_oldest() -> None:
        start, finish = waiting.popleft()
        finish()
        times.extend((start, clock()))

    for feed in cycle(subject.feeds[:ROTATING]):
        while len(waiting) >= depth:
            take_oldest()
        if clock() >= end_ns:
            break
        if subject.reset is not None:
            subject.reset()
        start = clock()
        subject.session(feed)
        waiting.append((start, mark()))
    while waiting:
        take_oldest()
    return Run(begin_ns, [times], [], subject.events() - before)


# ---- a case ------------------------------------------------------------------------------------------


def take(work: CaseWork, job: ThroughputJob, channel: Channel) -> None:
    """Loads the case, saturates it for some windows after a ramp, and sends what it did."""
    on_cpu = work.device.type == "cpu"
    if on_cpu:
        work.threads = threads_each(work.case.threads, job.callers)
        work.configure()
    case = LoadedCase(work, job.case)
    channel.send("stage", "load")
    case.load()
    channel.send("stage", "verify")
    alone = case.outputs(case.feeds, patience_s=PATIENCE_S)
    verification, warnings = case.verified(alone)
    channel.send("stage", "throughput")
    leaves = case.session.leaves
    subject = Subject(
        case.session,
        # A slow case is not verified on all of its inputs again, but still on several.
        case.feeds[: max(len(alone), ROTATING)],
        lambda raw: [t.detach().to("cpu", copy=True) for t in leaves(raw)],
        case.reset,
        case.session.events,
    )
    seconds = job.ramp_s + job.windows * job.window_s
    more: list[str] = []
    # What has a stream of its own, or a state to be reset, is waited for as a whole, call by call.
    depth = DEPTH if case.session.on_torch_stream and case.reset is None else 1
    with quiet_collector():
        if on_cpu:
            run = saturate(subject, job.callers, seconds)
        else:
            run, more = _on_device(case, subject, seconds, depth)
    found = summary(run, job, job.callers if on_cpu else depth, work.threads)
    if abs(found.little) > LITTLE:
        more.append(little_warning(found.little))
    verification, later = _verified(case, verification, alone, run.outputs)
    case.session.close()
    warnings = list(dict.fromkeys([*warnings, *more, *later]))
    channel.send("result", ThroughputResult(found, verification, warnings, spoiled(run.events)))


def summary(run: Run, job: ThroughputJob, under_way: int, threads: int) -> Saturated:
    """The windows of a run after its ramp, and the check on them.

    Args:
        under_way: how many calls were under way at any time.
        threads: of each caller.
    """
    window_ns = round(job.window_s * 1e9)
    begin_ns = run.begin_ns + round(job.ramp_s * 1e9)
    mean_ms, deviation = little(run.calls(), begin_ns, begin_ns + job.windows * window_ns, under_way)
    return Saturated(
        rates=window_rates(run.calls(), begin_ns, window_ns, job.windows, job.case.planned.items),
        window_s=job.window_s,
        callers=under_way,
        threads=threads,
        calls=sum(len(one) // 2 for one in run.times),
        mean_latency_ms=mean_ms,
        little=deviation,
    )


def threads_each(threads: int, callers: int) -> int:
    """The case's threads shared out among its callers, at least one each."""
    return max(1, threads // callers)


def _on_device(case: LoadedCase, subject: Subject, seconds: float, depth: int) -> tuple[Run, list[str]]:
    """Calls in flight, told apart by events on torch's current stream."""
    import torch

    index = case.work.device.index

    def mark() -> Callable[[], None]:
        if depth == 1 and case.synchronise is not None:
            return case.synchronise
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(index))
        finish: Callable[[], None] = event.synchronize
        return finish

    with torch.cuda.device(index):
        run = pipeline(subject, mark, seconds, depth)
        start = time.perf_counter()
        torch.cuda.synchronize(index)
        left_s = time.perf_counter() - start
        # In a row and without waiting in between: each output must be its own. Kept on the device, where
        # the copy comes before the next call: that may write into the same buffers, and is allowed to.
        kept = []
        for feed in subject.feeds[:depth] if depth > 1 else []:
            leaves = case.session.leaves(subject.session(feed))
            kept.append([t.detach().clone() for t in leaves])
        outputs = [{k: [t.to("cpu") for t in one] for k, one in enumerate(kept)}]
    typical_s = seconds * 2 / max(1, len(run.times[0]))
    warnings = []
    if left_s > _LEFT_OVER * typical_s + 1e-3:
        warnings.append(
            f"sustained: the device worked {left_s * 1e3:.3g} ms longer than its calls, which torch's "
            "stream does not see: the throughput is too high"
        )
    return replace(run, outputs=outputs), warnings


def _verified(
    case: LoadedCase,
    first: Verification | None,
    alone: list[list[torch.Tensor]],
    beside: list[dict[int, list[torch.Tensor]]],
) -> tuple[Verification | None, list[str]]:
    """The worst of the outputs of calls made alone and of those made beside others."""
    if first is None or not first.passed:
        return first, []
    worst = first
    said: list[str] = []
    for kept in beside:
        known = {**dict(enumerate(alone)), **kept}
        found, said = case.verified([known[k] for k in sorted(known)])
        if found is None:
            continue
        if not found.passed:
            return replace(found, reason=f"right alone, wrong beside other calls: {found.reason}"), said
        if (found.error or 0.0) > (worst.error or 0.0):
            worst = found
    return worst, said
