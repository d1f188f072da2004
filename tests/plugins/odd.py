"""A plugin file for tests: models that run, and of which a reader should be told something."""

import torch

import harness


class Branch(torch.nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x - 1


class Nans(torch.nn.Module):
    def forward(self, x):
        return x * float("nan")


class Constant(torch.nn.Module):
    def forward(self, x):
        return torch.ones(x.shape[0], 3)


class Empty(torch.nn.Module):
    def forward(self, x):
        return x[:0]


class Nothing(torch.nn.Module):
    def forward(self, x):
        return None


class InPlace(torch.nn.Module):
    def forward(self, x):
        return x.add_(1)


class Threads(torch.nn.Module):
    def forward(self, x):
        torch.set_num_threads(1)
        return x * 2


class Unreadable(Exception):
    def __str__(self):
        raise ValueError("no text")


class Raises(torch.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        if x.dtype != torch.float64:  # the reference is as it should be
            raise self.error
        return x * 2


class Odd(harness.Model):
    summary = "odd on purpose"

    def __init__(self, name, build):
        self.name = name
        self.make = build

    def build(self, params):
        return self.make()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size + (self.name == "wrong-batch"), 8))

    def items(self, params, batch_size):
        return {"nan-items": float("nan"), "no-items": 0}.get(self.name, batch_size)


@harness.hookimpl
def harness_models():
    yield Odd("branch", Branch)
    yield Odd("nans", Nans)
    yield Odd("constant", Constant)
    yield Odd("empty", Empty)
    yield Odd("nothing", Nothing)
    yield Odd("in-place", InPlace)
    yield Odd("sets-threads", Threads)
    yield Odd("wrong-batch", Constant)
    yield Odd("nan-items", Branch)
    yield Odd("no-items", Branch)
    yield Odd("keyboard", lambda: Raises(KeyboardInterrupt()))
    yield Odd("unreadable", lambda: Raises(Unreadable()))
