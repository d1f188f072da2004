"""`harness run --plan`: what would be measured."""

from __future__ import annotations

import click

from harness.cli.display import how_long
from harness.execute.run import RunRequest
from harness.records.case import Plan
from harness.report.numbers import safe


def show_plan(plan: Plan, request: RunRequest) -> None:
    """What would be measured, as a table."""
    import tabulate

    rows = []
    for planned in plan.cases:
        case = planned.case
        remark = f"unsupported: {planned.unsupported}" if planned.unsupported else ""
        remark = remark or (f"emulated: {planned.emulated}" if planned.emulated else "")
        if planned.added:
            remark = "; ".join(x for x in ("added as baseline", remark) if x)
        rows.append(
            [
                planned.label["model"],
                case.batch_size,
                planned.label["runner"],
                case.precision,
                case.device,
                case.threads,
                safe(remark),
            ]
        )
    titles = ["model", "batch", "runner", "precision", "device", "threads", "remark"]
    click.echo(tabulate.tabulate(rows, headers=titles, tablefmt="plain", disable_numparse=True))
    supported = sum(not c.unsupported for c in plan.cases)
    passes = request.settings.passes
    click.echo(
        f"\n{supported} of {len(plan.cases)} cases would be measured, {passes} "
        f"pass{'es' * (passes != 1)} each: {how_long(plan, request.settings)}"
    )
