"""Writes a model to a file, and holds what the file answers against the reference."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.channel import Channel
from harness.errors import Unsupported
from harness.jobs import CaseJob, ExportJob
from harness.measure.loaded import LoadedCase
from harness.records.export import ExportResult, VerifyResult
from harness.runner import ExportOptions

if TYPE_CHECKING:
    from harness.measure.prepare import CaseWork


def write(work: CaseWork, job: ExportJob, channel: Channel) -> None:
    """Lets the runner write the file and sends what it says of it."""
    channel.send("stage", "export")
    start = time.perf_counter()
    options = ExportOptions(job.dynamic, job.smallest_batch, job.largest_batch)
    exported = work.runner.export(work, Path(job.target), options)
    took = time.perf_counter() - start - work.drawing_s
    full = work.precision.how == "native" and work.precision.dtype == "float32"
    channel.send("result", ExportResult(took, exported.facts, exported.warnings, full))


def verify(work: CaseWork, job: CaseJob, channel: Channel) -> None:
    """Loads the exported file, calls it on every set of inputs, and sends how right it is.

    Raises:
        Unsupported: the model has no reference to hold it against.
    """
    case = LoadedCase(work, job)
    channel.send("stage", "load")
    case.load()
    channel.send("stage", "verify")
    verification, warnings = case.verified(case.outputs(case.feeds))
    if verification is None:
        raise Unsupported("the model has no reference: nothing can be verified")
    channel.send("result", VerifyResult(verification, warnings))
