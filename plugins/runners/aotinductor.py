"""AOTInductor: compiled by torch.export and inductor ahead of time into a package, which every process loads.

What torch.compile does at the first call is done once, before the first replicate. A package is machine code
for the processor that it was made on, at the shapes of the case.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness

from . import inductor
from .exporting import exported

PACKAGE = "model.pt2"
PROFILED = "profiled.pt2"


class AotInductor(harness.Runner):
    """Compiles in `build` and loads in `load`, so that the cost of each is told apart."""

    name = "aotinductor"
    summary = "compiled ahead of time by torch.export and inductor, loaded from a package"
    batch = "fixed"
    concurrent = False
    ready_estimate_s = 20.0

    @dataclass(frozen=True)
    class Params:
        freezing: bool = False

    def supports(self, case: harness.Combination) -> str | None:
        if case.precision.how == "autocast":
            true = "fp16-true" if case.precision.dtype == "float16" else "bf16-true"
            return f"an exported program keeps no autocast: try -p {true}, or -r compile"
        return None

    def available(self) -> str | None:
        return inductor.compiler_missing()

    def preload(self, devices: frozenset[str]) -> None:
        inductor.preload(devices)

    def build(self, work: harness.Work) -> None:
        package(work, work.dir / PACKAGE)

    def load(self, work: harness.Work) -> harness.Session:
        return PackageSession(work, work.dir / PACKAGE)


def package(work: harness.Work, file: Path, more: dict[str, Any] | None = None) -> None:
    """Compiles the case's module into `file`."""
    import torch
    from torch._inductor import aoti_compile_and_package

    program, _ = exported(work.module, work.inputs)
    start = time.perf_counter()
    with torch.no_grad():
        aoti_compile_and_package(
            program,
            package_path=str(file),
            inductor_configs={"freezing": inductor.freezes(work), **(more or {})},
        )
    said = {
        "weights_bytes": harness.stored_bytes(
            t
            for t in [*program.state_dict.values(), *program.constants.values()]
            if isinstance(t, torch.Tensor)
        ),
        "package_compile_s": round(time.perf_counter() - start, 3),
    }
    file.with_suffix(".json").write_text(json.dumps(said))


class PackageSession(harness.TorchSession):
    """Calls the package with the tensors of the inputs, in order."""

    def __init__(self, work: harness.Work, file: Path) -> None:
        from torch._inductor import aoti_load_package

        start = time.perf_counter()
        self._package: Any = aoti_load_package(str(file))
        self._loaded_s = time.perf_counter() - start
        self._file = file
        self._said = json.loads(file.with_suffix(".json").read_text())
        super().__init__(work, self._package)

    def bind(self, inputs: harness.Inputs) -> Any:
        return harness.Inputs(*harness.tensor_leaves((inputs.args, inputs.kwargs)))

    def facts(self) -> dict[str, Any]:
        told: Callable[[], dict[str, str]] = getattr(self._package, "get_metadata", dict)
        return {
            "backend": "aotinductor",
            "isa": told().get("AOTI_CPU_ISA", ""),
            "freezing": inductor.freezes(self._work),
            "package_bytes": self._file.stat().st_size,
            "package_load_s": round(self._loaded_s, 4),
            "package_compile_s": self._said["package_compile_s"],
        }

    def weights_bytes(self) -> int | None:
        """Of the program that was compiled; in the package they lie in a machine code library."""
        return int(self._said["weights_bytes"])

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        """No source lines: none of the model's runs. On the CPU of a package compiled once more, since most
        of what the timed one calls tells no profiler of itself.
        """
        from torch._inductor import aoti_load_package

        from harness.measure.torchprofile import profile_torch

        if asked.device.type != "cpu":
            return profile_torch(asked)
        file = self._work.dir / PROFILED
        package(self._work, file, {"cpp.enable_kernel_profile": True})
        plain, self._call = self._call, aoti_load_package(str(file))
        try:
            for call in asked.inferences(1):
                call()  # the first one of a package allocates
            return profile_torch(asked)
        finally:
            self._call = plain

    def close(self) -> None:
        super().close()
        self._package = None
