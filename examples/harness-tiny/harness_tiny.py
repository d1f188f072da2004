from dataclasses import dataclass

import harness
import torch


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
