"""A latency that no machine of this kind could reach, if the call did its work."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.ceilings import Ceilings
from harness.records.report import Record

BEYOND = 8.0
"""So far above the best product of any number format a row may be: formats of fewer bits, sparse weights and
algorithms that need fewer operations (Winograd's convolution) come to less together."""
BEYOND_DOUBTED = 100.0
"""The same where other work was there while the ceilings were measured, which lowers them."""
IMPOSSIBLE = "impossible: "


def impossible(record: Record, ceilings: Sequence[Ceilings]) -> str | None:
    """What to say of a row whose operations, as eager mode counts them, would take longer than it does; None
    where it is possible or the machine's ceilings are not known well.
    """
    latency, anatomy = record.latency_ms, record.anatomy
    flops = anatomy.demand.flops if anatomy is not None and anatomy.demand is not None else None
    if latency is None or not flops or latency.median <= 0:
        return None
    case = record.case
    here = [c for c in ceilings if (c.device, c.threads) == (case.device, case.threads)]
    tops = [
        (max(c.matmul_tflops.values()), BEYOND if c.quiet else BEYOND_DOUBTED)
        for c in here
        if c.matmul_tflops
    ]
    reached = flops / (latency.median * 1e9)
    if not tops or any(reached <= top * times for top, times in tops):
        return None
    return (
        f"{IMPOSSIBLE}{flops / 1e9:.3g} GFLOP in {latency.median:.3g} ms are {reached:.3g} TFLOP/s, where "
        f"this machine's best product reaches {max(tops)[0]:.2g}: the model's work is not done in the call "
        "(folded into constants when it was loaded, or answers that are kept or made before)"
    )
