"""A row that is faster than the machine: nothing else that could be found of it means anything."""

from __future__ import annotations

from collections.abc import Iterator

from harness.analyse.possible import IMPOSSIBLE
from harness.explain.said import finding, ms_text
from harness.explain.scene import Row
from harness.records.finding import Finding


def impossible(row: Row) -> Iterator[Finding]:
    said = next((w for w in row.record.warnings if w.startswith(IMPOSSIBLE)), None)
    demand = row.anatomy.demand if row.anatomy is not None else None
    if said is None or demand is None:
        return
    ceilings = row.ceilings
    yield finding(
        "impossible",
        "trouble",
        row,
        f"{ms_text(row.ms)} a call is faster than this machine can compute it",
        said.removeprefix(IMPOSSIBLE),
        {
            "flops": demand.flops,
            "latency_ms": row.ms,
            "matmul_tflops": dict(ceilings.matmul_tflops) if ceilings is not None else None,
        },
    )
