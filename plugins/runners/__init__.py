"""The runners in the box: eager PyTorch, compiled by inductor, ONNX Runtime, OpenVINO and CUDA graphs."""

from __future__ import annotations

from collections.abc import Iterable

import harness

from .aotinductor import AotInductor
from .compile import Compile
from .cudagraph import CudaGraph
from .eager import Eager
from .onnxruntime import OnnxRuntime
from .openvino import OpenVino


@harness.hookimpl
def harness_runners() -> Iterable[harness.Runner]:
    yield Eager()
    yield Compile()
    yield OnnxRuntime()
    yield CudaGraph()
    yield AotInductor()
    yield OpenVino()
