"""The seed's method for one cell, and a check of what a cell called `compile` really ran.

The method: a fresh model, 10 warm-up calls (20 if compiled), then torch.utils.benchmark's
`Timer(...).blocked_autorange(min_run_time=2.0)` of a call that enters inference_mode and autocast each
time; throughput is batch over median; on a GPU `memory_allocated` and `memory_reserved` afterwards.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.benchmark import Timer

from benchmarks.cells import COMPILE, Cell
from benchmarks.peers import COMPILED, RAN_EAGER, REUSED, models

WARM_UP_CALLS, WARM_UP_CALLS_COMPILED = 10, 20
MIN_RUN_TIME_S = 2.0
_AUTOCAST = {"fp32": None, "fp16-amp": torch.float16, "bf16-amp": torch.bfloat16}


def measure(cell: Cell, timer_threads: int | None) -> dict[str, Any]:
    """Measures one cell.

    Args:
        timer_threads: threads of the timed calls; None leaves it to Timer, whose default is one.

    Returns:
        `median_ms`, `iqr_ms`, `calls`, `throughput_per_s`, `memory_mib` (None on a CPU), for compiled
        cells `ran` (see benchmarks.peers), `graphs` (compiled for this cell) and
        `graphs_after_warm_up`, and `check_s`, the time spent on finding that out, which is no part
        of the method.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    compiled = cell.runner == COMPILE
    graphs_before = _graphs()
    model = models.build(cell.model, device)
    call: Callable[[torch.Tensor], torch.Tensor] = torch.compile(model) if compiled else model
    x = models.example(cell.model, cell.batch_size, device)
    dtype = _AUTOCAST[cell.precision]

    def run() -> torch.Tensor:
        autocast = torch.autocast(device, dtype=dtype) if dtype else contextlib.nullcontext()
        with torch.inference_mode(), autocast:
            return call(x)

    for _ in range(WARM_UP_CALLS_COMPILED if compiled else WARM_UP_CALLS):
        run()
    graphs_warm = _graphs()
    settings: dict[str, Any] = {} if timer_threads is None else {"num_threads": timer_threads}
    timer = Timer("run()", globals={"run": run}, **settings)
    found = timer.blocked_autorange(min_run_time=MIN_RUN_TIME_S)
    result: dict[str, Any] = {
        "median_ms": found.median * 1e3,
        "iqr_ms": found.iqr * 1e3,
        "calls": len(found.times) * found.number_per_run,
        "throughput_per_s": cell.batch_size / found.median,
        "memory_mib": _memory_mib(),
        "check_s": 0.0,
    }
    if compiled:
        start = time.perf_counter()
        graphs = _graphs() - graphs_before
        result |= {
            "graphs": graphs,
            "graphs_after_warm_up": _graphs() - graphs_warm,
            "ran": _ran(run, graphs, found.task_spec.num_threads),
        }
        result["check_s"] = time.perf_counter() - start
    return result


def _memory_mib() -> dict[str, float] | None:
    if not torch.cuda.is_available():
        return None
    return {
        "allocated": torch.cuda.memory_allocated() / 2**20,
        "reserved": torch.cuda.memory_reserved() / 2**20,
    }


def _graphs() -> int:
    """How many graphs this process has compiled so far."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def _ran(run: Callable[[], Any], graphs: int, threads: int) -> str:
    """What a call runs under the threads it was timed with, as the profiler sees it.

    Counting graphs alone would not do: once dynamo has hit its recompile limit the call falls back to
    eager PyTorch without a word, but a call may also run code that was compiled for another cell.
    """
    from torch.profiler import ProfilerActivity, profile

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            run()
    finally:
        torch.set_num_threads(before)
    if not any(event.name.startswith("Torch-Compiled Region") for event in profiled.events()):
        return RAN_EAGER
    return COMPILED if graphs else REUSED
