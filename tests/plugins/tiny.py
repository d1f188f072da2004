"""A plugin file for tests: a model that is measured in no time, in several shapes of input and output."""

from collections import namedtuple
from dataclasses import dataclass

import torch

import harness


class Tiny(harness.Model):
    name = "tiny"
    summary = "one linear layer"

    @dataclass(frozen=True)
    class Params:
        width: int = 16

    def build(self, params):
        return torch.nn.Linear(params.width, params.width)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, params.width))


@dataclass
class Output:
    logits: torch.Tensor
    parts: dict
    count: int = 3
    nothing: None = None


Pair = namedtuple("Pair", "first second")


class Nested(harness.Model):
    """Two tensors, an integer tensor by keyword, a nested dataclass as output."""

    name = "nested"
    summary = "several inputs, keyword inputs, integers, nested outputs"

    def build(self, params):
        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = torch.nn.Embedding(10, 8)
                self.linear = torch.nn.Linear(8, 4)

            def forward(self, pair, *, ids, scale):
                hidden = self.embed(ids).mean(1) + pair.first + pair.second["inner"]
                logits = self.linear(hidden * scale)
                return Output(logits, {"hidden": hidden, "more": [logits.argmax(-1), ids + 1]})

        return Module()

    def inputs(self, params, batch_size):
        pair = Pair(torch.randn(batch_size, 8), {"inner": torch.randn(batch_size, 8)})
        return harness.Inputs(
            pair, scale=torch.rand(batch_size, 1), ids=torch.randint(0, 10, (batch_size, 5))
        )


class Counting(harness.Model):
    """A module whose output depends on how often it was called, put right by reset()."""

    name = "counting"
    summary = "stateful; reset between calls"

    def build(self, params):
        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = torch.nn.Linear(8, 8)
                self.register_buffer("calls", torch.zeros(()))

            def forward(self, x):
                self.calls += 1
                return self.linear(x) * self.calls

        return Module()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 8))

    def reset(self, module):
        module.calls.zero_()


class Tokens(Tiny):
    """Counts tokens instead of samples."""

    name = "tokens"
    summary = "twelve tokens a sample"
    unit = "tokens"

    def items(self, params, batch_size):
        return 12 * batch_size


@harness.hookimpl
def harness_models():
    yield Tiny()
    yield Nested()
    yield Counting()
    yield Tokens()
