"""A small convolutional classifier of 32x32 images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import harness

from .initialise import he

if TYPE_CHECKING:
    import torch


class Cnn(harness.Model):
    """Input (batch, in_channels, 32, 32), output (batch, num_classes)."""

    name = "cnn"
    summary = "convolutional classifier of 32x32 images: conv 32, conv 64, pool 4x4, 1024 -> 256 -> 10"

    @dataclass(frozen=True)
    class Params:
        in_channels: int = 3
        num_classes: int = 10

        def __post_init__(self) -> None:
            for name, value in vars(self).items():
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, not {value}")

    def build(self, params: Params) -> torch.nn.Module:
        from torch import nn

        return he(
            nn.Sequential(
                nn.Conv2d(params.in_channels, 32, kernel_size=3, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, kernel_size=3, padding=1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d((4, 4)),
                nn.Flatten(),
                nn.Linear(1024, 256),
                nn.ReLU(),
                nn.Linear(256, params.num_classes),
            )
        )

    def inputs(self, params: Params, batch_size: int) -> harness.Inputs:
        import torch

        # Smooth like an image, with some noise: pooling averages white noise away, and every output
        # would be nearly the same.
        coarse = torch.randn(batch_size, params.in_channels, 8, 8)
        smooth = torch.nn.functional.interpolate(coarse, size=32, mode="bilinear")
        return harness.Inputs(smooth + 0.3 * torch.randn(batch_size, params.in_channels, 32, 32))
