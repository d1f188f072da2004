"""OpenVINO: the model converted from torch.export, at the case's own batch size.

Nothing about numeric formats is left to chance: where a processor has bfloat16 arithmetic OpenVINO takes it
by default, and rounds activations of int8 weights to int8.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import harness

from . import openvino_int8, openvino_profile
from .exporting import exported

FILE = "model.xml"
FACTS = "openvino.json"
_HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
_PRODUCTS = ("FullyConnected", "Convolution", "MatMul", "Subgraph")
_GROUP = 32
"""Activations that share a scale where they are quantised at every call; OpenVINO's own default."""


def runtime() -> Any:
    """The package, which reports its use to its makers unless it finds no way to: nothing of a
    measurement leaves the machine.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _as_it_is(_: Any) -> dict[str, Any]:
    """A 16-bit format needs no other weights: the runtime is told to compute in it."""
    return {}


class OpenVino(harness.Runner):
    """One stream, as many threads as torch gets, and the case's precision, each set and read back."""

    name = "openvino"
    summary = "OpenVINO on a model converted at the case's batch size"
    requires = "openvino"
    batch = "fixed"
    reads = ("onnx",)
    ready_estimate_s = 4.0

    recipes = {
        "bf16-true": _as_it_is,
        "fp16-true": _as_it_is,
        "int8-weight-only": openvino_int8.weights_in_int8,
        "int8-dynamic": openvino_int8.weights_in_int8,
    }

    @dataclass(frozen=True)
    class Params:
        pinning: bool = True

    def available(self) -> str | None:
        from importlib.util import find_spec

        if find_spec("openvino") is None:
            return "openvino is not installed: pip install 'pytorch-inference-lab[openvino]'"
        return None

    def supports(self, case: harness.Combination) -> str | None:
        precision = case.precision
        if case.device.type != "cpu":
            return f"it is for the CPU here, not for {case.device.type}: try -d cpu"
        if precision.how == "autocast":
            true = "fp16-true" if precision.dtype == "float16" else "bf16-true"
            return f"OpenVINO has no autocast: try -p {true}"
        if precision.how in ("native", "cast") and precision.dtype not in _HINTS:
            return f"OpenVINO has no arithmetic in {precision.dtype}: try -p fp32"
        if case.model.format and precision.how == "quantised":
            return "a file keeps the weights that it was exported with: try -p fp32"
        return None

    def build(self, work: harness.Work) -> None:
        ov = runtime()
        said: dict[str, Any] = {}
        if work.model.format:
            model = ov.Core().read_model(str(work.model.path))  # type: ignore[attr-defined]
            model.reshape({k: list(t.shape) for k, t in _named(work).items()})
        else:
            module = work.module
            recipe: Callable[[Any], dict[str, Any]] = self.recipes.get(work.case.precision, _as_it_is)
            said = recipe(module)
            program, tensors = exported(module, work.inputs)
            model = ov.convert_model(program, input=[list(t.shape) for t in tensors])
        # By default it would store weights as float16, and so round them.
        ov.save_model(model, str(work.dir / FILE), compress_to_fp16=False)
        (work.dir / FACTS).write_text(json.dumps(said))
        if work.case.precision == "int8-dynamic":
            _check_dynamic(work)

    def load(self, work: harness.Work) -> harness.Session:
        return OpenVinoSession(work)


def _check_dynamic(work: harness.Work) -> None:
    """Where a processor lacks the instructions OpenVINO leaves activations as they are, without a word."""
    feed = {k: t.numpy() for k, t in _named(work).items()}
    first, second = (
        list(open_model(work, DYNAMIC_QUANTIZATION_GROUP_SIZE=size)(feed).values()) for size in (0, _GROUP)
    )
    if all((a == b).all() for a, b in zip(first, second, strict=True)):
        raise harness.Unsupported(
            "OpenVINO does not quantise activations on this processor: try -p int8-weight-only"
        )


def _named(work: harness.Work) -> dict[str | int, Any]:
    """The inputs by what the graph calls them: their names in a file, else their position."""
    tensors = harness.tensor_leaves((work.inputs.args, work.inputs.kwargs))
    names = getattr(work.model, "input_names", None)
    return dict(zip(names(work.inputs) if names else range(len(tensors)), tensors, strict=True))


def open_model(work: harness.Work, **more: Any) -> Any:
    """The case's file compiled for the CPU.

    Raises:
        Unsupported: the processor computes in another format than the case's.
    """
    core = runtime().Core()
    dynamic = work.case.precision == "int8-dynamic"
    hint = _HINTS.get(work.precision.dtype, "f32")
    compiled = core.compile_model(
        core.read_model(str(work.dir / FILE)),
        "CPU",
        {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": work.threads,
            "INFERENCE_PRECISION_HINT": hint,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP if dynamic else 0,
            "ENABLE_CPU_PINNING": work.options.pinning,
            **more,
        },
    )
    taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if taken != hint:
        raise harness.Unsupported(
            f"OpenVINO computes in {taken} on this processor, not in {hint}: try -p fp32"
        )
    return compiled


