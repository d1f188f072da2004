"""Checks of what a model's module answers: to whom, how often, and held against its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import registry
from harness.components import Inputs, Model
from harness.conformance import surroundings
from harness.conformance.bench import Bench, digest_of, reference_of, tensors_of
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.model_builds import BUILDS, FRESH, SEEDED
from harness.conformance.model_inputs import INPUTS, sizes
from harness.measure.leaves import map_tensors
from harness.measure.prepare import CaseWork
from harness.measure.verify import calls_needed, verify

if TYPE_CHECKING:
    import torch

CALLS = "model.calls"
STATE = "model.state"
RESET = "model.reset"
REPEATABLE = "model.repeatable"
_SAME = 1e-6
"""Two answers to one input may differ by rounding, on the scale of the output's spread, and no more."""


@check(
    CALLS,
    "a module that takes the inputs and returns tensors",
    "call it in plain Python: module(*inputs.args, **inputs.kwargs)",
    needs=(BUILDS, INPUTS),
)
def calls(bench: Bench) -> str | None:
    work = bench.work()
    bench.stage("calling the module")
    module = work.raw_module()
    for size in sizes():
        found = bench.called(work, module, work.raw_inputs(0, size))
        if not found:
            raise Failed(f"no tensor in its output at batch {size}")
    return None


@check(
    STATE,
    "build(), inputs() and a call that leave torch's process-wide state as it is",
    "set nothing for the whole process; use a context manager around what needs it",
    needs=(CALLS, INPUTS),
    alone=True,
)
def state(bench: Bench) -> str | None:
    work = bench.work()
    work.sets_back = False  # what is set back is not seen here
    watch = surroundings.Watch()
    for what, act in (
        ("building", work.raw_module),
        ("drawing inputs", lambda: work.raw_inputs(0)),
        ("calling", lambda: bench.called(work, work.raw_module(), work.raw_inputs(0))),
    ):
        bench.stage(what)
        act()
        changed = watch.changes()
        if changed:
            raise Failed(f"after {what} that {'; '.join(changed)}")
    return None


@check(
    "model.inputs-kept",
    "a call that leaves its inputs as they are",
    "change no input in place: x + 1 and not x.add_(1)",
    needs=(CALLS,),
)
def inputs_kept(bench: Bench) -> str | None:
    work = bench.work()
    inputs = work.raw_inputs(0)
    before = digest_of(inputs)
    bench.called(work, work.raw_module(), inputs, copied=False)
    if digest_of(inputs) != before:
        raise Failed("inputs with other values after it")
    return None


@check(
    REPEATABLE,
    "the same answer to the same input in eval mode",
    "leave dropout and other randomness to train(): F.dropout(x, training=self.training); a model with a "
    "state brings it back in reset()",
    needs=(CALLS,),
)
def repeatable(bench: Bench) -> str | None:
    if _stateful(bench.model):
        return "it keeps a state, so model.reset looks at this"
    work = bench.work()
    module, inputs = work.raw_module(), work.raw_inputs(0)
    first = bench.called(work, module, inputs)
    for again in range(2):
        error = apart(bench.called(work, module, inputs), first, work.case.batch_size)
        if error > _SAME:
            raise Failed(f"an answer that differs by {error:.2g} of its spread at call {again + 2}")
    return None


@check(
    RESET,
    "reset() that brings the module back to its initial state",
    "set every buffer and attribute that a call changes to what build() gave it",
    needs=(CALLS, FRESH, SEEDED),
)
def reset(bench: Bench) -> str | None:
    if not _stateful(bench.model):
        raise NotApplicable("it has no reset()", blocks=False)
    work = bench.work()
    module, fresh = work.raw_module(), work.raw_module()
    expected = bench.called(work, fresh, work.raw_inputs(0))
    for number in (1, 2):
        bench.called(work, module, work.raw_inputs(number))
    found = bench.called(work, module, work.raw_inputs(0))
    error = apart(found, expected, work.case.batch_size)
    if error > _SAME:
        raise Failed(f"an answer that differs by {error:.2g} of its spread from a fresh module's")
    return None


@check(
    "model.output-batch",
    "outputs whose first axis follows the batch size, or has nothing to do with it",
    "return one row for each sample, at every batch size",
    needs=(CALLS, "model.inputs-batch"),
)
def output_batch(bench: Bench) -> str | None:
    work = bench.work()
    module = work.raw_module()
    lengths: dict[int, list[int | None]] = {}
    for size in sizes():
        found = bench.called(work, module, work.raw_inputs(0, size))
        lengths[size] = [t.shape[0] if t.dim() else None for t in found]
    counts = {len(found) for found in lengths.values()}
    if len(counts) != 1:
        raise Failed(f"{' or '.join(map(str, sorted(counts)))} tensors, depending on the batch size")
    follows = False
    for position in range(counts.pop()):
        row = {size: found[position] for size, found in lengths.items()}
        if len(set(row.values())) == 1:
            continue
        if len({None if n is None else n / size for size, n in row.items()}) != 1:
            texts = ", ".join(f"{n} at batch {size}" for size, n in row.items())
            raise Failed(f"a first axis of {texts} in output {position}")
        follows = True
    return None if follows else "no output has the batch as its first axis: samples cannot be told apart"


