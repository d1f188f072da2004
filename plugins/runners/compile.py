"""torch.compile with the inductor backend, and the proof that it compiled."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Literal

import harness


class Compile(harness.Runner):
    """Compiles the whole module. A module of which nothing is captured is unsupported, since what
    would be measured is eager PyTorch under another name.
    """

    name = "compile"
    summary = "torch.compile with inductor"
    ready_estimate_s = 6.0

    @dataclass(frozen=True)
    class Params:
        mode: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = "default"
        fullgraph: bool = False
        dynamic: bool | None = None
        freezing: bool = False

    def preload(self, devices: frozenset[str]) -> None:
        import torch
        import torch._dynamo

        if torch.version.cuda is None and torch.version.hip is None:
            # With a GPU build this import starts the device, after which a fork is of no use.
            import torch._inductor.compile_fx
        if "cpu" in devices:
            # Compiles a few lines of C++ to find out what the processor can do, which takes seconds
            # (a minute on some) and would be part of every cold start. No reason to fail.
            with contextlib.suppress(Exception):
                from torch._inductor import cpu_vec_isa

                cpu_vec_isa.pick_vec_isa()

    def load(self, work: harness.Work) -> harness.Session:
        import torch
        import torch._dynamo
        import torch._inductor.config

        options = work.options
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        # Errors and limits are to be seen: the defaults print a line and go on in eager mode.
        torch._dynamo.config.suppress_errors = False
        torch._dynamo.config.fail_on_recompile_limit_hit = True
        torch._inductor.config.freezing = options.freezing
        # Generated C++ kernels then show in a profile; in a timed case they stay as users have them.
        torch._inductor.config.cpp.enable_kernel_profile = work.profiling
        compiled = torch.compile(
            work.module,
            mode=None if options.mode == "default" else options.mode,
            fullgraph=options.fullgraph,
            dynamic=options.dynamic,
        )
        return CompiledSession(work, compiled)


class CompiledSession(harness.TorchSession):
    """Checks after the first call that something was compiled, and counts what happens later."""

    def __init__(self, work: harness.Work, compiled: Any) -> None:
        super().__init__(work, compiled)
        self._unchecked = self._run
        self._run = self._first

    def _first(self, feed: Any) -> Any:
        """The first, untimed call; later ones go straight through."""
        output = self._unchecked(feed)
        if not _graphs():
            breaks = _reasons("graph_break")
            why = f" ({breaks[0]})" if breaks else " (dynamo captured no part of it)"
            raise harness.Unsupported(f"nothing was compiled{why}: try -r eager")
        self._run = self._unchecked
        return output

    def events(self) -> int:
        from torch._dynamo.utils import counters

        frames = counters["frames"]
        return int(frames["total"]) + int(counters["inductor"]["fxgraph_cache_miss"])

    def facts(self) -> dict[str, Any]:
        from torch._dynamo.utils import counters

        graphs, frames = _graphs(), counters["frames"]
        breaks = _reasons("graph_break")
        return {
            "backend": "inductor",
            "graphs": graphs,
            "graph_breaks": sum(counters["graph_break"].values()),
            "graph_break_reasons": breaks[:5],
            "operators_captured": int(counters["stats"]["calls_captured"]),
            "frames_compiled": int(frames["ok"]),
            "frames_total": int(frames["total"]),
            "recompiles": _recompiles(),
            "cache_hits": int(counters["inductor"]["fxgraph_cache_hit"]),
            "cache_misses": int(counters["inductor"]["fxgraph_cache_miss"]),
            "cudagraph_skips": int(counters["inductor"]["cudagraph_skips"]),
        }


def _graphs() -> int:
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def _recompiles() -> int:
    """How many compilations were not the first of their piece of code."""
    from torch._dynamo.utils import get_compilation_metrics

    places = [(m.co_filename, m.co_firstlineno, m.co_name) for m in get_compilation_metrics()]
    return len(places) - len(set(places))


def _reasons(counter: str) -> list[str]:
    """Why dynamo gave up in places, each in one line."""
    from torch._dynamo.utils import counters

    return [" ".join(str(text).split())[:200] for text in counters[counter]]
