"""Does a case really run under its runner? Calls it, with other batch sizes too, and reads what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.catalogue.loading import describe
from harness.channel import Channel
from harness.errors import Unsupported
from harness.jobs import CheckJob
from harness.measure.loaded import LoadedCase
from harness.records.check import Check, OtherBatch
from harness.records.events import Verification

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork

ROUNDS = 3
"""How often the calls on all inputs are repeated: state that changes from call to call shows."""


def take(work: CaseWork, job: CheckJob, channel: Channel) -> None:
    """Loads and calls the case, reads its facts and problems, and sends them."""
    case = LoadedCase(work, job.case)
    channel.send("stage", "load")
    case.load()
    channel.send("stage", "verify")
    verification: Verification | None = None
    warnings: list[str] = []
    failure: str | None = None
    calls = 0
    try:
        verification, warnings = case.verified(case.outputs(case.feeds))
        calls = len(case.feeds)
        for feed in case.feeds * (ROUNDS - 1):
            case.call(feed)
            calls += 1
    except Unsupported:
        raise
    except Exception as error:
        if not case.session.problems():
            raise
        # What the runner says of itself (a recompilation at every call, say) is likely to be the cause.
        failure = describe(error)
    channel.send("stage", "other batch sizes")
    others = [_other(case, size) for size in job.other_batches] if failure is None else []
    facts, changed = case.facts()
    channel.send(
        "result",
        Check(
            calls=calls,
            problems=case.session.problems(),
            facts=facts,
            load_s=case.load_s,
            ready_s=case.load_s + case.first_s,
            failure=failure,
            verification=verification,
            other_batches=others,
            warnings=warnings + changed,
        ),
    )
    case.session.close()


def _other(case: LoadedCase, batch_size: int) -> OtherBatch:
    work = case.work
    try:
        feed = case.session.bind(work.ready_inputs(work.raw_inputs(0, batch_size)))
        for _ in range(2):
            case.call(feed)
    except Exception as error:
        return OtherBatch(batch_size, describe(error))
    return OtherBatch(batch_size, None)
