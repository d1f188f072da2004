"""Linear layers with weights in int8, written so that OpenVINO keeps them so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..weights import STEPS, linear_layers, lost_in_int8

if TYPE_CHECKING:
    import torch


def weights_in_int8(module: torch.nn.Module) -> dict[str, Any]:
    """Replaces the module's linear layers, and says what that does to their weights.

    An integer constant, converted and scaled, is what OpenVINO takes for compressed weights: it unpacks them
    inside of its products, or multiplies integers where activations are quantised, too.

    Raises:
        Unsupported: there are no linear layers.
    """
    layers = linear_layers(module)
    said = lost_in_int8((name, layer.weight.detach().numpy()) for name, layer in layers.items())
    for name, layer in layers.items():
        parent, _, last = name.rpartition(".")
        setattr(module.get_submodule(parent), last, _in_int8(layer))
    return {"quantised": {"by": "OpenVINO, weights of linear layers with a scale for each output", **said}}


def _in_int8(linear: torch.nn.Linear) -> torch.nn.Module:
    import torch

    class Int8Linear(torch.nn.Module):
        weight: torch.Tensor
        scale: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            weight = linear.weight.detach()
            scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / STEPS
            self.register_buffer("weight", (weight / scale).round().to(torch.int8))
            self.register_buffer("scale", scale)
            self.bias = linear.bias

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(x, self.weight.to(torch.float32) * self.scale, self.bias)

    return Int8Linear()
