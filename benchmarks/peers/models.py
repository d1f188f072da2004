"""The seed's two models as a user would write them, with torch's own initialisation."""

from __future__ import annotations

import torch
from torch import nn


class Mlp(nn.Module):
    """(batch, 512) -> (batch, 512): four linear layers, 2048 wide, ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(512, 2048),
            nn.ReLU(),
            nn.Linear(2048, 2048),
            nn.ReLU(),
            nn.Linear(2048, 2048),
            nn.ReLU(),
            nn.Linear(2048, 512),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.layers(x)
        return output


class Cnn(nn.Module):
    """(batch, 3, 32, 32) -> (batch, 10): two 3x3 convolutions, pooled to 4x4, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
        )
        self.classifier = nn.Sequential(nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.features(x)
        logits: torch.Tensor = self.classifier(features.flatten(1))
        return logits


def build(name: str, device: str) -> nn.Module:
    """A fresh model in eval mode."""
    return {"mlp": Mlp, "cnn": Cnn}[name]().eval().to(device)


def example(name: str, batch_size: int, device: str) -> torch.Tensor:
    """A random input of the model."""
    shape = {"mlp": (512,), "cnn": (3, 32, 32)}[name]
    return torch.randn(batch_size, *shape, device=device)
