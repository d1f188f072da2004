"""A plugin file for tests: ways to be fast that are no merit, each of which must be reported."""

import torch

import harness


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(64, 64)
        self.second = torch.nn.Linear(64, 64)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


class Honest(harness.Model):
    name = "honest"
    summary = "two layers"

    def build(self, params):
        return Net()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 64))


class Zeros(Honest):
    name = "zeros"
    summary = "is asked about nothing but zeros"

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.zeros(batch_size, 64))


class Denormal(Honest):
    name = "denormal"
    summary = "has weights too small for the processor"

    def build(self, params):
        net = Net()
        with torch.no_grad():
            net.first.weight[:8] = 1e-40
        return net


class Lower(Honest):
    name = "lower"
    summary = "computes in bfloat16 where float32 was asked for"

    def build(self, params):
        class Module(Net):
            def forward(self, x):
                if x.dtype != torch.float32:
                    return super().forward(x)
                first, second = self.first, self.second
                hidden = torch.relu(
                    torch.nn.functional.linear(x.bfloat16(), first.weight.bfloat16(), first.bias.bfloat16())
                )
                return torch.nn.functional.linear(
                    hidden, second.weight.bfloat16(), second.bias.bfloat16()
                ).float()

        return Module()


class Cached(Honest):
    name = "cached"
    summary = "answers the first question for ever"

    def build(self, params):
        class Module(Net):
            answer = None

            def forward(self, x):
                if x.dtype != torch.float32:
                    return super().forward(x)
                if self.answer is None:
                    self.answer = super().forward(x)
                return self.answer

        return Module()


class Nominal(harness.Precision):
    name = "int8-in-name"
    summary = "rounds nothing"
    how = "quantised"
    dtype = "int8"
    tolerance = 8e-2

    def prepare(self, module, example):
        return module


@harness.hookimpl
def harness_precisions():
    yield Nominal()


@harness.hookimpl
def harness_models():
    yield from (Honest(), Zeros(), Denormal(), Lower(), Cached())
