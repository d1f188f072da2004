"""Checks of the life of a session: its threads, its end, what it leaves behind, and the case after it."""

from __future__ import annotations

import gc
import time
import weakref
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.runners import LOADS
from harness.measure import channels
from harness.measure.loaded import LoadedCase
from harness.measure.tracker import HostMemory
from harness.measure.verify import verify

if TYPE_CHECKING:
    import torch

_ROUNDS = 6
_SETTLING = 2
"""Sessions after which a runtime has allocated what it keeps for good."""
_GROWTH = 0.5
"""Of the weights' size, for each session, is a leak."""
_BUSY = 1.4
"""So many threads for each one that is allowed are more than the clock's fault."""
_LOOK_S = 0.3


@check(
    "runner.threads",
    "work.threads threads for torch, and no more of them at work",
    "give your runtime's pool work.threads threads, and leave torch.set_num_threads alone",
    needs=(LOADS,),
    cases="large",
)
def threads(bench: Bench) -> str | None:
    import torch

    case = bench.case(sets=2)
    for feed in islice(cycle(case.feeds), 6):
        case.call(feed)
    wanted = case.work.threads
    if torch.get_num_threads() != wanted:
        raise Failed(f"torch with {torch.get_num_threads()} threads where work.threads is {wanted}")
    feeds, sources = cycle(case.feeds), channels.Sources.here()
    start = channels.read(sources)
    while time.perf_counter() - start.at_s < _LOOK_S:
        case.call(next(feeds))
    working = _working(start, channels.read(sources))
    if working > wanted * _BUSY:
        raise Failed(f"{working:.1f} of them at work where work.threads is {wanted}")
    return None


def _working(start: channels.Reading, end: channels.Reading) -> float:
    """How many threads computed or waited for a processor, on average, however busy the machine is."""
    before, after = start.delays_s or {}, end.delays_s or {}
    waited = sum(after[thread] - before.get(thread, 0.0) for thread in after)
    return (end.own_cpu_s - start.own_cpu_s + waited) / (end.at_s - start.at_s)


@check(
    "runner.close",
    "a session that raises when it is called after close()",
    "release in close() what a call needs, and call super().close()",
    needs=(LOADS,),
    cases="first",
)
def close(bench: Bench) -> str | None:
    case = bench.case(sets=1)
    feed = case.feeds[0]
    case.call(feed)
    bench.stage("closing")
    case.session.close()
    bench.stage("calling after close()")
    try:
        case.session(feed)
    except Exception:
        return None
    raise Failed("an output from a closed session")


@check(
    "runner.state",
    "a process left as it was, in which the next case is right",
    "put process-wide modes and replaced functions back in close(), or do without them",
    needs=(LOADS, "runner.close"),
    cases="first",
)
def state(bench: Bench) -> str | None:
    case = bench.case(sets=2)
    for feed in case.feeds:
        case.call(feed)
    bench.stage("closing")
    case.session.close()
    # A changed number of threads has a check of its own.
    changed = bench.watch.changes(without=("the number of threads", *_modes()))
    if changed:
        raise Failed(f"that {'; '.join(changed)}")
    bench.stage("running the next case")
    reason = _next_case(bench)
    if reason:
        raise Failed(f"that the next case of the process is wrong: {reason}")
    return None


@check(
    "runner.leaks",
    "memory that does not grow when sessions are loaded and closed again and again",
    "drop modules, sessions and buffers in close(), and keep none in the class, the module or a global cache",
    needs=(LOADS, "runner.close", "runner.state"),
    cases="large",
)
def leaks(bench: Bench) -> str | None:
    from harness.measure.prepare import CaseWork

    memory, sizes, modules = HostMemory(), [], []
    weights = 0
    job = bench.job.case
    assert job is not None
    for number in range(_SETTLING + _ROUNDS):
        bench.stage(f"loading session {number + 1}")
        work = CaseWork(job)
        case = LoadedCase(work, job, sets=1)
        case.load()
        case.call(case.feeds[0])
        case.session.close()
        module = work.module
        weights = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
        modules.append(weakref.ref(module))
        del work, case, module
        gc.collect()
        memory.trim()
        sizes.append(memory.own())
    alive = sum(1 for ref in modules if ref() is not None)
    if alive > _SETTLING:
        raise Failed(f"{alive} of {len(modules)} modules still alive after their sessions were closed")
    before, after = sizes[_SETTLING - 1], sizes[-1]
    if before is None or after is None:
        raise NotApplicable("this system does not say how much memory a process holds")
    each = (after - before) * (1 << 20) / _ROUNDS
    if each > _GROWTH * weights:
        raise Failed(
            f"{each / (1 << 20):.1f} MiB more for each session, where the weights are "
            f"{weights / (1 << 20):.1f} MiB"
        )
    return None


def _modes() -> tuple[str, ...]:
    """Float32 modes are a precision's to set, and told in the facts."""
    from harness.measure.state import float32_modes

    return tuple(f"the float32 mode of {name}" for name in float32_modes())


def _next_case(bench: Bench) -> str | None:
    """Another model of the box in plain PyTorch, in this process: why it is wrong, or None."""
    import torch

    from harness.catalogue.specs import parse
    from harness.measure import seeds
    from harness.measure.leaves import tensor_leaves

    text = registry.conformance()["runner"][0]["model"][1]
    model, params = bench.catalogue.fill("model", parse(text, "model"))
    outputs: list[list[torch.Tensor]] = []
    references: list[list[torch.Tensor]] = []
    component: Any = model.component
    with seeds.drawing(0, "weights"):
        module = component.build(params).eval()
    for number in range(3):
        with seeds.drawing(0, f"inputs {number}"):
            inputs = component.inputs(params, 3)
        with torch.inference_mode():
            outputs.append(tensor_leaves(module(*inputs.args, **inputs.kwargs)))
    module = module.double()
    for number in range(3):
        with seeds.drawing(0, f"inputs {number}"):
            inputs = component.inputs(params, 3).map(lambda t: t.double())
        with torch.inference_mode():
            references.append(tensor_leaves(module(*inputs.args, **inputs.kwargs)))
    dtype = outputs[0][0].dtype
    if dtype != torch.float32:
        return f"its output is {dtype}"
    baseline: Any = bench.catalogue.get("precision", registry.conformance()["model"]["precision"]).component
    found, _ = verify(outputs, references, 3, baseline.tolerance)
    return found.reason if found is not None else None