@check(
    "model.samples",
    "an answer to each sample that can be told from the answers to the others",
    "compute nothing over the batch axis in eval mode, or know that a row depends on its neighbours",
    needs=(CALLS, REPEATABLE),
)
def samples(bench: Bench) -> str | None:
    import torch

    size = 3
    work = bench.work(size)
    module = work.raw_module()
    ours, theirs = work.raw_inputs(0), work.raw_inputs(1)
    # What is as long for one sample more has nothing to do with the batch.
    rows = iter(zip(tensors_of(theirs), tensors_of(work.raw_inputs(1, size + 1)), strict=True))

    def mix(tensor: torch.Tensor) -> torch.Tensor:
        other, longer = next(rows)
        if not tensor.dim() or other.shape != tensor.shape or longer.shape[0] == tensor.shape[0]:
            return tensor
        own = tensor.shape[0] // size
        return torch.cat([tensor[:own], other[own:]])

    mixed = Inputs(*map_tensors(ours.args, mix), **map_tensors(ours.kwargs, mix))
    alone, beside = bench.called(work, module, ours), bench.called(work, module, mixed)
    followed = False
    for position, (a, b) in enumerate(zip(alone, beside, strict=True)):
        if not a.dim() or a.shape != b.shape or a.shape[0] % size:
            continue
        own = a.shape[0] // size
        followed = True
        scale = float(a.double().std()) if a.numel() > 1 else 0.0
        if float((a[:own].double() - b[:own].double()).abs().max()) > 1e-4 * (scale or 1.0):
            return f"the answer to a sample depends on the others of its batch (output {position})"
    if not followed:
        raise NotApplicable("no output has one row a sample")
    return None


@check(
    "model.tolerances",
    "tolerances above 0 by the names of precisions",
    'write tolerances = {"fp32": 1e-5}: a looser one than the precision\'s own is ignored',
)
def tolerances(bench: Bench) -> str | None:
    notes = []
    for name, value in dict(bench.model.tolerances).items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Failed(f"{value!r} for {name!r}")
        if not value > 0:
            raise Failed(f"{value!r} for {name}")
        if name not in bench.catalogue.names("precision"):
            notes.append(f"there is no precision {name} here")
        elif value > bench.catalogue.get("precision", name).component.tolerance:  # type: ignore[attr-defined]
            notes.append(f"{value:g} for {name} is looser than the precision's own and ignored")
    return "; ".join(notes) or None


@check(
    "model.reference",
    "a module that agrees with the reference in float64",
    "compute in reference() what the module computes, or leave it out",
    needs=(CALLS, FRESH, SEEDED, STATE, REPEATABLE, RESET, "model.tolerances"),
)
def reference(bench: Bench) -> str | None:
    size = 3
    work = bench.work(size)
    module = work.raw_module()
    sets = [work.raw_inputs(number) for number in range(calls_needed(size))]
    bench.stage("making the reference")
    own = type(bench.model).reference is not Model.reference
    try:
        references = [reference_of(work, one) for one in sets]
    except Exception as error:
        return _in_float32(work, sets, error)
    if own and not any(references):
        raise NotApplicable("it says that it has no reference")
    bench.stage("calling the module")
    outputs = [bench.called(work, module, one) for one in sets]
    tolerance = bench.tolerance_of(registry.conformance()["model"]["precision"])
    found, warnings = verify(outputs, references, size, tolerance)
    if found is not None and not found.passed:
        raise Failed(f"that {found.reason}")
    return "; ".join(warnings) or None


def _in_float32(work: CaseWork, sets: list[Inputs], error: Exception) -> str:
    """What to say of a model without a float64 reference; a failure if it has none in float32 either."""
    module = work.raw_module()
    try:
        for one in sets:
            work.model.reference(work.params, module, one)
    except Exception as again:
        raise Failed(f"that it raises {type(again).__name__}: {again}") from again
    return f"its reference will be float32, since float64 fails: {type(error).__name__}: {error}"


def apart(found: list[torch.Tensor], expected: list[torch.Tensor], batch_size: int) -> float:
    """The error of one answer held against another as its reference; inf where they cannot be compared."""
    verification, _ = verify([found], [expected], batch_size, _SAME)
    if verification is None or verification.passed:
        return 0.0
    return verification.error if verification.error is not None else float("inf")


def _stateful(model: Model) -> bool:
    return type(model).reset is not Model.reset
