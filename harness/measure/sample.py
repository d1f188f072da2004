"""One replicate: load, verify on several inputs, warm up, time, verify once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.jobs import CaseJob, Channel, SampleResult
from harness.measure import engine
from harness.measure.loaded import LoadedCase
from harness.records.events import Timing, Verification, pack_ns

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

ROTATING = 4
"""How many bound sets of inputs the timed calls rotate through."""
PATIENCE_S = 2.0
"""Replicates after the first stop verifying further inputs once they have spent this long on it."""


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

    again = case.outputs(case.feeds[:1])
    after, more = case.verified([again[0], *outputs[1:]])
    if verification is not None and after is not None and verification.passed and not after.passed:
        reason = f"right before the timed calls, wrong after them: {after.reason}"
        verification = Verification(**{**vars(after), "reason": reason})
        channel.send("verification", verification)
    facts, changed = case.facts()
    warnings += [w for w in more if w not in warnings]
    warnings += changed
    if measured.warm_up == engine.UNSTEADY:
        warnings.append("no steady state within the warm-up's limit")
    session.close()
    timing = Timing(
        calls_ns=pack_ns(measured.calls_ns),
        blocks=measured.blocks,
        warm_up_calls=measured.warm_up_calls,
        warm_up_s=measured.warm_up_s,
        warm_up=measured.warm_up,
    )
    spoiled = None
    if measured.events:
        spoiled = f"it compiled or tuned {measured.events} times while calls were timed"
    ready_s = case.load_s + case.first_s
    channel.send(
        "result",
        SampleResult(ready_s, case.load_s, timing, verification, facts, warnings, spoiled),
    )


def _budget(job: CaseJob) -> engine.Budget:
    block, blocks = job.settings.block_s, job.settings.blocks
    if job.planned.emulated:
        return engine.Budget.emulated(block, blocks)
    return engine.Budget(block=block, blocks=blocks)
