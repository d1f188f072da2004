"""Checks of what a runner says of itself before it has loaded anything, and that it loads."""

from __future__ import annotations

import math

from harness.conformance import runner_cases
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.metadata import check_sentence
from harness.errors import Unsupported
from harness.records import codec
from harness.runner import Runner, Session

SUPPORTS = "runner.supports"
BUILDS = "runner.builds"
LOADS = "runner.loads"


@check(
    "runner.says",
    "`batch`, `concurrent`, `reads`, `recipes` and `ready_estimate_s` of the types that the contract gives",
    'batch = "any"; concurrent = False; reads = ("onnx",); recipes = {"bf16-true": function}',
)
def says(bench: Bench) -> str | None:
    runner = bench.component
    if runner.batch not in ("any", "fixed"):
        raise Failed(f"batch = {runner.batch!r}")
    if not isinstance(runner.concurrent, bool):
        raise Failed(f"concurrent = {runner.concurrent!r}")
    if not isinstance(runner.reads, tuple) or not all(isinstance(r, str) for r in runner.reads):
        raise Failed(f"reads = {runner.reads!r}")
    if not isinstance(runner.recipes, dict) or not all(map(callable, runner.recipes.values())):
        raise Failed(f"recipes = {runner.recipes!r}")
    estimate = runner.ready_estimate_s
    if isinstance(estimate, bool) or not isinstance(estimate, (int, float)) or not 0 <= estimate < math.inf:
        raise Failed(f"ready_estimate_s = {estimate!r}")
    unknown = [name for name in runner.recipes if name not in bench.catalogue.names("precision")]
    return f"no precision here is called {', '.join(unknown)}" if unknown else None


@check(
    "runner.preload",
    "preload() that leaves one thread and touches no device",
    "import in preload() only what starts no thread; the harness leaves a preload out that does",
    alone=True,
)
def preload(bench: Bench) -> str | None:
    import torch

    from harness.machine import threads_of

    if type(bench.component).preload is Runner.preload:
        raise NotApplicable("it has no preload()")
    bench.stage("preloading")
    before = threads_of()
    bench.component.preload(frozenset({"cpu"}))
    if threads_of() > before:
        raise Failed(f"{threads_of() - before} threads more after it")
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise Failed("CUDA initialised after it")
    return None


@check(
    SUPPORTS,
    "None or one sentence from supports(), for any combination",
    "return None where it runs, else a sentence that says why not and what would",
)
def supports(bench: Bench) -> str | None:
    wanted = runner_cases.matrices(bench)
    bench.stage("asking supports()")
    for combination in runner_cases.combinations(bench, wanted["each"]):
        what = f"{combination.model.name} in {combination.precision.name}"
        try:
            check_sentence(bench.component.supports(combination))
        except Failed as error:
            raise Failed(f"{error.found} for {what}") from error
    bench.stage("planning")
    bench.data["preloads"] = type(bench.component).preload is not Runner.preload
    reasons: list[str] = []
    for group in runner_cases.GROUPS:
        cases = runner_cases.planned(bench, group, wanted[group])
        reasons += [str(c.unsupported) for c in cases if c.unsupported]
        bench.data[group] = [codec.decode(codec.encode(c), object) for c in cases if not c.unsupported]
    if not bench.data["each"]:
        bench.data["reason"] = reasons[0] if reasons else "it was asked for nothing"
        return f"it supports none of the cases that were tried: {bench.data['reason']}"
    return None


@check(
    BUILDS,
    "build() that makes the files of a case",
    "write into work.dir; raise harness.Unsupported where a case cannot be",
    needs=(SUPPORTS,),
    cases="files",
)
def builds(bench: Bench) -> str | None:
    work = bench.unloaded()
    bench.stage("building")
    try:
        work.runner.build(work)
    except Unsupported:
        bench.data["unsupported"] = True
        raise
    return None


@check(
    LOADS,
    "a harness.Session from load(), and an output from its first call",
    "return harness.TorchSession(work, call) or a Session of your own, or raise harness.Unsupported",
    needs=(BUILDS,),
    cases="first",
)
def loads(bench: Bench) -> str | None:
    try:
        case = bench.case(sets=1)
        leaves = case.session.leaves(case.call(case.feeds[0]))
    except Unsupported:
        bench.data["unsupported"] = True
        raise
    except Exception as error:
        if bench.session is not None and not isinstance(bench.session, Session):
            raise Failed(f"{type(bench.session).__name__} from load()") from error
        raise
    import torch

    if not isinstance(leaves, list) or not all(isinstance(t, torch.Tensor) for t in leaves) or not leaves:
        raise Failed(f"{type(leaves).__name__} of {[type(t).__name__ for t in leaves]} from leaves()")
    return None
