"""Checks of precisions: what they say, what they do to a module, and whether their tolerance is honest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.components import Device, Precision
from harness.conformance import surroundings
from harness.conformance.bench import Bench, reference_of
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.metadata import check_sentence
from harness.errors import Unsupported
from harness.jobs import CaseJob, Matrix, PlanJob
from harness.measure import devices
from harness.measure.leaves import tensor_leaves
from harness.measure.nominal import in_name_only
from harness.measure.verify import calls_needed, verify
from harness.records.case import PlannedCase, Scenario
from harness.records.settings import Settings

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork

DTYPE = "precision.dtype"
SUPPORTS = "precision.supports"
TOLERANCE = "precision.tolerance"
_HOW = ("native", "autocast", "cast", "quantised")


@check(
    DTYPE,
    "`how` that is native, autocast, cast or quantised, and `dtype` as torch names it",
    'write how = "cast" and dtype = "bfloat16", say',
)
def dtype(bench: Bench) -> str | None:
    import torch

    found = bench.component
    if found.how not in _HOW:
        raise Failed(f"how = {found.how!r}")
    if not isinstance(found.dtype, str) or not isinstance(getattr(torch, found.dtype, None), torch.dtype):
        raise Failed(f"dtype = {found.dtype!r}")
    return None


@check(
    TOLERANCE,
    "a tolerance above 0 that refuses planted wrong answers",
    "choose it above the error that your format has on the models of the box, and below 0.25",
    behaves=False,
)
def tolerance(bench: Bench) -> str | None:
    import torch

    found = getattr(bench.component, "tolerance", None)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not found > 0:
        raise Failed(f"tolerance = {found!r}")
    generator = torch.Generator().manual_seed(0)
    right = torch.randn(16, 32, generator=generator, dtype=torch.float64)
    accepted = []
    for what, wrong in _wrong(right).items():
        verification, _ = verify([[wrong]], [[right]], 16, found)
        if verification is not None and verification.passed:
            accepted.append(what)
    if accepted:
        raise Failed(f"{found:g}, which takes {' and '.join(accepted)} for right")
    return None


def _wrong(right: torch.Tensor) -> dict[str, torch.Tensor]:
    """Answers that no format's rounding explains, the grossest first."""
    one = right.clone()
    one[0] = right[1]
    return {
        "zeros": right * 0,
        "the batch's mean": right.mean(dim=0, keepdim=True).expand_as(right),
        "a permuted batch": right.roll(1, dims=0),
        "one wrong sample in sixteen": one,
        "an answer a quarter too large": right * 1.25,
    }


@check(
    SUPPORTS,
    "None or one sentence from supports() and emulated(), for any device",
    "return None where it runs, else a sentence that says why not and what would",
)
def supports(bench: Bench) -> str | None:
    precision = bench.component
    everywhere = [devices.resolve("cpu"), Device("cpu"), Device("cuda", name="a GPU"), Device("xpu")]
    for device in everywhere:
        for ask in (precision.supports, precision.emulated):
            bench.stage(f"asking {ask.__name__}()")
            try:
                check_sentence(ask(device))
            except Failed as error:
                raise Failed(f"{error.found} from {ask.__name__}() for {device.type}") from error
    said: str | None = precision.supports(everywhere[0]) or precision.emulated(everywhere[0])
    return said


