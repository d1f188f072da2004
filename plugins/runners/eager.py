"""PyTorch as it is: one kernel after another, dispatched from Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import harness

from .process import built_alone, flush_denormals, keep_memory


class Eager(harness.Runner):
    """Nothing is added; the options change the process and not the model."""

    name = "eager"
    summary = "PyTorch as it is, operator by operator"
    concurrent = True
    ready_estimate_s = 0.1

    @dataclass(frozen=True)
    class Params:
        allocator: Literal["default", "retained"] = "default"
        denormals: Literal["default", "flush"] = "default"

    def supports(self, case: harness.Combination) -> str | None:
        options = case.options
        if case.device.type != "cpu" and (options.allocator, options.denormals) != ("default", "default"):
            return "allocator and denormals are about the CPU: leave them out"
        return None

    def load(self, work: harness.Work) -> harness.Session:
        if work.options.allocator == "retained":
            keep_memory()
        module = built_alone(work) if work.options.denormals == "flush" else work.module
        if work.options.denormals == "flush":
            flush_denormals()
        return EagerSession(work, module)


class EagerSession(harness.TorchSession):
    """Says what the options changed, if they changed anything."""

    def __init__(self, work: harness.Work, call: Any) -> None:
        super().__init__(work, call)
        self._options = work.options

    def facts(self) -> dict[str, Any]:
        found = {"allocator": self._options.allocator, "denormals": self._options.denormals}
        return {key: value for key, value in found.items() if value != "default"}
