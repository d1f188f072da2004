"""Checks of a call of a model's module: what it takes and leaves alone, and that it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.conformance import surroundings
from harness.conformance.bench import Bench, digest_of
from harness.conformance.contract import Failed, check
from harness.conformance.model_builds import BUILDS, FRESH
from harness.conformance.model_inputs import INPUTS, sizes
from harness.measure import seeds

if TYPE_CHECKING:
    import torch

CALLS = "model.calls"
STATE = "model.state"
CALL_STATE = "model.call-state"
ANSWERS = "model.answers"


@check(
    STATE,
    "build() and inputs() that leave torch's process-wide state as it is",
    "set nothing for the whole process; use a context manager around what needs it",
    needs=(BUILDS, INPUTS),
    alone=True,
)
def state(bench: Bench) -> str | None:
    work = bench.work()
    work.sets_back = False  # what is set back is not seen here
    watch = surroundings.Watch()
    for what, act in (("building", work.raw_module), ("drawing inputs", lambda: work.raw_inputs(0))):
        bench.stage(what)
        act()
        _unchanged(watch, what)
    return None


@check(
    CALLS,
    "a module that takes the inputs and returns tensors",
    "call it in plain Python: module(*inputs.args, **inputs.kwargs)",
    needs=(BUILDS, INPUTS, STATE),
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
    CALL_STATE,
    "a call that leaves torch's process-wide state as it is",
    "set nothing for the whole process; use a context manager around what needs it",
    needs=(CALLS,),
    alone=True,
)
def call_state(bench: Bench) -> str | None:
    work = bench.work()
    work.sets_back = False
    module, inputs = work.raw_module(), work.raw_inputs(0)
    watch = surroundings.Watch()
    bench.stage("calling the module")
    bench.called(work, module, inputs)
    _unchanged(watch, "calling")
    return None


def _unchanged(watch: surroundings.Watch, what: str) -> None:
    changed = watch.changes()
    if changed:
        raise Failed(f"after {what} that {'; '.join(changed)}")


@check(
    ANSWERS,
    "another answer to another input from one module",
    "compute at every call, and keep no result of an earlier one in the module, its class or a global",
    needs=(CALLS, FRESH),
    twice=True,
)
def answers(bench: Bench) -> str | None:
    work = bench.work()
    module, fresh = work.raw_module(), work.raw_module()
    sets = [work.raw_inputs(number) for number in range(2)]
    if bench.job.lane:
        sets.reverse()  # what is kept beside the modules is that of the other one, then
    first, second = (bench.called(work, module, one) for one in sets)
    if not _equal(first, second) or not any(t.is_floating_point() for t in first):
        return None
    if not _equal(bench.called(work, fresh, sets[1]), first):
        raise Failed(
            "the answer to the first input for the second one, to which a fresh module gives another"
        )
    bench.data["answers to the same two inputs, called in another order and"] = seeds.digest(first)
    return "the answer to two different inputs is the same"


def _equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    import torch

    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


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
