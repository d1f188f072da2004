"""A plugin for the benchmarks: a model that can be slowed down by a known share of its own time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

import harness


class Net(torch.nn.Module):
    """Three linear layers, and then a spin until the call has taken `1 + by` times as long."""

    def __init__(self, width: int, by: float) -> None:
        super().__init__()
        sizes = [512, width, width, 512]
        layers: list[torch.nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        self.layers = torch.nn.Sequential(*layers[:-1])
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = time.perf_counter_ns()
        y: torch.Tensor = self.layers(x)
        now = time.perf_counter_ns()
        end = now + (now - start) * self.by
        while time.perf_counter_ns() < end:
            pass
        return y


class Slowed(harness.Model):
    """With `by=0` it reads the clock just the same."""

    name = "slowed"
    summary = "three linear layers, slowed by a share of their own time"

    @dataclass(frozen=True)
    class Params:
        width: int = 2048
        by: float = 0.0

    def build(self, params: Any) -> torch.nn.Module:
        return Net(params.width, params.by)

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.randn(batch_size, 512))


@harness.hookimpl
def harness_models() -> list[harness.Model]:
    return [Slowed()]
