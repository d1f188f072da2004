"""Checks of `Model.build`: a fresh float32 module on the CPU, drawn from the seed in force."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.measure import seeds

if TYPE_CHECKING:
    import torch

BUILDS = "model.builds"
FRESH = "model.fresh"
SEEDED = "model.weights-seeded"


@check(
    BUILDS,
    "a torch.nn.Module in float32 on the CPU from build()",
    "return the module itself, not moved and not cast: device and precision come afterwards",
)
def builds(bench: Bench) -> str | None:
    if bench.model.format:
        raise NotApplicable(f"it is a file of the format {bench.model.format}, and no module")
    bench.stage("building")
    module = bench.work().raw_module()
    for name, tensor in weights_of(module):
        if tensor.device.type != "cpu":
            raise Failed(f"{name} on {tensor.device}")
        if tensor.is_floating_point() and str(tensor.dtype) != "torch.float32":
            raise Failed(f"{name} in {str(tensor.dtype).removeprefix('torch.')}")
    return None


@check(
    FRESH,
    "a module of its own from each call of build()",
    "make the module inside build(), and keep it nowhere: a precision changes it in place",
    needs=(BUILDS,),
)
def fresh(bench: Bench) -> str | None:
    work = bench.work()
    first, second = work.raw_module(), work.raw_module()
    if first is second:
        raise Failed("the same object twice")
    ours = {t.untyped_storage().data_ptr(): name for name, t in weights_of(first) if t.numel()}
    for name, tensor in weights_of(second):
        if tensor.numel() and tensor.untyped_storage().data_ptr() in ours:
            raise Failed(f"two modules that share the memory of {name}")
    return None


@check(
    SEEDED,
    "the same weights under the same seed in every process",
    "draw from torch's, numpy's or Python's global generator, and from nothing else",
    needs=(BUILDS,),
    twice=True,
)
def weights_seeded(bench: Bench) -> str | None:
    bench.stage("building")
    bench.data["weights"] = _digest(bench.work().raw_module())
    return None


@check(
    "model.weights-vary",
    "other weights under another seed",
    "draw from the global generators as they are, without a seed or a generator of your own",
    needs=(BUILDS, FRESH),
)
def weights_vary(bench: Bench) -> str | None:
    with _Opened() as files:
        first = bench.work(seed=0).raw_module()
    if files.names:
        raise NotApplicable(f"it reads {files.names[0]}, so its weights are given")
    if _digest(first) == _digest(bench.work(seed=1).raw_module()):
        if not any(p.is_floating_point() and p.numel() for p in first.parameters()):
            raise NotApplicable("it has no weights")
        raise Failed("the same weights under seed 0 and seed 1")
    return None


def weights_of(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters and buffers by name."""
    return [*module.named_parameters(), *module.named_buffers()]


def _digest(module: torch.nn.Module) -> str:
    return seeds.digest(t for _, t in weights_of(module))


class _Opened:
    """Names of the files that are opened for reading inside of it, Python's own left out."""

    _CODE = (".py", ".pyc", ".so", ".pyi", ".pth", ".toml", ".cfg", "METADATA", "RECORD", "entry_points.txt")
    _PLACES = ("/proc/", "/sys/", "/dev/", "/etc/")

    def __init__(self) -> None:
        self.names: list[str] = []
        self._on = False

    def __enter__(self) -> _Opened:
        self._on = True
        sys.addaudithook(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        # A hook cannot be taken away again, and the process ends with its check.
        self._on = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on or event != "open":
            return
        path = arguments[0]
        if isinstance(path, bytes):
            path = path.decode("utf-8", "replace")
        if isinstance(path, str) and not path.endswith(self._CODE) and not path.startswith(self._PLACES):
            self.names.append(path)
