"""A plugin file for tests: models that torch.compile cannot take whole."""

import torch

import harness


class Prints(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, x):
        y = self.linear(x)
        print("looking at", y.shape)  # BREAK
        return y * 2


class Counts(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.count = 0

    def forward(self, x):
        self.count = min(self.count + 1, 3)  # RECOMPILE
        return self.linear(x) + self.count * 0


class CountsOn(Counts):
    def forward(self, x):
        self.count += 1
        return self.linear(x) + self.count * 0


class _Model(harness.Model):
    summary = "hard to compile"
    module = Prints

    def build(self, params):
        return self.module()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 8))


class PrintsModel(_Model):
    name = "prints"


class CountsModel(_Model):
    name = "counts"
    module = Counts


class CountsOnModel(_Model):
    name = "counts-on"
    module = CountsOn


class Script(_Model):
    name = "script"

    def build(self, params):
        return torch.jit.trace(torch.nn.Linear(8, 8), torch.randn(2, 8))


@harness.hookimpl
def harness_models():
    yield PrintsModel()
    yield CountsModel()
    yield CountsOnModel()
    yield Script()
