"""One replicate: load, verify on several inputs, warm up, time, verify once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.answers import SampleResult
from harness.channel import Channel
from harness.jobs import CaseJob
from harness.measure import engine
from harness.measure.calls import quiet_collector
from harness.measure.timed import TimedCase, spoiled
from harness.records.events import Timing
from harness.records.packed import pack_ns

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork


def take(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Measures one replicate and sends its result. Exceptions are the caller's."""
    timed = TimedCase(work, job, channel)
    measured = engine.measure(timed.subject(), timed.budget(), audit=timed.audit())
    timer = timed.device_timer()
    on_device = None
    if timer is not None:
        with quiet_collector():
            on_device = timer(job.settings.blocks)
    facts = timed.finish(measured.warm_up)
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
    channel.send(
        "result",
        SampleResult(
            ready_s=timed.ready_s,
            load_s=timed.case.load_s,
            timing=timing,
            verification=timed.verification,
            facts=facts,
            warnings=timed.warnings,
            spoiled=spoiled(measured.events),
        ),
    )