class OpenVinoSession(harness.Session):
    """One request, called again and again; inputs and outputs are views and no copies."""

    on_torch_stream = False

    def __init__(self, work: harness.Work) -> None:
        self._work = work
        self._compiled = open_model(work)
        self._ready(self._compiled.create_infer_request())
        self._outputs = len(self._compiled.outputs)

    def _ready(self, request: Any) -> None:
        self._request = request
        self._infer: Callable[..., Any] = request.infer

    def bind(self, inputs: harness.Inputs) -> Any:
        tensors = harness.tensor_leaves((inputs.args, inputs.kwargs))
        names = getattr(self._work.model, "input_names", None)
        keys = names(inputs) if names else range(len(tensors))
        return {key: t.detach().contiguous().numpy() for key, t in zip(keys, tensors, strict=True)}

    def __call__(self, feed: Any) -> Any:
        return self._infer(feed, share_inputs=True, share_outputs=True)

    def leaves(self, raw: Any) -> list[Any]:
        import torch

        return [torch.from_numpy(raw[k]) for k in range(self._outputs)]

    def facts(self) -> dict[str, Any]:
        said = json.loads((self._work.dir / FACTS).read_text())
        layers = Counter(_words(layer) for layer in executed(self._compiled))
        return {
            "openvino": runtime().__version__,
            "inference_precision": self._property("INFERENCE_PRECISION_HINT").to_string(),
            "inference_threads": self._property("INFERENCE_NUM_THREADS"),
            "streams": self._property("NUM_STREAMS"),
            "pinning": self._property("ENABLE_CPU_PINNING"),
            "dynamic_quantization_group_size": self._property("DYNAMIC_QUANTIZATION_GROUP_SIZE"),
            "layers": dict(layers.most_common()),
            **said,
        }

    def _property(self, name: str) -> Any:
        return self._compiled.get_property(name)

    def problems(self) -> list[str]:
        found = []
        threads = self._property("INFERENCE_NUM_THREADS")
        if threads != self._work.threads:
            found.append(f"OpenVINO takes {threads} threads, not {self._work.threads}")
        slow = Counter(
            layer["type"] for layer in executed(self._compiled) if layer["implementation"].startswith("ref")
        )
        if slow:
            text = ", ".join(f"{count} {name}" for name, count in slow.most_common())
            found.append(f"layers that OpenVINO has no fast kernel for run by its reference code: {text}")
        return found

    def kernels(self) -> list[harness.KernelUse]:
        """Of the layers that multiply; the runtime's own, which tell nothing to torch's libraries."""
        products = Counter(
            _words(layer).partition(" ")[2]
            for layer in executed(self._compiled)
            if layer["type"] in _PRODUCTS
        )
        return [harness.KernelUse("OpenVINO", name, count) for name, count in products.most_common()]

    def weights_bytes(self) -> int | None:
        return (self._work.dir / FILE).with_suffix(".bin").stat().st_size

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        """With OpenVINO's own counters, which slow calls down: in a model compiled for that alone."""
        plain, self._compiled = self._compiled, open_model(self._work, PERF_COUNT=True)
        request = self._request
        self._ready(self._compiled.create_infer_request())
        try:
            return openvino_profile.profile(self._request, executed(self._compiled), asked)
        finally:
            self._compiled = plain
            self._ready(request)

    def close(self) -> None:
        self._infer = _closed
        self._compiled = self._request = None


def executed(compiled: Any) -> list[dict[str, str]]:
    """The layers that are executed, in order: name, type, implementation, precision and shapes of inputs."""
    found = []
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = node.get_rt_info()
        kind = info["layerType"].value
        if kind not in ("Input", "Output", "Const"):
            found.append(
                {
                    "name": node.get_friendly_name(),
                    "type": kind,
                    "implementation": info["primitiveType"].value,
                    "precision": info["runtimePrecision"].value,
                    "shapes": ", ".join("x".join(map(str, i.get_shape())) for i in node.inputs()),
                }
            )
    return found


def _words(layer: dict[str, str]) -> str:
    """Type and implementation, and the format where the implementation does not name it."""
    text, format_ = f"{layer['type']} {layer['implementation']}", layer["precision"]
    return text if text.endswith(format_) else f"{text} ({format_})"


def _closed(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the session is closed")
