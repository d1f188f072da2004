"""Yields one name twice."""

import torch

import harness


class Tiny(harness.Model):
    name = "tiny"
    summary = "one linear layer"

    def build(self, params):
        return torch.nn.Linear(4, 4)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 4))


@harness.hookimpl
def harness_models():
    return [Tiny(), Tiny()]
