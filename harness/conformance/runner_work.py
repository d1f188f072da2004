"""The check that a call computes: not before it, not after it, and not once for all."""

from __future__ import annotations

import time

from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, check
from harness.conformance.runner_outputs import ANSWERS

_SETS, _WARM = 6, 2
_TICK_S = 1e-6
MOST = 20.0
"""No kernels are so many times as fast as PyTorch's own in the same format."""
MOST_AGAIN = 4.0
"""No input is so much quicker to compute when it comes a second time; the caches of a processor are."""


@check(
    "runner.work",
    "calls that take the time of what they compute",
    "compute the whole output in the call: keep none by its input, and compute nothing in bind() or leaves()",
    needs=(ANSWERS,),
    cases="single",
)
def work(bench: Bench) -> str | None:
    import torch

    case = bench.case(sets=_SETS)
    module = case.work.raw_module()
    passes: list[list[float]] = [[], []]
    plain = []
    for times in passes:
        for feed, raw in zip(case.feeds, case.raw, strict=True):
            # Processor time, in turns, and the least of each: a busy machine does not count.
            start = time.process_time()
            case.call(feed)
            between = time.process_time()
            with torch.inference_mode():
                module(*raw.args, **raw.kwargs)
            times.append(max(_TICK_S, between - start))
            plain.append(time.process_time() - between)
    # The first calls may compile, or learn what comes.
    new, again, usual = min(passes[0][_WARM:]), min(passes[1]), min(plain[_WARM:])
    bench.data["ms"] = {"plain module": usual * 1e3, "new inputs": new * 1e3, "the same again": again * 1e3}
    if new > MOST_AGAIN * again:
        raise Failed(
            f"{new * 1e3:.3g} ms for inputs that are new, and {again * 1e3:.3g} ms for the same inputs again"
        )
    if usual > MOST * again:
        raise Failed(
            f"{again * 1e3:.3g} ms where the plain module takes {usual * 1e3:.3g} ms: "
            f"{usual / again:.0f} times as fast, and no kernels are {MOST:.0f} times"
        )
    return None
