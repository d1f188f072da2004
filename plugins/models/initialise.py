"""Weights for networks that are measured and never trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def he(module: torch.nn.Module) -> torch.nn.Module:
    """He initialisation of every linear and convolution layer, biases zero.

    torch's own initialisation shrinks the signal layer by layer until the biases are all that is
    left: outputs then hardly differ from input to input, and a wrong answer looks right. With the
    variance 2 / fan_in the signal keeps its size through ReLU layers (He et al. 2015, section 2.2).
    """
    import torch

    for layer in module.modules():
        if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d)):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    return module
