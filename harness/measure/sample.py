"""One replicate: load, verify on several inputs, warm up, time, verify once more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness.components import Inputs, Model, Session
from harness.jobs import CaseJob, Channel, SampleResult
from harness.measure import devices, engine, reference, seeds, state
from harness.measure.leaves import tensor_leaves
from harness.measure.verify import calls_needed, verify
from harness.records.events import Timing, Verification, pack_ns

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork

ROTATING = 4
"""How many bound sets of inputs the timed calls rotate through."""
PATIENCE_S = 2.0
"""Replicates after the first stop verifying further inputs once they have spent this long on it."""


class NotReproducible(Exception):
    """The model does not build or draw the same under the same seed."""


def take(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Measures one replicate and sends its result. Exceptions are the caller's."""
    known = reference.read(job.reference)
    raw = [work.raw_inputs(k) for k in range(calls_needed(work.case.batch_size))]
    _check_inputs(raw, known)
    synchronise = devices.synchroniser(work.device)
    channel.send("stage", "load")
    before = state.float32_modes()

    start = time.perf_counter()
    session = work.runner.load(work)
    if synchronise:
        synchronise()
    load_s = time.perf_counter() - start - work.drawing_s
    _check_weights(work, known)

    feeds = [session.bind(work.ready_inputs(r)) for r in raw]
    caller = _Caller(session, work, synchronise)
    channel.send("stage", "verify")
    outputs, first_s = caller.outputs(feeds, patience=PATIENCE_S if job.replicate else None)
    verification, warnings = _verified(outputs, known, job)
    if verification is not None:
        channel.send("verification", verification)

    channel.send("stage", "measure")
    budget = _budget(job)
    subject = engine.Subject(session, feeds[:ROTATING], synchronise, session.events, caller.reset)
    measured = engine.measure(subject, budget)

    again, _ = caller.outputs(feeds[:1])
    after, more = _verified([again[0], *outputs[1:]], known, job)
    if verification is not None and after is not None and verification.passed and not after.passed:
        reason = f"right before the timed calls, wrong after them: {after.reason}"
        verification = Verification(**{**vars(after), "reason": reason})
        channel.send("verification", verification)
    facts = {**session.facts(), **_facts(work)}
    warnings += [w for w in more if w not in warnings]
    warnings += state.changes(before, facts["float32_modes"])
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
    channel.send(
        "result",
        SampleResult(load_s + first_s, load_s, timing, verification, facts, warnings, spoiled),
    )


class _Caller:
    """Calls a session untimed (but for the first call's duration) and keeps copies of its outputs."""

    def __init__(self, session: Session, work: CaseWork, synchronise: Any) -> None:
        self.session = session
        self.synchronise = synchronise
        stateful = type(work.model).reset is not Model.reset
        self.reset = work.reset if stateful else None

    def outputs(
        self, feeds: list[Any], patience: float | None = None
    ) -> tuple[list[list[torch.Tensor]], float]:
        """The leaves of each call's output on the CPU, and the seconds of the first call."""
        found: list[list[torch.Tensor]] = []
        first_s = 0.0
        begin = time.perf_counter()
        for feed in feeds:
            if found and patience is not None and time.perf_counter() - begin > patience:
                break
            if self.reset is not None:
                self.reset()
            start = time.perf_counter()
            raw = self.session(feed)
            if self.synchronise:
                self.synchronise()
            if not found:
                first_s = time.perf_counter() - start
            # Copied at once: the next call may write into the same buffers.
            found.append([t.detach().to("cpu", copy=True) for t in self.session.leaves(raw)])
        return found, first_s


def _budget(job: CaseJob) -> engine.Budget:
    block, blocks = job.settings.block_s, job.settings.blocks
    if job.planned.emulated:
        return engine.Budget.emulated(block, blocks)
    return engine.Budget(block=block, blocks=blocks)


def _check_inputs(raw: list[Inputs], known: reference.Reference | None) -> None:
    if known is None:
        return
    for number, inputs in enumerate(raw):
        if seeds.digest(tensor_leaves((inputs.args, inputs.kwargs))) != known.inputs[number]:
            raise NotReproducible(
                "the model's inputs differ from process to process under the same seed: "
                "draw them from torch's, numpy's or Python's global generator"
            )


def _check_weights(work: CaseWork, known: reference.Reference | None) -> None:
    ours = work.weights_digest
    if known is not None and ours is not None and ours != known.weights:
        raise NotReproducible(
            "the model's weights differ from process to process under the same seed: "
            "draw them from torch's, numpy's or Python's global generator"
        )


def _verified(
    outputs: list[list[torch.Tensor]], known: reference.Reference | None, job: CaseJob
) -> tuple[Verification | None, list[str]]:
    if known is None or known.precision == "none":
        return None, []
    planned = job.planned
    references = known.outputs[: len(outputs)]
    return verify(outputs, references, planned.case.batch_size, planned.tolerance, known.precision)


def _facts(work: CaseWork) -> dict[str, Any]:
    import torch

    return {
        "threads": torch.get_num_threads(),
        "float32_modes": state.float32_modes(),
        "weights_digest": work.weights_digest,
    }
