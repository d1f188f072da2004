"""One replicate: load, verify on several inputs, warm up, time, verify once more."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from harness.jobs import CaseJob, Channel, SampleResult
from harness.measure import engine, steadiness
from harness.measure.device_time import CudaStream, DeviceTime, device_time
from harness.measure.loaded import LoadedCase
from harness.records.events import Timing, Verification, pack_ns

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

ROTATING = 4
"""How many bound sets of inputs the timed calls rotate through."""
PATIENCE_S = 2.0
"""Replicates after the first stop verifying further inputs once they have spent this long on it."""

_WARM_UP_WARNINGS = {
    steadiness.UNSTEADY: ["no steady state: its times still changed while they were taken"],
    steadiness.SLOWDOWN: ["a slowdown: its calls were quicker at first, or grew slower all the time"],
}


def take(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Measures one replicate and sends its result. Exceptions are the caller's."""
    case = LoadedCase(work, job)
    channel.send("stage", "load")
    case.load()

    channel.send("stage", "verify")
    outputs = case.outputs(case.feeds, patience_s=PATIENCE_S if job.replicate else None)
    verification, warnings = case.verified(outputs)
    if verification is not None:
        channel.send("verification", verification)

    channel.send("stage", "measure")
    session = case.session
    subject = engine.Subject(session, case.feeds[:ROTATING], case.synchronise, session.events, case.reset)
    measured = engine.measure(subject, _budget(job))
    on_device = _device_time(case, job)

    again = case.outputs(case.feeds[:1])
    after, more = case.verified([again[0], *outputs[1:]])
    if verification is not None and after is not None and verification.passed and not after.passed:
        reason = f"right before the timed calls, wrong after them: {after.reason}"
        verification = Verification(**{**vars(after), "reason": reason})
        channel.send("verification", verification)
    facts, changed = case.facts()
    warnings += [w for w in more if w not in warnings]
    warnings += changed
    warnings += _WARM_UP_WARNINGS.get(measured.warm_up, [])
    session.close()
    timing = Timing(
        calls_ns=pack_ns(measured.stamps_ns),
        blocks=measured.blocks,
        warm_up_calls=measured.warm_up_calls,
        warm_up_s=measured.warm_up_s,
        warm_up=measured.warm_up,
        calls_per_stamp=measured.calls_per_stamp,
        empty_ns=measured.empty_ns,
        noise=[block.noise for block in measured.timed if block.noise is not None],
        device_ns=on_device.blocks_ns if on_device else [],
        device_note=on_device.note if on_device else None,
    )
    spoiled = None
    if measured.events:
        spoiled = f"it compiled or tuned {measured.events} times while calls were timed"
    ready_s = case.load_s + case.first_s
    channel.send(
        "result",
        SampleResult(ready_s, case.load_s, timing, verification, facts, warnings, spoiled),
    )


def _device_time(case: LoadedCase, job: CaseJob) -> DeviceTime | None:
    """Of a case on CUDA; None elsewhere."""
    device = case.work.device
    if device.type != "cuda":
        return None
    if not case.session.on_torch_stream:
        return DeviceTime([], "its runtime has a stream of its own: no device time apart")
    if case.reset is not None:
        return DeviceTime([], "the model is reset before every call: no device time apart")
    feeds = cycle(case.feeds[:ROTATING])
    with engine.quiet_collector():
        blocks = job.settings.blocks
        return device_time(CudaStream(device.index), lambda: case.session(next(feeds)), blocks)


def _budget(job: CaseJob) -> engine.Budget:
    block, blocks = job.settings.block_s, job.settings.blocks
    if job.planned.emulated:
        return engine.Budget.emulated(block, blocks)
    return engine.Budget(block=block, blocks=blocks)
