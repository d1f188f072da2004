"""A case in this process: inputs drawn, loaded, called, held against the reference, facts read back.

Every job that needs a session goes this way: a timed replicate, a single inference, a profile, a
check, the service.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from harness.components import Inputs, Model
from harness.jobs import CaseJob
from harness.measure import devices, reference, seeds, state, values
from harness.measure.calls import check_clocks
from harness.measure.leaves import copied, tensor_leaves
from harness.measure.nominal import in_name_only
from harness.measure.verify import calls_needed, verify
from harness.records.events import Verification
from harness.runner import Session

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork


class NotReproducible(Exception):
    """The model does not build or draw the same under the same seed."""


class LoadedCase:
    """A case with its inputs; `load` makes its session.

    Args:
        work: the case's components.
        job: names the reference that another process made, if any.
        sets: how many sets of inputs to draw; as many as verification needs by default.

    Raises:
        NotReproducible: the model draws other inputs than in the reference's process.
    """

    session: Session
    feeds: list[Any]
    """The bound sets of inputs, once loaded."""

    def __init__(self, work: CaseWork, job: CaseJob, sets: int | None = None) -> None:
        self.work = work
        if int(work.model.items(work.params, work.case.batch_size)) < 1:
            raise ValueError(f"{work.case.model}.items() must be at least 1")
        self._planned = job.planned
        self._modes = state.modes()
        self._known = reference.read(job.reference)
        count = sets or calls_needed(work.case.batch_size)
        self.raw = [work.raw_inputs(k) for k in range(count)]
        self._digests = [_digest(inputs) for inputs in self.raw]
        _check_inputs(self._digests, self._known)
        self.synchronise = devices.synchroniser(work.device)
        stateful = type(work.model).reset is not Model.reset
        self.reset = work.reset if stateful else None
        self.load_s = 0.0
        """Seconds of loading, without drawing random weights."""
        self.first_s = 0.0
        """Seconds of the first call."""
        self.last_s = 0.0
        """Seconds of the latest call."""
        self._called = False

    def load(self) -> None:
        """Lets the runner load the case, and binds the inputs.

        Raises:
            NotReproducible: the weights are not those of the reference.
        """
        start = time.perf_counter()
        session = self.work.runner.load(self.work)
        if not isinstance(session, Session):
            raise TypeError(
                f"{self.work.case.runner}.load() must return a harness.Session, not {type(session).__name__}"
            )
        self.session = session
        if self.synchronise:
            self.synchronise()
        self.load_s = time.perf_counter() - start - self.work.drawing_s
        _check_weights(self.work, self._known)
        self._bind()

    def adopt(self, other: LoadedCase) -> None:
        """Takes the session of a loaded case that differs in the batch size alone, instead of loading.

        For runners whose sessions take any batch size: one session is held against the references of
        several.
        """
        self.session, self.reset, self._modes = other.session, other.reset, other._modes
        self._bind()

    def _bind(self) -> None:
        ready = [self.work.ready_inputs(r) for r in self.raw]
        # Read from what is really passed on: elsewhere than in float32 on the CPU it is a copy.
        self._ready = [(inputs, _digest(inputs)) for inputs in ready]
        self.feeds = [self.session.bind(inputs) for inputs in ready]

    def inputs_changed(self) -> bool:
        """Whether what goes in is no longer what was drawn."""
        return any(_digest(inputs) != before for inputs, before in self._ready)

    def call(self, feed: Any) -> Any:
        """One call to the end of its work on the device; how long the first and the last one took is
        kept.
        """
        if self.reset is not None:
            self.reset()
        start = time.perf_counter()
        raw = self.session(feed)
        if self.synchronise:
            self.synchronise()
        self.last_s = time.perf_counter() - start
        if not self._called:
            self.first_s = self.last_s
            self._called = True
        return raw

    def outputs(self, feeds: list[Any], patience_s: float | None = None) -> list[list[torch.Tensor]]:
        """The leaves of each call's output on the CPU; after `patience_s` no further call is begun."""
        found: list[list[torch.Tensor]] = []
        begin = time.perf_counter()
        for feed in feeds:
            if found and patience_s is not None and time.perf_counter() - begin > patience_s:
                break
            # Copied at once: the next call may write into the same buffers.
            leaves = self.session.leaves(self.call(feed))
            found.append([copied(t) for t in leaves])
        return found

    def verified(self, outputs: list[list[torch.Tensor]]) -> tuple[Verification | None, list[str]]:
        """The outputs of the first calls against the reference; None where there is none."""
        known, planned = self._known, self._planned
        if known is None or known.precision == "none":
            return None, []
        found, warnings = verify(
            outputs, known.outputs, planned.case.batch_size, planned.tolerance, known.precision
        )
        nominal = in_name_only(self.work.precision.dtype, found.error if found is not None else None)
        return found, [*warnings, *([nominal] if nominal else [])]

    def facts(self) -> tuple[dict[str, Any], list[str]]:
        """What really ran, read after the last call, and warnings about modes that were changed.

        Raises:
            RuntimeError: the clocks are not those that Python came with.
        """
        import torch

        check_clocks()
        modes = state.modes()
        facts = {
            **self.work.precision.facts(),
            **self.session.facts(),
            "threads": torch.get_num_threads(),
            "float32_modes": state.float32_modes(),
            "weights_digest": self.work.weights_digest,
        }
        changed = [*self.work.mode_changes, *state.changes(self._modes, modes)]
        return facts, [*changed, *self._oddities(facts["threads"])]

    def _oddities(self, threads: int) -> list[str]:
        """What a reader should know of a model that does more than compute."""
        found = []
        if threads != self.work.threads:
            found.append(
                f"the model or runner changed the number of threads: {self.work.threads} -> {threads}"
            )
        if self.inputs_changed():
            found.append("the model changes its inputs in place: later calls saw other ones")
        found += [said for said in self._values() if said is not None]
        size = self.work.case.batch_size
        shapes = [tuple(t.shape) for t in tensor_leaves((self.raw[0].args, self.raw[0].kwargs))]
        if shapes and not any(shape[:1] == (size,) for shape in shapes):
            found.append(
                f"no input has the batch size {size} as its first axis: throughput counts it all the same"
            )
        return found

    def _values(self) -> list[str | None]:
        """Of inputs as they were drawn, and of weights as the model builds them where a module was made."""
        inputs = [t for raw in self.raw for t in tensor_leaves((raw.args, raw.kwargs))]
        return [values.constant(inputs), values.subnormal("inputs", inputs), self.work.subnormal_weights]


def _digest(inputs: Inputs) -> str:
    return seeds.digest(tensor_leaves((inputs.args, inputs.kwargs)))


def _check_inputs(digests: list[str], known: reference.Reference | None) -> None:
    if known is not None and any(a != b for a, b in zip(digests, known.inputs, strict=False)):
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
