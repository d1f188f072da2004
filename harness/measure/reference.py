"""The reference: the model's output in eager float64 on the same weights and inputs; of a file that no module
can be made of, its own output.

Made once for a model and batch size, on the CPU whatever the case's device, in a process of its own;
every replicate of every case reads it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.answers import ReferenceResult
from harness.catalogue.adopted import Adopted
from harness.channel import Channel
from harness.components import Model
from harness.jobs import CaseJob
from harness.measure import seeds, state
from harness.measure.leaves import copied, tensor_leaves
from harness.measure.verify import calls_needed

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork


@dataclass(frozen=True)
class Reference:
    """Outputs of some calls on different inputs, in float64 (or what the reason says)."""

    precision: str
    outputs: list[list[torch.Tensor]]
    inputs: list[str]
    """A digest of the inputs of each call."""
    weights: str


def make(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Computes the reference of the case's model and batch size and writes it where the job says."""
    import torch

    channel.send("stage", "reference")
    count = calls_needed(work.case.batch_size)
    module = work.raw_module()
    weights = seeds.digest([*module.parameters(), *module.buffers()])
    warnings: list[str] = []
    precision = "float64"
    if isinstance(work.model, Adopted) and work.model.format:
        precision = work.model.dtype
        warnings.append("the reference is the file itself, node by node, in the formats that it has")
        outputs, digests = _outputs(work, module, count)
    else:
        try:
            outputs, digests = _outputs(work, module.double(), count, torch.float64)
        except Exception as error:
            from harness.catalogue.loading import describe

            precision = "float32"
            warnings.append(f"the reference is float32, since float64 failed: {describe(error)}")
            outputs, digests = _outputs(work, work.raw_module(), count, torch.float32)
    if outputs is None:
        precision, outputs = "none", []
        warnings.append("the model has no reference: nothing was verified")
    stored = {"precision": precision, "outputs": outputs, "inputs": digests, "weights": weights}
    # Whole or not there: whatever ends this process, no case is held against half of a reference.
    part = f"{job.reference}.part"
    torch.save(stored, part)
    os.replace(part, job.reference)
    channel.send("result", ReferenceResult(precision, warnings))


def _outputs(
    work: CaseWork, module: torch.nn.Module, count: int, dtype: torch.dtype | None = None
) -> tuple[list[list[torch.Tensor]] | None, list[str]]:
    """The outputs of so many calls, or None if the model says that it has none, and digests of their inputs,
    of which only one set is held at a time.

    Args:
        dtype: what floating-point inputs are cast to; None for a file, which takes what it says alone.
    """
    import torch

    outputs: list[list[torch.Tensor]] | None = []
    digests = []
    for number in range(count):
        inputs = work.raw_inputs(number)
        digests.append(seeds.digest(tensor_leaves((inputs.args, inputs.kwargs))))
        if outputs is None:
            continue
        with torch.inference_mode():
            work.model.reset(module)
            cast = inputs.map(lambda t: t.to(dtype) if dtype and t.is_floating_point() else t)
            with state.set_back([], "the model"):  # told where the case itself is called
                raw = work.model.reference(work.params, module, cast)
            if raw is None and type(work.model).reference is not Model.reference:
                outputs = None  # the model says so; one whose forward returns nothing has an empty output
                continue
            outputs.append([copied(leaf) for leaf in tensor_leaves(raw)])
    return outputs, digests


def read(path: str) -> Reference | None:
    """The reference another process made; None if there is none."""
    import torch

    if not Path(path).is_file():
        return None
    # weights_only: the file holds tensors and plain values, and nothing in it is ever executed. Mapped, since
    # a reference may be larger than all else, and is read once.
    stored = torch.load(path, weights_only=True, mmap=True)
    return Reference(stored["precision"], stored["outputs"], stored["inputs"], stored["weights"])
