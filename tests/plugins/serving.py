"""A plugin file for tests of the service: models that do as the first number of their input says."""

import time
from dataclasses import dataclass

import torch

import harness

RAISE, EXIT, STOP, NAN, SLEEP = 666.0, 667.0, 668.0, 669.0, 670.0


class Obeying(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)

    def forward(self, x):
        order = float(x[0, 0])
        if order == RAISE:
            raise ValueError("a secret of the server")
        if order == EXIT:
            raise SystemExit("enough")
        if order == STOP:
            raise StopIteration
        if order == SLEEP:
            time.sleep(float(x[0, 1]))
        y = self.linear(x)
        if order == NAN:
            y = y.clone()
            y[0, 0], y[0, 1], y[0, 2] = float("nan"), float("inf"), float("-inf")
        return y


class Moody(harness.Model):
    name = "moody"
    summary = "raises, sleeps or answers NaN on request"

    @dataclass(frozen=True)
    class Params:
        input_dim: int = 8

    def build(self, params):
        return Obeying(params.input_dim)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, params.input_dim))


class Mixing(harness.Model):
    """Each sample's answer depends on the others'."""

    name = "mixing"
    summary = "subtracts the mean over the batch"

    def build(self, params):
        class Module(torch.nn.Module):
            def forward(self, x):
                return x - x.mean(0, keepdim=True)

        return Module()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 4) + torch.arange(4.0))


class Pooling(harness.Model):
    """One answer for the whole batch."""

    name = "pooling"
    summary = "the mean over the batch"

    def build(self, params):
        class Module(torch.nn.Module):
            def forward(self, x):
                return x.mean(0)

        return Module()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 4) + torch.arange(4.0))


class Strict(harness.Runner):
    """Takes the batch size of its case and no other, and says what it was called with."""

    name = "strict"
    summary = "eager, for one batch size"
    batch = "fixed"
    called: list = []

    def load(self, work):
        if work.precision.name == "fp16-true":
            raise OSError("a secret of the server")
        size, called = work.case.batch_size, self.called

        class Session(harness.TorchSession):
            def __call__(self, feed):
                leaves = harness.tensor_leaves((feed.args, feed.kwargs))
                assert all(t.shape[0] == size for t in leaves)
                called.append(size)
                return super().__call__(feed)

        return Session(work, work.module)


@harness.hookimpl
def harness_models():
    yield Moody()
    yield Mixing()
    yield Pooling()


@harness.hookimpl
def harness_runners():
    yield Strict()
