"""Loads a case at all the batch sizes the service needs, and holds each against its reference."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.answers import ReferenceResult
from harness.channel import Channel
from harness.errors import WrongOutput
from harness.jobs import CaseJob
from harness.measure import reference
from harness.measure.loaded import LoadedCase
from harness.measure.prepare import CaseWork
from harness.measure.timed import PATIENCE_S, ROTATING
from harness.measure.verify import verify
from harness.records.case import PlannedCase
from harness.records.events import Verification
from harness.records.settings import Settings
from harness.serve.gate import Closed
from harness.serve.settings import ServeSettings
from harness.serve.variant import Variant

Planner = Callable[[list[int]], dict[int, PlannedCase]]
log = logging.getLogger("harness.serve")

WARM = (2, 3, 1)
"""Sizes at which a session that takes any is called first. What compiles for a shape makes one general
version when it sees a second size, and a special one for a single sample."""
PROBES = (5, 7, 12)
"""Sizes at which it then must not compile any more."""


class Loader:
    """Makes variants; see `variant`."""

    def __init__(self, settings: ServeSettings, folder: str, stopped: threading.Event) -> None:
        self._settings = settings
        self._stopped = stopped
        self._folder = Path(folder)
        self._said: set[str] = set()

    def note(self, text: str, level: int = logging.WARNING) -> None:
        """Says something once."""
        if text not in self._said:
            self._said.add(text)
            log.log(level, "%s", text)

    def variant(self, plan: Planner) -> Variant:
        """The case in one precision, ready for every batch size up to the limit.

        Raises:
            Unsupported: it cannot run here.
            WrongOutput: its output is not what the reference says.
        """
        sizes = [n for n in dict.fromkeys((*WARM, self._settings.max_batch)) if n <= self._settings.max_batch]
        planned = plan(sizes)
        runner = CaseWork(self._job(planned[1])).runner
        if runner.batch == "any":
            found = self._any(planned)
            if found is not None:
                return found
            self.note("it compiles anew for each batch size: batches are padded to powers of two")
        return self._fixed(plan(powers(self._settings.max_batch)))

    # -- sessions that take any batch size --------------------------------------------------------

    def _any(self, planned: dict[int, PlannedCase]) -> Variant | None:
        """One session, called at several sizes; None where it goes on compiling at others."""
        base: LoadedCase | None = None
        cases: dict[int, LoadedCase] = {}
        checks: list[Verification | None] = []
        for size, one in planned.items():
            case = self._with_reference(one)
            if base is None:
                base = case
                base.load()
            else:
                case.adopt(base)
            checks.append(self._checked(case, one))
            cases[size] = case
        assert base is not None
        before = base.session.events()
        for size in (n for n in PROBES if n < self._settings.max_batch and n not in cases):
            inputs = base.work.ready_inputs(base.work.raw_inputs(0, size))
            base.call(base.session.bind(inputs))
        if base.session.events() != before:
            base.session.close()
            return None
        return Variant(base.work.case.precision, cases, False, None, _worst(checks))

    def adopted(self, variant: Variant, planned: PlannedCase) -> LoadedCase:
        """Example inputs at one more batch size for a session that takes any; kept."""
        size = planned.case.batch_size
        if size not in variant.cases:
            job = self._job(planned)
            case = LoadedCase(CaseWork(job), job, sets=ROTATING)
            case.adopt(variant.base)
            variant.cases[size] = case
        return variant.cases[size]

    # -- sessions of one batch size each ----------------------------------------------------------

    def _fixed(self, planned: dict[int, PlannedCase]) -> Variant:
        cases: dict[int, LoadedCase] = {}
        checks: list[Verification | None] = []
        exact_only: str | None = None
        for size, one in planned.items():
            if one.builds:
                work = CaseWork(self._job(one))
                work.runner.build(work)
            case = self._with_reference(one)
            case.load()
            checks.append(self._checked(case, one))
            if size > 1 and exact_only is None:
                exact_only = _why_not_padded(case, one)
            cases[size] = case
        return Variant(next(iter(planned.values())).case.precision, cases, True, exact_only, _worst(checks))

    # -- both -------------------------------------------------------------------------------------

    def _job(self, planned: PlannedCase, known: str = "") -> CaseJob:
        if self._stopped.is_set():
            raise Closed
        return CaseJob(
            planned=planned,
            plugins=self._settings.plugins,
            seed=self._settings.seed,
            folder=str(self._folder / "cases" / planned.id),
            reference=known,
            cache=str(self._folder / "cache"),
            replicate=0,
            settings=Settings(passes=1),
        )

    def _with_reference(self, planned: PlannedCase) -> LoadedCase:
        """The case with its inputs drawn; its reference is made unless another precision had it made."""
        path = self._folder / f"reference-{planned.case.batch_size}.pt"
        job = self._job(planned, str(path))
        if not path.exists():
            try:
                reference.make(CaseWork(job), job, _Notes(self.note))
            except Exception as error:
                self.note(f"not verified, no reference: {type(error).__name__}: {error}")
        return LoadedCase(CaseWork(job), job)

    def _checked(self, case: LoadedCase, planned: PlannedCase) -> Verification | None:
        """The verification of a case's calls, which warm it, too.

        Raises:
            WrongOutput: it is wrong, and nobody said to serve it all the same.
        """
        found, warnings = case.verified(case.outputs(case.feeds, patience_s=PATIENCE_S))
        del case.feeds[ROTATING:]
        for text in warnings:
            self.note(text)
        if found is not None and not found.passed:
            text = f"incorrect at batch size {planned.case.batch_size}: {found.reason}"
            if not self._settings.allow_incorrect:
                raise WrongOutput(text, "--allow-incorrect serves it all the same")
            self.note(text)
        return found


class _Notes(Channel):
    """Takes what a job would send to its parent: of a reference, the warnings are of interest."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def send(self, name: str, body: Any = None) -> None:
        if isinstance(body, ReferenceResult):
            for text in body.warnings:
                self._note(text)


def powers(most: int) -> list[int]:
    """1, 2, 4, ... and `most` itself."""
    found = [1]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found if found[-1] == most else [*found, most]


def _why_not_padded(case: LoadedCase, planned: PlannedCase) -> str | None:
    """Why rows added to a batch would show in the answer to the others; None if they do not.

    Found out by trying: the last row of a batch is replaced, and the other rows must not mind.
    """
    size = planned.case.batch_size
    first, other = case.work.raw_inputs(0), case.work.raw_inputs(1)
    from harness.measure.leaves import tensor_leaves

    theirs = iter(tensor_leaves((other.args, other.kwargs)))

    def swap(tensor: Any) -> Any:
        import torch

        another = next(theirs)
        if tensor.dim() == 0 or tensor.shape[0] != size or another.shape != tensor.shape:
            return tensor
        return torch.cat([tensor[:-1], another[-1:]])

    outputs = case.outputs([case.session.bind(case.work.ready_inputs(i)) for i in (first, first.map(swap))])
    for position, leaf in enumerate(outputs[0]):
        if leaf.dim() == 0 or leaf.shape[0] != size:
            return f"output {position} of this model has no row for each sample"
    before, after = ([leaf[:-1] for leaf in leaves] for leaves in outputs)
    found, _ = verify([after], [before], size - 1, planned.tolerance)
    return (
        None if found is None or found.passed else "the samples of a batch change one another in this model"
    )


def _worst(checks: list[Verification | None]) -> Verification | None:
    """The verification to show for several: a failed one, else the one with the largest error."""
    known = [c for c in checks if c is not None]
    if not known:
        return None
    return max(known, key=lambda c: (not c.passed, c.error or 0.0))
