"""A plugin file for tests: models whose exports go wrong in ways that only running them shows."""

import torch

import harness


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(16, 4)

    def forward(self, x):
        return self.linear(x)


class Scaled(Linear):
    """Right in PyTorch; what is exported is 1 % off."""

    def forward(self, x):
        y = self.linear(x)
        return y * 1.01 if torch.compiler.is_exporting() else y


class OnlyFirst(Linear):
    """Right for batches up to the example's, and for later rows not: exported with a constant mask."""

    def forward(self, x):
        y = self.linear(x)
        if torch.compiler.is_exporting():
            keep = (torch.arange(x.shape[0]) < 32).to(y.dtype)
            return y * keep[:, None]
        return y


class Fixed(Linear):
    """Its batch size cannot be kept open."""

    def forward(self, x):
        return self.linear(x.reshape(32, 16) if x.shape[0] == 32 else x)


class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(16, 4)
        self.embed = torch.nn.Embedding(10, 16)

    def forward(self, ids, scale=None):
        y = self.linear(self.embed(ids)) * scale
        return {"y": y, "sum": y.sum(-1)}


class _Model(harness.Model):
    summary = "exports on purpose"
    module = Linear

    def build(self, params):
        return self.module()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


class ScaledModel(_Model):
    name = "scaled"
    module = Scaled


class OnlyFirstModel(_Model):
    name = "only-first"
    module = OnlyFirst


class FixedModel(_Model):
    name = "fixed"
    module = Fixed


class TwoModel(_Model):
    name = "two"
    module = Two

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randint(0, 10, (batch_size, 3)), scale=torch.rand(1))


@harness.hookimpl
def harness_models():
    yield ScaledModel()
    yield OnlyFirstModel()
    yield FixedModel()
    yield TwoModel()
