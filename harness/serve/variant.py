"""The model in one precision: its sessions by batch size, and one call with inputs of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.components import Inputs
from harness.errors import Unsupported
from harness.measure.loaded import LoadedCase
from harness.records.events import Verification
from harness.serve.template import Template

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Answered:
    """One call's outcome."""

    leaves: list[torch.Tensor]
    """The output's tensors, on the CPU."""
    latency_ms: float
    """The synchronised call alone: inputs already on the device, output left there."""
    batch_size: int
    padded_to: int | None
    """The size the batch was filled up to, where the session takes one size alone."""
    precision: str


class NotPadded(Unsupported):
    """There is no session for this batch size, and the batch must not be filled up to another."""


class Variant:
    """What answers for one precision.

    Args:
        precision: its own name.
        cases: loaded cases by batch size; they share one session where `fixed` is false.
        fixed: each session takes its own batch size alone.
        exact_only: why a batch must not be padded, if so.
        verification: the worst one of the cases; None where the model has no reference.
    """

    def __init__(
        self,
        precision: str,
        cases: dict[int, LoadedCase],
        fixed: bool,
        exact_only: str | None,
        verification: Verification | None,
    ) -> None:
        self.precision = precision
        self.cases = cases
        self.fixed = fixed
        self.exact_only = exact_only
        self.verification = verification

    @property
    def base(self) -> LoadedCase:
        """The case loaded first."""
        return next(iter(self.cases.values()))

    def run(self, inputs: Inputs, count: int, template: Template) -> Answered:
        """Calls the model once with `count` samples: float32 inputs on the CPU, in any case.

        Raises:
            NotPadded: the batch would have to be padded, and this model allows none.
        """
        size = count
        case = self.base
        if self.fixed:
            size = min(n for n in self.cases if n >= count)
            case = self.cases[size]
            if size != count:
                if self.exact_only:
                    sizes = ", ".join(map(str, sorted(self.cases)))
                    raise NotPadded(f"{self.exact_only}: batches of {sizes} alone")
                inputs = template.padded(inputs, count, size)
        raw = case.call(case.session.bind(case.work.ready_inputs(inputs)))
        # Copied at once: the next call may write into the same buffers.
        leaves = [t.detach().to("cpu", copy=True) for t in case.session.leaves(raw)]
        if size != count:
            leaves = [t[:count] for t in leaves]
        return Answered(leaves, case.last_s * 1e3, count, size if size != count else None, self.precision)

    def close(self) -> None:
        for case in self.cases.values():
            case.session.close()
