"""A CUDA graph: the launches of one call recorded once, and replayed as a whole.

What the host does for each operator is then done once, and a call costs it one launch. Inputs and outputs
are in buffers that stay where they are.
"""

from __future__ import annotations

from typing import Any

import harness

_WARM_UP = 3
"""Calls before the recording: libraries set themselves up in the first ones, which cannot be recorded."""


class CudaGraph(harness.Runner):
    """Records eager PyTorch. What waits for the device or branches on its data cannot be recorded."""

    name = "cudagraph"
    summary = "eager PyTorch recorded as a CUDA graph, and replayed"
    batch = "fixed"
    ready_estimate_s = 0.5

    def available(self) -> str | None:
        import torch

        return None if torch.cuda.is_available() else "there is no CUDA device: try -r compile"

    def supports(self, case: harness.Combination) -> str | None:
        if case.device.type != "cuda":
            return f"CUDA graphs are of CUDA, and this is {case.device.type}: try -r compile"
        return None

    def load(self, work: harness.Work) -> harness.Session:
        return GraphSession(work, work.module)


class GraphSession(harness.TorchSession):
    """Copies its inputs into the graph's buffers and replays it: both are part of a call."""

    def __init__(self, work: harness.Work, call: Any) -> None:
        super().__init__(work, call)
        import torch

        self._static = work.inputs.map(lambda t: t.clone())
        self._places = harness.tensor_leaves((self._static.args, self._static.kwargs))
        eager = self._run
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                eager(self._static)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(self._graph):
                self._output = eager(self._static)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
            raise harness.Unsupported(
                f"it cannot be recorded as a CUDA graph ({said}): try -r eager"
            ) from None
        self._run = self._replay

    def bind(self, inputs: harness.Inputs) -> Any:
        return harness.tensor_leaves((inputs.args, inputs.kwargs))

    def _replay(self, feed: Any) -> Any:
        for place, tensor in zip(self._places, feed, strict=True):
            place.copy_(tensor)
        self._graph.replay()
        return self._output

    def facts(self) -> dict[str, Any]:
        return {"graphs_captured": 1, "static_inputs": len(self._places)}

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        """No source lines: in a replay no line of the model runs."""
        from harness.measure.torchprofile import profile_torch

        return profile_torch(asked)

    def close(self) -> None:
        super().close()
        self._graph.reset()
