"""One inference: what goes in and comes out, how right it is, what memory it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.channel import Channel
from harness.jobs import CaseJob
from harness.measure import devices
from harness.measure.leaves import tensor_leaves
from harness.measure.loaded import LoadedCase
from harness.measure.tracker import MIB, MemoryTracker
from harness.records.inference import Inference, Tensor, Usages

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork


def take(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Loads the case, calls it once and once more, verifies it, and sends what was seen."""
    case = LoadedCase(work, job)
    place = devices.torch_device(work.device)
    channel.send("stage", "load")
    with MemoryTracker(place) as loading:
        case.load()
        case.call(case.feeds[0])
    channel.send("stage", "verify")
    with MemoryTracker(place) as calling:
        output = case.call(case.feeds[0])
    outputs = tensors(case.session.leaves(output))
    del output
    verification, warnings = case.verified(case.outputs(case.feeds))
    facts, changed = case.facts()
    weights = case.session.weights_bytes()
    inputs = work.inputs
    channel.send(
        "result",
        Inference(
            inputs=tensors(tensor_leaves((inputs.args, inputs.kwargs))),
            outputs=outputs,
            loading=_usages(loading),
            calling=_usages(calling),
            load_s=case.load_s,
            ready_s=case.load_s + case.first_s,
            verification=verification,
            weights_mib=None if weights is None else weights / MIB,
            facts=facts,
            warnings=warnings + changed,
        ),
    )
    case.session.close()


def tensors(leaves: list[Any]) -> list[Tensor]:
    """Shapes, types and places of some tensors."""
    return [Tensor(list(t.shape), str(t.dtype).removeprefix("torch."), str(t.device)) for t in leaves]


def _usages(tracker: MemoryTracker) -> Usages:
    return Usages(tracker.host, tracker.allocated, tracker.reserved)
