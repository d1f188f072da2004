"""Integer precisions: by torchao wherever a module is called; other runners have ways of their own."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import harness

from ..weights import linear_layers, lost_in_int8

if TYPE_CHECKING:
    import torch


class _ByTorchao(harness.Precision):
    """Weights of linear layers in int8 with one scale for each output; all else stays as it is."""

    how = "quantised"
    dtype = "int8"
    config: ClassVar[str]
    """torchao's name of it."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}

    def supports(self, device: harness.Device) -> str | None:
        if find_spec("torchao") is None:
            return "torch's way to it needs torchao: pip install 'pytorch-inference-lab[torchao]'"
        return None

    def prepare(self, module: torch.nn.Module, example: harness.Inputs) -> torch.nn.Module:
        import torchao

        layers = linear_layers(module)
        self._facts = {
            "quantised": {
                "by": f"torchao {torchao.__version__}, {self.config}",
                **lost_in_int8((name, layer.weight.detach().cpu().numpy()) for name, layer in layers.items()),
            }
        }
        config = getattr(torchao.quantization, self.config)
        # Otherwise it sets float32 products and the compiler up for the whole process.
        torchao.quantization.quantize_(module, config(set_inductor_config=False))
        return module

    def facts(self) -> dict[str, Any]:
        return self._facts


class Int8Dynamic(_ByTorchao):
    """Weights in int8, activations quantised at every call by what they hold."""

    name = "int8-dynamic"
    summary = "matrix products in int8: weights quantised once, activations at every call"
    config = "Int8DynamicActivationInt8WeightConfig"
    tolerance = 8e-2


class Int8WeightOnly(_ByTorchao):
    """Weights in int8, a quarter of the bytes to read; products are in float32."""

    name = "int8-weight-only"
    summary = "weights of linear layers in int8, products in float32"
    config = "Int8WeightOnlyConfig"
    tolerance = 6e-2