@check(
    "precision.how",
    "a module, inputs and a context that are what `how` and `dtype` say",
    "leave prepare(), prepare_inputs() and context() to the defaults, or do what `how` stands for",
    needs=(DTYPE, SUPPORTS),
)
def how(bench: Bench) -> str | None:
    import torch

    precision = bench.component
    wanted = getattr(torch, precision.dtype)
    for work in _works(bench):
        model = work.case.model
        bench.stage(f"preparing {model}")
        module = _module(work)
        floats = [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
        inputs = [t for t in tensor_leaves((work.inputs.args, work.inputs.kwargs)) if t.is_floating_point()]
        if precision.how == "cast":
            _all_in(wanted, floats, f"weights of {model}")
            _all_in(wanted, inputs, f"inputs of {model}")
        elif precision.how == "autocast":
            _all_in(torch.float32, floats, f"weights of {model}")
            _autocasts(precision, work, wanted)
        elif precision.how == "native":
            _all_in(torch.float32, floats, f"weights of {model}")
    return None


def _all_in(wanted: torch.dtype, tensors: list[torch.Tensor], what: str) -> None:
    others = {str(t.dtype).removeprefix("torch.") for t in tensors if t.dtype != wanted}
    if others:
        raise Failed(f"{what} in {', '.join(sorted(others))} instead of {str(wanted).removeprefix('torch.')}")


def _autocasts(precision: Precision, work: CaseWork, wanted: torch.dtype) -> None:
    import torch

    context = precision.context(work.device)
    if context is None:
        raise Failed("no context, so nothing is cast")
    with torch.inference_mode(), context:
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    if product.dtype != wanted:
        raise Failed(f"a matrix product in {str(product.dtype).removeprefix('torch.')} inside its context")
    if precision.context(work.device) is context:
        raise Failed("the same context twice, where each call needs a new one")


@check(
    "precision.error",
    "errors under its tolerance on the models of the box, and not so small that nothing was rounded",
    "raise the tolerance to what the format can do, or mend what prepare() does",
    needs=(DTYPE, TOLERANCE, SUPPORTS),
)
def error(bench: Bench) -> str | None:
    import torch

    precision = bench.component
    worst = 0.0
    for work in _works(bench):
        size = work.case.batch_size
        module = _module(work)
        sets = [work.raw_inputs(number) for number in range(calls_needed(size))]
        outputs = []
        bench.stage(f"calling {work.case.model}")
        for raw in sets:
            ready = work.ready_inputs(raw)
            context = precision.context(work.device) or contextlib.nullcontext()
            with torch.inference_mode(), context:
                outputs.append(tensor_leaves(module(*ready.args, **ready.kwargs)))
        references = [reference_of(work, raw) for raw in sets]
        found, _ = verify(outputs, references, size, precision.tolerance)
        if found is not None and not found.passed:
            raise Failed(f"on {work.case.model} that {found.reason}")
        nominal = in_name_only(precision.dtype, found.error if found is not None else None)
        if nominal:
            raise Failed(f"on {work.case.model} {nominal}")
        worst = max(worst, (found.error or 0.0) if found is not None else 0.0)
    bench.data["error"] = worst
    return None


@check(
    "precision.state",
    "no process-wide state changed by configure() but float32 modes, and none by a call",
    "set in configure() only what the format needs; use context() for the rest",
    needs=(DTYPE,),
    alone=True,
)
def state(bench: Bench) -> str | None:
    import torch

    from harness.measure.state import float32_modes

    modes = tuple(f"the float32 mode of {name}" for name in float32_modes())
    watch = surroundings.Watch()
    bench.stage("asking configure()")
    device = devices.resolve("cpu")
    bench.component.configure(device)
    changed = watch.changes(without=modes)
    if changed:
        raise Failed(f"after configure() that {'; '.join(changed)}")
    watch = surroundings.Watch()
    with torch.inference_mode(), bench.component.context(device) or contextlib.nullcontext():
        torch.ones(2, 2) @ torch.ones(2, 2)
    changed = watch.changes()
    if changed:
        raise Failed(f"after a call that {'; '.join(changed)}")
    return None


def _works(bench: Bench) -> Iterator[CaseWork]:
    """The models of the box under this precision, as far as it can run here."""
    from harness.measure.prepare import CaseWork
    from harness.plan.planner import make_plan

    chosen = registry.conformance()["precision"]
    matrix = Matrix(
        model=list(chosen["model"]),
        runner=[chosen["runner"]],
        precision=[bench.component.name],
        batch_size=[chosen["batch_size"]],
        device=["cpu"],
        threads=[1],
    )
    plan = make_plan(PlanJob([matrix], bench.job.plugins, Scenario(), Settings(), "none"))
    reasons = [planned.unsupported for planned in plan.cases]
    if all(reasons):
        raise NotApplicable(str(reasons[0]))
    for planned in plan.cases:
        if not planned.unsupported:
            yield CaseWork(_job(bench, planned))


def _job(bench: Bench, planned: PlannedCase) -> CaseJob:
    folder = bench.job.folder
    return CaseJob(planned, bench.job.plugins, 0, f"{folder}/case", "", f"{folder}/cache", 0, Settings())


def _module(work: CaseWork) -> Any:
    try:
        return work.module
    except Unsupported as error:
        raise NotApplicable(str(error)) from error
