"""`harness infer`: one inference."""

from __future__ import annotations

from typing import Any

import click

from harness.cli import options, single
from harness.cli.show import message, write
from harness.errors import ExitCode
from harness.execute.one import one_case
from harness.records import codec
from harness.records.inference import SCHEMA, Inference, InferenceReport, Tensor, Usage, Usages
from harness.report.numbers import seconds, significant
from harness.report.verdict import verdict


@click.command("infer", short_help="Run one inference: shapes, types, error against the reference, memory.")
@single.case()
@options.text_or_json
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Run one inference of one case in a fresh process: what goes in and comes out, how right it is
    against the model in eager float64, and what memory it takes. Nothing is timed here; `harness run`
    does that.

    \b
    harness infer
    harness infer -m transformer -r onnxruntime -b 8
    harness infer -m mlp -p bf16-true -d cuda --format json
    """
    request = single.one_request(ctx, given)
    with one_case(request, message) as case:
        case.make_reference()
        case.build()
        found = case.ask("infer", case.job(), Inference)
        report = InferenceReport(SCHEMA, case.planned.case, case.environment, found)
        title = single.case_title(case.planned)
    for warning in (*case.warnings, *found.warnings):
        message(f"warning: {warning}")
    text = codec.pretty(report) if given["format_"] == options.JSON else _text(title, found)
    write(text, given["output"])
    wrong = found.verification is not None and not found.verification.passed
    return ExitCode.CASES if wrong else ExitCode.FINE


def _text(title: str, found: Inference) -> str:
    import tabulate

    lines = [title]
    for word, tensors in (("input", found.inputs), ("output", found.outputs)):
        lines += [f"  {word:<10}{_tensor(t)}" for t in tensors]
    lines.append(f"  {'error':<10}{verdict(found.verification)}")
    lines.append(
        f"  {'ready':<10}{seconds(found.ready_s)} s, of which loading {seconds(found.load_s)} s "
        "(this one process; no measurement)"
    )
    if found.weights_mib is not None:
        lines.append(f"  {'weights':<10}{significant(found.weights_mib)} MiB")
    rows = [*_rows("loading", found.loading, found), *_rows("one call", found.calling, found)]
    if rows:
        titles = ["memory MiB", "", "before", "after", "change", "peak"]
        grid = tabulate.tabulate(
            rows, headers=titles, tablefmt="plain", disable_numparse=True, colalign=_ALIGN
        )
        lines += ["", *(f"  {line}" for line in grid.splitlines())]
    return "\n".join(lines) + "\n"


_ALIGN = ("left", "left", "right", "right", "right", "right")


def _tensor(tensor: Tensor) -> str:
    shape = " x ".join(map(str, tensor.shape)) or "scalar"
    return f"{shape}   {tensor.dtype}   {tensor.device}"


def _rows(stage: str, usages: Usages, found: Inference) -> list[list[str]]:
    """Host memory above what the process held before the case; the device's as its allocator has it."""
    rows = []
    start = found.loading.host
    for name, usage in (
        ("host", usages.host),
        ("allocated", usages.allocated),
        ("reserved", usages.reserved),
    ):
        if usage is not None:
            base = start.before if name == "host" and start is not None else 0.0
            rows.append([stage, name, *_sizes(usage, base)])
    return rows


def _sizes(usage: Usage, base: float) -> list[str]:
    values = (usage.before - base, usage.after - base, usage.delta, usage.peak - base)
    return [f"{v:.1f}" for v in values]
