"""A plugin whose model writes down when its first line runs: what `benchmarks.isolation` times."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

import harness


class Stamp(harness.Model):
    """One tiny linear layer that writes the monotonic time (ns) of its first call to a file."""

    name = "stamp"
    summary = "writes the monotonic time of its first line to a file"

    @dataclass(frozen=True)
    class Params:
        file: str = ""

    def build(self, params: Params) -> torch.nn.Module:
        return torch.nn.Linear(4, 4)

    def inputs(self, params: Params, batch_size: int) -> harness.Inputs:
        now_ns = time.monotonic_ns()
        # Only the first call of a process counts, so the file is made and never rewritten.
        if params.file:
            with contextlib.suppress(FileExistsError), open(params.file, "x") as file:
                file.write(str(now_ns))
        return harness.Inputs(torch.randn(batch_size, 4))


@harness.hookimpl
def harness_models() -> Iterator[harness.Model]:
    """The one model of this plugin."""
    yield Stamp()
