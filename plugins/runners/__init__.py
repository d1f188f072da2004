"""The runners in the box: eager PyTorch, torch.compile, ONNX Runtime and CUDA graphs."""

from __future__ import annotations

from collections.abc import Iterable

import harness

from .compile import Compile
from .cudagraph import CudaGraph
from .eager import Eager
from .onnxruntime import OnnxRuntime


@harness.hookimpl
def harness_runners() -> Iterable[harness.Runner]:
    yield Eager()
    yield Compile()
    yield OnnxRuntime()
    yield CudaGraph()
