"""ONNX Runtime: the model exported once with torch's dynamo exporter, at the case's own batch size."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import harness

from . import onnx_profile
from .onnx_export import export, input_names
from .onnx_graph import fallbacks, file_facts, graph_facts
from .onnx_quantise import quantise_dynamic, quantise_weights, saturates

if TYPE_CHECKING:
    import torch

FILE = "model.onnx"
FACTS = "nodes.json"
CPU = "CPUExecutionProvider"
_DEFAULT_PROVIDERS = {"cpu": (CPU,), "cuda": ("CUDAExecutionProvider", CPU)}


class OnnxRuntime(harness.Runner):
    """A session of ONNX Runtime with as many threads as torch gets, and nothing left to chance about
    where its nodes run.
    """

    name = "onnxruntime"
    summary = "ONNX Runtime on a model exported at the case's batch size"
    batch = "fixed"
    concurrent = True
    reads = ("onnx",)
    ready_estimate_s = 3.5

    recipes = {"int8-dynamic": quantise_dynamic, "int8-weight-only": quantise_weights}

    @dataclass(frozen=True)
    class Params:
        providers: tuple[str, ...] = ()
        graph_optimization_level: Literal["all", "extended", "basic", "disabled"] = "all"
        spinning: bool = True
        prepacking: bool = True
        per_channel: bool = True

    def available(self) -> str | None:
        from importlib.util import find_spec

        for module in ("onnxruntime", "onnx", "onnxscript"):
            if find_spec(module) is None:
                return f"{module} is not installed: pip install {module}"
        return None

    def supports(self, case: harness.Combination) -> str | None:
        precision, device = case.precision, case.device
        if case.model.format and precision.how == "cast":
            return "a file keeps the formats that it was exported in: try -p fp32"
        if precision.how == "autocast":
            other = "-p fp16-true" if precision.dtype == "float16" else "-r eager"
            return f"ONNX has no autocast: try -p fp32, or {other}"
        if device.type == "cpu" and precision.dtype == "bfloat16":
            return "its CPU provider has no bfloat16 kernels: try -p fp32, or -r eager -p bf16-true"
        if precision.name in self.recipes and device.type != "cpu":
            return f"only its CPU provider has kernels for {precision.name}: try -d cpu"
        if device.type not in _DEFAULT_PROVIDERS:
            return f"no provider is known for {device.type}: try -d cpu"
        import onnxruntime

        there = onnxruntime.get_available_providers()
        for provider in _providers(case.options, device):
            if provider not in there:
                need = "pip install onnxruntime-gpu, or " if "CUDA" in provider else ""
                return f"this onnxruntime has no {provider}: {need}try -d cpu"
        return None

    def preload(self, devices: frozenset[str]) -> None:
        # onnxruntime itself starts a thread when it is imported, so that is left to the children.
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
        import torch.onnx  # noqa: F401

    def build(self, work: harness.Work) -> None:
        if work.model.format:
            import onnx

            # With its weights in it, wherever they lay.
            onnx.save(onnx.load(work.model.path), work.dir / FILE)  # type: ignore[attr-defined]
        else:
            export(work.module, work.inputs, work.dir / FILE)
        quantised = self._quantise(work, work.dir / FILE)
        (work.dir / FACTS).write_text(json.dumps({**graph_facts(work, open_session), **quantised}))

    def _quantise(self, work: harness.Work, path: Path) -> dict[str, Any]:
        """What it did to the weights; nothing where the precision needs none of it."""
        recipe = self.recipes.get(work.case.precision)
        if recipe is None:
            return {}
        reduced = {"reduced": True} if recipe is quantise_dynamic and saturates(work.device) else {}
        return {"quantised": recipe(path, work.options.per_channel, **reduced)}

    def export(self, work: harness.Work, target: Path, options: harness.ExportOptions) -> harness.Exported:
        if work.model.format:
            raise harness.Unsupported(f"{work.case.model} is an exported file already")
        import onnx

        said = export(work.module, work.inputs, target, work.case.batch_size, options)
        self._quantise(work, target)
        onnx.checker.check_model(target, full_check=True)
        return harness.Exported(file_facts(target), said)

    def load(self, work: harness.Work) -> harness.Session:
        return OnnxSession(work)


def _providers(options: Any, device: harness.Device) -> tuple[str, ...]:
    return options.providers or _DEFAULT_PROVIDERS[device.type]


def _as_it_is(options: Any) -> None:
    """Changes nothing."""


def open_session(work: harness.Work, change: Callable[[Any], None] = _as_it_is) -> Any:
    """A session on the case's file; `change` may set more of its options."""
    import onnxruntime as ort

    ort.disable_telemetry_events()  # nothing of a measurement leaves the machine
    levels = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.intra_op_num_threads = work.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = {
        "all": levels.ORT_ENABLE_ALL,
        "extended": levels.ORT_ENABLE_EXTENDED,
        "basic": levels.ORT_ENABLE_BASIC,
        "disabled": levels.ORT_DISABLE_ALL,
    }[work.options.graph_optimization_level]
    if not work.options.spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not work.options.prepacking:
        options.add_session_config_entry("session.disable_prepacking", "1")
    options.log_severity_level = 3
    change(options)
    chosen = _providers(work.options, work.device)
    # The CUDA provider computes float32 in TF32 unless told otherwise.
    cuda = {
        "device_id": str(work.device.index),
        "use_tf32": "1" if work.case.precision == "tf32" else "0",
    }
    settings = [cuda if p == "CUDAExecutionProvider" else {} for p in chosen]
    session = ort.InferenceSession(
        str(work.file or work.dir / FILE), options, providers=list(chosen), provider_options=settings
    )
    # Asked for CUDA without having it, it prints a warning and runs on the CPU.
    missing = set(chosen) - set(session.get_providers())
    if missing:
        raise RuntimeError(f"onnxruntime did not take {', '.join(sorted(missing))}")
    return session


