"""The hooks of the harness: four that fill the catalogue, three that observe a run.

A plugin is a module (or an object) with functions marked `@harness.hookimpl`. An installed package
announces it by an entry point of the group `harness`:

    [options.entry_points]
    harness =
        tiny = tiny_plugin

The catalogue hooks are plural nouns: each returns or yields components, all answers count, and two
plugins that provide the same name are told apart by `distribution/name`. The lifecycle hooks are
called in the parent process, between measurements; they see what happened and cannot change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from harness.components import Model, Precision, Reporter
    from harness.records.report import Record, Report, RunInfo
    from harness.runner import Runner

PROJECT = "harness"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# ---- the catalogue: called once in every process that needs components -------------------------


@hookspec
def harness_models() -> Iterable[Model]:  # type: ignore[empty-body]
    """Models to measure.

    Example, a complete plugin::

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

    Returns: an iterable of `harness.Model` instances.
    """


@hookspec
def harness_precisions() -> Iterable[Precision]:  # type: ignore[empty-body]
    """Numeric formats, and how they are applied to a model.

    Example, a complete plugin::

        import harness

        class Double(harness.Precision):
            name = "fp64-true"
            summary = "weights and inputs in float64"
            how = "cast"
            dtype = "float64"
            tolerance = 1e-9

        @harness.hookimpl
        def harness_precisions():
            yield Double()

    Returns: an iterable of `harness.Precision` instances.
    """


@hookspec
def harness_runners() -> Iterable[Runner]:  # type: ignore[empty-body]
    """What executes a model.

    Example, a complete plugin::

        import harness, torch

        class Exported(harness.Runner):
            name = "exported"
            summary = "the program that torch.export makes of the module"
            batch = "fixed"

            def load(self, work):
                try:
                    program = torch.export.export(work.module, work.inputs.args, work.inputs.kwargs)
                except Exception as error:
                    raise harness.Unsupported(f"torch.export cannot take it ({error})") from error
                return harness.TorchSession(work, program.module())

        @harness.hookimpl
        def harness_runners():
            yield Exported()

    Returns: an iterable of `harness.Runner` instances.
    """


@hookspec
def harness_reporters() -> Iterable[Reporter]:  # type: ignore[empty-body]
    """Ways to show stored results.

    Example, a complete plugin::

        import harness

        class Names(harness.Reporter):
            name = "names"
            summary = "one case a line, with its status"
            extension = ".txt"

            def render(self, report):
                return "\\n".join(f"{r.status} {r.id}" for r in report.records)

        @harness.hookimpl
        def harness_reporters():
            yield Names()

    Returns: an iterable of `harness.Reporter` instances.
    """


# ---- the life of a run: observed in the parent process, all implementations are called ----------


@hookspec
def harness_run_started(run: RunInfo, case_ids: list[str]) -> None:
    """A run begins: its file exists and nothing has been measured yet.

    Example::

        @harness.hookimpl
        def harness_run_started(run, case_ids):
            print(f"run {run.id}: {len(case_ids)} cases")
    """


@hookspec
def harness_case_finished(run: RunInfo, record: Record) -> None:
    """Nothing more will be measured of a case: called once for each, as the last of its replicates ends.

    Not for cases that are unsupported, nor for those that an early end of the run cuts short.

    Example::

        @harness.hookimpl
        def harness_case_finished(run, record):
            if record.latency_ms:
                print(record.case.model, record.latency_ms.median)
    """


@hookspec
def harness_run_finished(report: Report) -> None:
    """The run has ended, whatever way, and its files are written.

    Example::

        @harness.hookimpl
        def harness_run_finished(report):
            upload(report.run.id)
    """


CATALOGUE_HOOKS = {
    "model": "harness_models",
    "precision": "harness_precisions",
    "runner": "harness_runners",
    "reporter": "harness_reporters",
}
LIFECYCLE_HOOKS = ("harness_run_started", "harness_case_finished", "harness_run_finished")
