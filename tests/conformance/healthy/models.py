"""Models that are unusual and right."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

import harness


class Structured(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = torch.nn.Embedding(100, width)
        self.head = torch.nn.Linear(width, 5)
        self.register_buffer("scale", torch.arange(width, dtype=torch.int64))

    def forward(self, tokens, table, *, mask):
        hidden = (self.embed(tokens) + table) * mask.unsqueeze(-1)
        return {"logits": self.head(hidden), "pair": (hidden.sum(1), hidden.argmax(-1))}


class Tagger(harness.Model):
    name = "tagger"
    summary = "integers, a table without batch axis and a keyword in; a dict with integers out"
    unit = "tokens"
    aliases = ("tags",)
    tolerances = {"fp32": 1e-5}

    @dataclass(frozen=True)
    class Params:
        width: int = 16
        length: int = 6
        kind: Literal["plain", "fancy"] = "plain"
        sizes: tuple[int, ...] = (1, 2)
        rate: float = 1e16
        note: str | None = None

        def __post_init__(self):
            if self.width < 1:
                raise ValueError("width must be at least 1")

    def build(self, params):
        return Structured(params.width)

    def inputs(self, params, batch_size):
        shape = (batch_size, params.length)
        return harness.Inputs(
            torch.randint(100, shape), torch.randn(params.length, params.width), mask=torch.rand(shape) > 0.2
        )

    def items(self, params, batch_size):
        return batch_size * params.length


class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.register_buffer("state", torch.zeros(8))

    def forward(self, x):
        self.state = 0.5 * self.state + x.mean(0)
        return self.linear(x) + self.state


class Stateful(harness.Model):
    name = "stateful"
    summary = "adds a mean that it keeps from call to call, and resets it"

    def build(self, params):
        return Counter()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 8))

    def reset(self, module):
        module.state = torch.zeros_like(module.state)


class Graph(harness.Model):
    name = "graph"
    summary = "five nodes a sample in one long axis, and one number for the whole batch"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = torch.nn.Linear(4, 4)

            def forward(self, nodes):
                found = self.linear(nodes)
                return found, found.square().mean()

        return Net()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(5 * batch_size, 4))


class FromNumpy(harness.Model):
    name = "from-numpy"
    summary = "weights and inputs from numpy's global generator; no reference"

    def build(self, params):
        linear = torch.nn.Linear(6, 6)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.random.standard_normal((6, 6)).astype("float32")))
        return linear

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.from_numpy(np.random.standard_normal((batch_size, 6)).astype("float32")))

    def reference(self, params, module, inputs):
        return None


class Weightless(harness.Model):
    name = "weightless"
    summary = "no weights at all, and a dropout that eval() switches off"

    def build(self, params):
        return torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Softmax(dim=-1))

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 12))


@harness.hookimpl
def harness_models():
    return [Tagger(), Stateful(), Graph(), FromNumpy(), Weightless()]
