"""One side of a pair: loaded, verified and warmed up, it times a block whenever it is told to.

Between blocks the parent freezes it, so that the other side has the machine to itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.answers import ArmBlock, ArmResult, ArmWarm
from harness.channel import Channel
from harness.jobs import ArmJob
from harness.measure import engine
from harness.measure.calls import quiet_collector
from harness.measure.timed import TimedCase
from harness.records.packed import pack_ns

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

BLOCK, END = "block", "end"
"""The commands."""
AFTER_PAUSE_S = 0.02
"""Calls are made and forgotten for so long after a pause: caches, clocks and pools wake up."""


def take(work: CaseWork, job: ArmJob, channel: Channel) -> None:
    """Takes part in one pair. Exceptions are the caller's."""
    timed = TimedCase(work, job.case, channel)
    if job.cpu is not None:
        # This thread alone, which makes the calls; pools keep the processors they have.
        os.sched_setaffinity(0, {job.cpu})
    timer = timed.device_timer()
    notes: list[str] = []
    blocks: list[engine.Block] = []
    timing = engine.Engine(timed.subject(), timed.budget(), audit=timed.audit())
    with quiet_collector():
        timing.warm_up()
        channel.send(
            "warm",
            ArmWarm(timing.warm_up_calls, timing.warm_up_s, timing.inner, timing.empty_ns),
        )
        while (command := channel.command()) == BLOCK:
            timing.discard(AFTER_PAUSE_S)
            block = timing.block()
            device = timer(1) if timer else None
            blocks.append(block)
            if device and device.note:
                notes = [device.note]
            on_device = device.blocks_ns[0] if device and device.blocks_ns else None
            channel.send("block", ArmBlock(pack_ns(block.stamps_ns), block.events, block.noise, on_device))
    if command != END:
        return
    warm_up = timing.steadiness(blocks)
    facts = timed.finish(warm_up)
    channel.send(
        "result",
        ArmResult(
            ready_s=timed.ready_s,
            load_s=timed.case.load_s,
            warm_up=warm_up,
            device_note=notes[0] if notes else None,
            verification=timed.verification,
            facts=facts,
            warnings=timed.warnings,
        ),
    )
