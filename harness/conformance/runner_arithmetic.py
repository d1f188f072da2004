"""The check of the format in which a session computes: between layers as well as at its ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.conformance.bench import Bench, built
from harness.conformance.contract import Failed, NotApplicable, check
from harness.errors import Unsupported
from harness.measure.deviation import deviation

if TYPE_CHECKING:
    import torch

    from harness.components import Inputs

FACT = "arithmetic"
"""The entry of facts() in which a runtime says that it computes in another format than the case's."""


@check(
    "runner.arithmetic",
    "results that are rounded to the case's format between layers, too",
    "compute in the case's precision, or raise harness.Unsupported; a runtime whose kernels keep more bits "
    'says so in facts(): {"arithmetic": "float32"}',
    needs=("runner.precision",),
    cases="narrow",
)
def arithmetic(bench: Bench) -> str | None:
    import torch

    asked: Any = bench.catalogue.get("precision", bench.planned.case.precision).component
    format_: Any = getattr(torch, asked.dtype, None)
    reduced = isinstance(format_, torch.dtype) and format_.is_floating_point and format_.itemsize < 4
    if asked.how not in ("cast", "autocast") or not reduced:
        raise NotApplicable("only a format of fewer bits than float32 rounds what lies between layers")
    try:
        case = built(bench)
        found = case.outputs(case.feeds)
        facts = case.session.facts()
    except Unsupported:
        bench.data["unsupported"] = True
        raise
    bench.stage("computing the same in float64")
    module = case.work.raw_module()
    exact = [_computed(module, raw, format_, between=False) for raw in case.raw]
    rounded = [_computed(module, raw, format_, between=True) for raw in case.raw]
    last = [o.to(format_) for o in exact]

    def apart(outputs: list[torch.Tensor]) -> float:
        return deviation([o.double() for o in outputs], exact, case.work.case.batch_size).error

    ours, honest, at_its_end = apart([o[0] for o in found]), apart(rounded), apart(last)
    bench.data["errors"] = {"found": ours, "rounded between layers": honest, "rounded at its end": at_its_end}
    if ours >= math.sqrt(honest * at_its_end):
        return None
    said = str(facts.get(FACT, ""))
    if said and said != asked.dtype:
        return f"it computes {bench.planned.case.precision} in {said}, and says so"
    raise Failed(
        f"an error of {ours:.2g} where {asked.dtype} leaves {honest:.2g} and float32, rounded at its end, "
        f"{at_its_end:.2g}"
    )


def _computed(module: torch.nn.Module, raw: Inputs, format_: torch.dtype, between: bool) -> torch.Tensor:
    """The probe in float64 on weights and inputs rounded to a format, perhaps with what lies between too."""
    import torch

    def narrow(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(format_).double()

    with torch.inference_mode():
        exact: Any = module.to(format_).double()
        hidden = exact.first(narrow(raw.args[0])).relu()
        found: torch.Tensor = exact.second(narrow(hidden) if between else hidden)
    return found
