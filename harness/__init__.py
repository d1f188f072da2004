"""PyTorch Inference Lab: the same model under different inference configurations, every number proved.

This is the public API for plugins. A complete model plugin::

    from dataclasses import dataclass
    import harness, torch

    class Tiny(harness.Model):
        name = "tiny"
        summary = "one linear layer"

        @dataclass(frozen=True)
        class Params:
            width: int = 64

        def build(self, params):
            return torch.nn.Linear(params.width, params.width)

        def inputs(self, params, batch_size):
            return harness.Inputs(torch.randn(batch_size, params.width))

    @harness.hookimpl
    def harness_models():
        yield Tiny()

announced by an entry point of the group `harness`, or loaded with `harness run --plugin FILE`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.components import Device, Inputs, Model, Precision, Reporter
    from harness.errors import ExitCode, HarnessError, Unsupported
    from harness.hookspecs import hookimpl
    from harness.measure.leaves import tensor_leaves
    from harness.measure.session import TorchSession
    from harness.measure.spans import DeviceSpan, Span, recording
    from harness.measure.trace import write_trace
    from harness.measure.tracker import MemoryTracker
    from harness.records.case import Case
    from harness.records.profile import Recording
    from harness.records.report import Record, Report
    from harness.report.numbers import safe
    from harness.runner import Combination, Exported, ExportOptions, Profiling, Runner, Session, Work

__all__ = [
    "Case",
    "Combination",
    "Device",
    "DeviceSpan",
    "ExitCode",
    "ExportOptions",
    "Exported",
    "HarnessError",
    "Inputs",
    "MemoryTracker",
    "Model",
    "Precision",
    "Profiling",
    "Record",
    "Recording",
    "Report",
    "Reporter",
    "Runner",
    "Session",
    "Span",
    "TorchSession",
    "Unsupported",
    "Work",
    "hookimpl",
    "recording",
    "safe",
    "tensor_leaves",
    "write_trace",
]

_HOMES = {
    "Case": "harness.records.case",
    "Combination": "harness.runner",
    "Device": "harness.components",
    "ExportOptions": "harness.runner",
    "Exported": "harness.runner",
    "DeviceSpan": "harness.measure.spans",
    "ExitCode": "harness.errors",
    "HarnessError": "harness.errors",
    "Inputs": "harness.components",
    "MemoryTracker": "harness.measure.tracker",
    "Model": "harness.components",
    "Precision": "harness.components",
    "Profiling": "harness.runner",
    "Record": "harness.records.report",
    "Recording": "harness.records.profile",
    "Report": "harness.records.report",
    "Reporter": "harness.components",
    "Runner": "harness.runner",
    "Session": "harness.runner",
    "Span": "harness.measure.spans",
    "TorchSession": "harness.measure.session",
    "Unsupported": "harness.errors",
    "Work": "harness.runner",
    "hookimpl": "harness.hookspecs",
    "recording": "harness.measure.spans",
    "safe": "harness.report.numbers",
    "tensor_leaves": "harness.measure.leaves",
    "write_trace": "harness.measure.trace",
}


if not TYPE_CHECKING:
    # A type checker knows the names from above; to it this would make every other name right, too.
    def __getattr__(name: str) -> Any:
        # Each name is imported when it is first used, so that `harness --help` pays for none of them.
        if name in _HOMES:
            from importlib import import_module

            value = getattr(import_module(_HOMES[name]), name)
            globals()[name] = value
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
