"""A plugin as an author with `mypy --strict` writes it. Never run: only its types are looked at.

A line with `type: ignore` has a mistake that mypy must find. Where it finds none, the comment is unused,
which is an error, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import harness


class Tiny(harness.Model):
    name = "tiny"
    summary = "one linear layer"
    aliases = ("small",)
    unit = "tokens"
    tolerances = {"fp32": 1e-5}

    @dataclass(frozen=True)
    class Params:
        width: int = 64

    def build(self, params: Params) -> torch.nn.Module:
        return torch.nn.Linear(params.width, params.width)

    def inputs(self, params: Params, batch_size: int) -> harness.Inputs:
        inputs = harness.Inputs(torch.randn(batch_size, params.width), mask=None)
        return inputs.map(lambda tensor: tensor.abs())

    def items(self, params: Params, batch_size: int) -> int:
        return batch_size * params.width

    def reset(self, module: torch.nn.Module) -> None:
        module.zero_grad()

    def available(self) -> str | None:
        return None


class Double(harness.Precision):
    name = "fp64-true"
    summary = "weights and inputs in float64"
    how = "cast"
    dtype = "float64"
    tolerance = 1e-9

    def supports(self, device: harness.Device) -> str | None:
        return None if device.type == "cpu" or "fp64" in device.features else f"{device.name} has none"

    def prepare(self, module: torch.nn.Module, example: harness.Inputs) -> torch.nn.Module:
        return super().prepare(module, example).double()


class Traced(harness.Runner):
    name = "traced"
    summary = "torch.jit.trace"
    batch = "fixed"
    recipes = {"bf16-true": lambda module: module.bfloat16()}

    @dataclass(frozen=True)
    class Params:
        freeze: bool = True

    def supports(self, case: harness.Combination) -> str | None:
        return None if case.device.type == "cpu" and case.batch_size > 0 else "it runs on the CPU: try -d cpu"

    def build(self, work: harness.Work) -> None:
        (work.dir / "note.txt").write_text(work.case.model)

    def load(self, work: harness.Work) -> harness.Session:
        if work.threads < 1:
            raise harness.Unsupported("it needs a thread")
        return TracedSession(work)

    def export(self, work: harness.Work, target: Path, options: harness.ExportOptions) -> harness.Exported:
        return harness.Exported({"dynamic": options.dynamic})


class TracedSession(harness.Session):
    def __init__(self, work: harness.Work) -> None:
        self._call = torch.nn.Identity()
        self._module: torch.nn.Module = work.module

    def bind(self, inputs: harness.Inputs) -> tuple[Any, ...]:
        return inputs.args

    def __call__(self, feed: tuple[Any, ...]) -> Any:
        return self._call(*feed)

    def leaves(self, raw: Any) -> list[torch.Tensor]:
        return harness.tensor_leaves(raw)

    def facts(self) -> dict[str, Any]:
        return {"traced": True}

    def profile(self, asked: harness.Profiling) -> harness.Recording:
        spans = [harness.Span("call", 0.0, 1.0)]
        harness.write_trace(asked.trace, spans, [], asked.about)
        return harness.recording(spans, spans)


class Lines(harness.Reporter):
    name = "lines"
    summary = "one case a line"
    extension = ".txt"

    def render(self, report: harness.Report) -> str:
        return "\n".join(self._line(record) for record in report.records)

    def _line(self, record: harness.Record) -> str:
        if record.latency_ms is None:
            return record.status
        return harness.safe(f"{record.case.model} {record.latency_ms.median:.2f}")


@harness.hookimpl
def harness_models() -> Iterator[harness.Model]:
    yield Tiny()


@harness.hookimpl
def harness_precisions() -> Iterator[harness.Precision]:
    yield Double()


@harness.hookimpl
def harness_runners() -> Iterator[harness.Runner]:
    yield Traced()


@harness.hookimpl
def harness_reporters() -> Iterator[harness.Reporter]:
    yield Lines()


@harness.hookimpl
def harness_case_finished(record: harness.Record) -> None:
    print(record.case.model, record.status)


@harness.hookimpl
def harness_run_finished(report: harness.Report) -> None:
    with harness.MemoryTracker() as tracker:
        print(report.run.id, tracker.host)


# ---- mistakes ------------------------------------------------------------------------------------


class WrongModel(harness.Model):
    name = 3  # type: ignore[assignment]
    summary = "a name that is no text"

    def build(self, params: Any) -> str:  # type: ignore[override]
        return "no module"

    def inputs(self, params: Any) -> harness.Inputs:  # type: ignore[override]
        return torch.zeros(1)  # type: ignore[return-value]


class WrongPrecision(harness.Precision):
    name = "wrong"
    summary = "a way that is none, and a tolerance that is no number"
    how = "casted"  # type: ignore[assignment]
    tolerance = "small"  # type: ignore[assignment]

    def supports(self, device: harness.Device) -> bool:  # type: ignore[override]
        return device.has_tensor_cores  # type: ignore[attr-defined, no-any-return]


class WrongRunner(harness.Runner):
    name = "wrong"
    summary = "a session that is none"
    batch = "some"  # type: ignore[assignment]

    def load(self, work: harness.Work) -> torch.nn.Module:  # type: ignore[override]
        return work.modul  # type: ignore[attr-defined, no-any-return]


class WrongSession(harness.Session):
    def events(self) -> str:  # type: ignore[override]
        return "none"


class WrongReporter(harness.Reporter):
    name = "wrong"
    summary = "takes what may be None"

    def render(self, report: harness.Report) -> str:
        first = report.records[0]
        return f"{first.latency_ms.median}"  # type: ignore[union-attr]


def misspelt() -> harness.Modell:  # type: ignore[name-defined]
    return harness.Inputz()  # type: ignore[attr-defined]


harness.Span("call", "0", "1")  # type: ignore[arg-type]
harness.Exported()  # type: ignore[call-arg]
harness.Device("cpu").index = 1  # type: ignore[misc]