class OnnxSession(harness.Session):
    """One session; inputs and outputs are mapped by position, since the exporter renames them."""

    on_torch_stream = False

    def __init__(self, work: harness.Work) -> None:
        self._work = work
        # A profiler cannot be switched on later, and slows every call down. Where plain calls count as well,
        # profiled ones get a session of their own, unless the inputs are bound to this one.
        self._apart = work.in_passing and work.device.type == "cpu"
        self._session = open_session(work, self._instrument if not self._apart else _as_it_is)
        wanted = {i.name for i in self._session.get_inputs()}
        own = getattr(work.model, "input_names", input_names)
        names = own(work.inputs)
        self._inputs = [(name, k) for k, name in enumerate(names) if name in wanted]
        self._outputs = [o.name for o in self._session.get_outputs()]
        on_device = work.device.type != "cpu"
        self._call: Callable[[Any], Any] = self._bound if on_device else self._plain

    # -- the CPU: numpy views of the tensors, no copies -------------------------------------------

    def bind(self, inputs: harness.Inputs) -> Any:
        tensors = harness.tensor_leaves((inputs.args, inputs.kwargs))
        if self._work.device.type != "cpu":
            return self._binding(tensors)
        return {name: tensors[k].detach().contiguous().numpy() for name, k in self._inputs}

    def __call__(self, feed: Any) -> Any:
        return self._call(feed)

    def _plain(self, feed: Any) -> Any:
        return self._session.run(self._outputs, feed)

    # -- a GPU: inputs and outputs stay in device memory ------------------------------------------

    def _binding(self, tensors: list[torch.Tensor]) -> Any:
        """Device buffers bound once; without that every call copies both ways."""
        device, binding = self._work.device, self._session.io_binding()
        types = {i.name: i.type for i in self._session.get_inputs()}
        kept = []
        for name, k in self._inputs:
            tensor = tensors[k].detach().contiguous()
            kept.append(tensor)
            binding.bind_input(
                name,
                device.type,
                device.index,
                _numpy_type(types[name]),
                tuple(tensor.shape),
                tensor.data_ptr(),
            )
        for name in self._outputs:
            binding.bind_output(name, device.type, device.index)
        return binding, kept

    def _bound(self, feed: Any) -> Any:
        binding, _ = feed
        self._session.run_with_iobinding(binding)
        return binding

    def leaves(self, raw: Any) -> list[Any]:
        import torch

        arrays = raw if isinstance(raw, list) else raw.copy_outputs_to_cpu()
        return [torch.from_numpy(a) for a in arrays]

    # -- facts ------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        import onnxruntime

        options = self._session.get_session_options()
        file = Path(self._work.dir) / FACTS
        built = json.loads(file.read_text()) if file.is_file() else {}  # none of a file that was exported
        return {
            "providers": self._session.get_providers(),
            "onnxruntime": onnxruntime.__version__,
            "intra_op_threads": options.intra_op_num_threads,
            "graph_optimization_level": self._work.options.graph_optimization_level,
            "spinning": self._work.options.spinning,
            "prepacking": self._work.options.prepacking,
            **built,
        }

    def problems(self) -> list[str]:
        return fallbacks(self.facts(), _providers(self._work.options, self._work.device)[0])

    def weights_bytes(self) -> int | None:
        file = self._work.file or Path(self._work.dir) / FILE
        return sum(f.stat().st_size for f in file.parent.iterdir() if f.name.startswith(file.name))

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        model = self._work.file or self._work.dir / FILE
        if not self._apart:
            return onnx_profile.profile(self._session, model, asked)
        plain = self._session
        self._session = open_session(self._work, self._instrument)
        try:
            for call in asked.inferences(1):
                call()  # the first one of a session allocates
            return onnx_profile.profile(self._session, model, asked)
        finally:
            self._session = plain

    def _instrument(self, options: Any) -> None:
        onnx_profile.instrument(self._work, options)

    def close(self) -> None:
        self._session = None


def _numpy_type(onnx_type: str) -> Any:
    """`tensor(float16)` as numpy's type."""
    import numpy

    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return numpy.dtype({"float": "float32", "double": "float64"}.get(name, name)).type
