"""A multi-layer perceptron: nothing but matrix products and ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import harness

from .initialise import he

if TYPE_CHECKING:
    import torch


class Mlp(harness.Model):
    """Input (batch, in_dim), output (batch, out_dim), `n_layers` linear layers with ReLU between."""

    name = "mlp"
    summary = "multi-layer perceptron: 4 linear layers with ReLU, 512 -> 2048 -> 2048 -> 2048 -> 512"

    @dataclass(frozen=True)
    class Params:
        in_dim: int = 512
        hidden_dim: int = 2048
        out_dim: int = 512
        n_layers: int = 4

        def __post_init__(self) -> None:
            for name, value in vars(self).items():
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, not {value}")

    def build(self, params: Params) -> torch.nn.Module:
        import torch

        inner = [params.hidden_dim] * (params.n_layers - 1)
        sizes = [params.in_dim, *inner, params.out_dim]
        layers: list[torch.nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        return he(torch.nn.Sequential(*layers[:-1]))

    def inputs(self, params: Params, batch_size: int) -> harness.Inputs:
        import torch

        return harness.Inputs(torch.randn(batch_size, params.in_dim))
