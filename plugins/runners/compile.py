"""torch.compile with the inductor backend, and the proof that it compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import harness

from . import generated, inductor
from .dynamo import Listener, recompilations, stage_seconds
from .recording import record

MOST = 5
"""So many graph breaks and recompilations are told one by one."""
SHOWN = 12
"""So many generated kernels are told by name."""


class Compile(harness.Runner):
    """Compiles the whole module. A module of which nothing is captured is unsupported, since what
    would be measured is eager PyTorch under another name.
    """

    name = "compile"
    summary = "torch.compile with inductor"
    concurrent = True
    ready_estimate_s = 6.0

    @dataclass(frozen=True)
    class Params:
        mode: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = "default"
        fullgraph: bool = False
        dynamic: bool | None = None
        freezing: bool = False
        recorded: bool = False

    _loaded = 0
    """How many sessions this process has loaded."""

    def available(self) -> str | None:
        return inductor.compiler_missing()

    def preload(self, devices: frozenset[str]) -> None:
        inductor.preload(devices)

    def load(self, work: harness.Work) -> harness.Session:
        import torch
        import torch._dynamo
        import torch._inductor.config
        import torch.backends.mha

        options = work.options
        alone: dict[str, Any] = {}
        if Compile._loaded:
            # Another session lives in this process, so nothing is reset: what it has compiled stays.
            alone = _apart()
        else:
            torch._dynamo.reset()
            torch._dynamo.utils.counters.clear()
        Compile._loaded += 1
        # Errors and limits are to be seen: the defaults print a line and go on in eager mode.
        torch._dynamo.config.suppress_errors = False
        torch._dynamo.config.fail_on_recompile_limit_hit = True
        torch._inductor.config.freezing = inductor.freezes(work)
        if work.precision.how == "quantised":
            # Dynamo cannot follow such weights into torch's fused attention and encoder layer.
            torch.backends.mha.set_fastpath_enabled(False)
        listener = Listener().start()
        # Generated C++ kernels then show in a profile; in a timed case they stay as users have them.
        torch._inductor.config.cpp.enable_kernel_profile = work.profiling and not work.in_passing
        compiled = torch.compile(
            record(work.module, work.inputs, work) if options.recorded else work.module,
            mode=None if options.mode == "default" else options.mode,
            fullgraph=options.fullgraph,
            dynamic=options.dynamic,
            **alone,
        )
        return CompiledSession(work, compiled, listener)


class CompiledSession(harness.TorchSession):
    """Checks after the first call that something was compiled, and counts what happens later.

    Dynamo counts for the whole process: where it holds several sessions, the facts are of all of them.
    """

    def __init__(self, work: harness.Work, compiled: Any, listener: Listener) -> None:
        super().__init__(work, compiled)
        self._listener = listener
        self._unchecked = self._run
        self._run = self._first

    def _first(self, feed: Any) -> Any:
        """The first, untimed call; later ones go straight through."""
        output = self._unchecked(feed)
        if not _graphs():
            breaks = self._breaks()
            why = f" ({breaks[0]})" if breaks else " (dynamo captured no part of it)"
            raise harness.Unsupported(f"nothing was compiled{why}: try -r eager")
        self._run = self._unchecked
        return output

    def events(self) -> int:
        from torch._dynamo.utils import counters

        frames = counters["frames"]
        return int(frames["total"]) + int(counters["inductor"]["fxgraph_cache_miss"])

    def facts(self) -> dict[str, Any]:
        import torch.backends.mha
        from torch._dynamo.utils import counters

        frames = counters["frames"]
        causes = recompilations()
        return {
            "backend": "inductor",
            "freezing": inductor.freezes(self._work),
            "mha_fast_path": torch.backends.mha.get_fastpath_enabled(),
            "graphs": _graphs(),
            # The counter knows nothing of a branch on a tensor's value, the commonest break of all.
            "graph_breaks": max(len(self._listener.breaks), len(counters["graph_break"])),
            "graph_break_reasons": self._breaks()[:MOST],
            "operators_captured": int(counters["stats"]["calls_captured"]),
            "frames_compiled": int(frames["ok"]),
            "frames_total": int(frames["total"]),
            "recompiles": len(causes),
            "recompile_reasons": causes[:MOST],
            **_generated(),
            "cache_hits": int(counters["inductor"]["fxgraph_cache_hit"]),
            "cache_misses": int(counters["inductor"]["fxgraph_cache_miss"]),
            "cudagraph_skips": int(counters["inductor"]["cudagraph_skips"]),
            "compile_s": stage_seconds(),
        }

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        """Generated kernels show under their names, whether or not they were compiled to."""
        if not self._work.in_passing:
            return super().profile(asked)
        with generated.named():
            return super().profile(asked)

    def problems(self) -> list[str]:
        facts = self.facts()
        found = [f"graph break at {text}" for text in facts["graph_break_reasons"]]
        found += [f"recompiled: {text}" for text in facts["recompile_reasons"]]
        if facts["cudagraph_skips"]:
            found.append(f"CUDA graphs were skipped {facts['cudagraph_skips']} times")
        return found

    def _breaks(self) -> list[str]:
        """Where and why dynamo gave up; the reasons alone where torch does not log the places."""
        return self._listener.breaks or _reasons("graph_break")


def _graphs() -> int:
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def _generated() -> dict[str, Any]:
    """Kernels of inductor's own making that one call runs; nothing where it does not say."""
    from torch._inductor import metrics

    kernels = generated.called()
    before = int(getattr(metrics, "ir_nodes_pre_fusion", 0))
    if not before and not kernels:
        return {}
    return {
        "generated_kernels": kernels.total(),
        "generated": list(kernels)[:SHOWN],
        "nodes_before_fusion": before,
    }


def _reasons(counter: str) -> list[str]:
    """Why dynamo gave up in places, each in one line."""
    from torch._dynamo.utils import counters

    return [" ".join(str(text).split())[:200] for text in counters[counter]]


def _apart() -> dict[str, Any]:
    """What keeps one more session's compilations from counting against the limit of the others'."""
    import inspect

    import torch
    import torch._dynamo.config

    if "isolate_recompiles" in inspect.signature(torch.compile).parameters:
        return {"isolate_recompiles": True}
    torch._dynamo.config.recompile_limit += 8
    return {}
