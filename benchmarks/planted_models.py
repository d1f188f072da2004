"""A plugin for the benchmarks: models of each of which it is known what takes their time.

Most have a healthy twin, with `planted=false`: the same work without the cause.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

import harness


class Planted(harness.Model):
    """Samples of `width` normal numbers, for the module of the subclass."""

    @dataclass(frozen=True)
    class Params:
        width: int = 256
        planted: bool = True

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.randn(batch_size, params.width))


def linear(fan_in: int, fan_out: int) -> torch.nn.Linear:
    """With He's weights and no bias, so that numbers keep their size through ReLU layers."""
    made = torch.nn.Linear(fan_in, fan_out, bias=False)
    torch.nn.init.kaiming_normal_(made.weight, nonlinearity="relu")
    return made


def tower(width: int, layers: int) -> torch.nn.Sequential:
    """Square linear layers with ReLU between."""
    found: list[torch.nn.Module] = []
    for _ in range(layers):
        found += [linear(width, width), torch.nn.ReLU()]
    return torch.nn.Sequential(*found[:-1])


# ---- what bounds a case ---------------------------------------------------------------------------


class TinyOperators(Planted):
    """Additions and products of a few numbers each: starting them is all that takes time."""

    name = "tiny-operators"
    summary = "a hundred operators on a few numbers each"

    @dataclass(frozen=True)
    class Params:
        width: int = 16
        count: int = 100

    class Net(torch.nn.Module):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for k in range(self.count // 2):
                x = (x + 0.5) * (0.9 if k % 2 else 1.1)
            return x

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.count)


class OneProduct(Planted):
    """A square matrix product: nothing but arithmetic, all of it inside the library."""

    name = "one-product"
    summary = "one large matrix product"

    @dataclass(frozen=True)
    class Params:
        width: int = 2048

    def build(self, params: Any) -> torch.nn.Module:
        return linear(params.width, params.width)


class Chain(Planted):
    """Each operator reads and writes the whole tensor; one pass over it would do."""

    name = "chain"
    summary = "operators on each number of a large tensor: mib for each sample"

    @dataclass(frozen=True)
    class Params:
        mib: int = 4
        """Of one sample. With inputs, outputs and references a process was seen to take ten batches."""

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 0.5 + 1.0
            y = torch.relu(y - 0.25)
            return y * x + 0.125

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net()

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.rand(batch_size, params.mib << 18))


class BigWeights(Planted):
    """Weights that no cache holds, each used once by a call of one sample."""

    name = "big-weights"
    summary = "linear layers whose weights do not fit a cache"

    @dataclass(frozen=True)
    class Params:
        width: int = 4096
        layers: int = 3

    def build(self, params: Any) -> torch.nn.Module:
        return tower(params.width, params.layers)


class BigTable(Planted):
    """One number out of a table that no cache holds: it must be read to its end, and nothing else is done."""

    name = "big-table"
    summary = "scales its input by the largest number of a table of mib in float32"

    @dataclass(frozen=True)
    class Params:
        mib: int = 128
        width: int = 16

    class Net(torch.nn.Module):
        def __init__(self, mib: int) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(torch.rand(mib << 18))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.table.max()

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.mib)


class Embedding(Planted):
    """Rows at random places of a table; hardly anything is computed with them."""

    name = "embedding"
    summary = "a large table, of which few rows are looked up"

    @dataclass(frozen=True)
    class Params:
        rows: int = 200_000
        width: int = 128
        tokens: int = 256

    class Net(torch.nn.Module):
        def __init__(self, rows: int, width: int) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(rows, width)
            self.head = linear(width, 8)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            found = self.table(ids)
            answer: torch.Tensor = self.head(found[:, 0] + found[:, -1])
            return answer

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.rows, params.width)

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.randint(0, params.rows, (batch_size, params.tokens)))


class Sleeper(Planted):
    """Waits, as for a lock or for another machine, and computes little."""

    name = "sleeper"
    summary = "waits two milliseconds in each call"

    class Net(torch.nn.Module):
        def __init__(self, width: int, planted: bool) -> None:
            super().__init__()
            self.body = tower(width, 2)
            self.planted = planted

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.planted:
                time.sleep(0.002)
            answer: torch.Tensor = self.body(x)
            return answer

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.planted)


class PythonLoop(Planted):
    """Works out in Python, number by number, what could be kept."""

    name = "python-loop"
    summary = "a Python loop beside a small layer"

    class Net(torch.nn.Module):
        def __init__(self, width: int, planted: bool) -> None:
            super().__init__()
            self.body = tower(width, 2)
            self.steps = 20_000 if planted else 1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scale = 0.0
            for k in range(self.steps):
                scale += 1.0 if k % 3 == 0 else -0.5
            answer: torch.Tensor = self.body(x) * (1.0 if scale < self.steps else 2.0)
            return answer

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.planted)


class SmallProducts(Planted):
    """Products that the library shares among threads although one is quicker."""

    name = "small-products"
    summary = "products of matrices of 32 rows: too small to be shared among threads"

    @dataclass(frozen=True)
    class Params:
        width: int = 32
        count: int = 60

    def build(self, params: Any) -> torch.nn.Module:
        return tower(params.width, params.count)


# ---- what a compiler stumbles over ----------------------------------------------------------------


class Branches(Planted):
    """Branches that depend on the data, between operators that could be fused."""

    name = "branches"
    summary = "small operators with a branch on the data after every few"

    class Net(torch.nn.Module):
        def __init__(self, planted: bool) -> None:
            super().__init__()
            self.planted = planted

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = step(x)
            # None of these branches is ever taken. In a loop each would be compiled again besides.
            if self.planted and y.square().sum() < 0:
                return x
            y = step(y)
            if self.planted and y.square().sum() < 1:
                return x
            y = step(y)
            if self.planted and y.square().sum() < 2:
                return x
            y = step(y)
            if self.planted and y.square().sum() < 3:
                return x
            return step(y)

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.planted)


def step(x: torch.Tensor) -> torch.Tensor:
    """Four small operators."""
    return x + 0.5 * torch.tanh(x * 0.5 + 0.1)


class Shapes(Planted):
    """Pads to another length in every call, as sequences do; what is padded counts for nothing."""

    name = "shapes"
    summary = "works on another shape in each call"

    @dataclass(frozen=True)
    class Params:
        width: int = 256
        lengths: int = 4
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, lengths: int) -> None:
            super().__init__()
            self.lengths, self.more = lengths, 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.more = (self.more + 1) % self.lengths
            y = functional.pad(x, (0, self.more))
            z = torch.tanh(y) * y + torch.relu(y) * 0.5
            return z.cumsum(1)[:, : x.shape[1]]

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.lengths if params.planted else 1)


# ---- what gains -----------------------------------------------------------------------------------


class Fusable(Planted):
    """Small operators that a runtime knows by pattern: layer normalisation and GELU, written out."""

    name = "fusable"
    summary = "layer normalisations and GELUs in small pieces"

    @dataclass(frozen=True)
    class Params:
        width: int = 128
        layers: int = 12

    class Net(torch.nn.Module):
        def __init__(self, width: int, layers: int) -> None:
            super().__init__()
            self.scales = torch.nn.ParameterList(torch.rand(width) + 0.5 for _ in range(layers))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for scale in self.scales:
                centred = x - x.mean(-1, keepdim=True)
                y = centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5) * scale
                x = x + 0.5 * y * (1.0 + torch.erf(y / 1.4142135))
            return x

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.layers)


class Well(Planted):
    """Nothing is wrong with it."""

    name = "well"
    summary = "a healthy control: linear layers of a common size"

    @dataclass(frozen=True)
    class Params:
        width: int = 1024
        layers: int = 4

    def build(self, params: Any) -> torch.nn.Module:
        return tower(params.width, params.layers)


# ---- runners --------------------------------------------------------------------------------------


class Pretender(harness.Runner):
    """Takes the module, promises much, and calls it."""

    name = "pretender"
    summary = "says that it accelerates, and runs what eager runs"

    @dataclass(frozen=True)
    class Params:
        level: int = field(default=3)

    def load(self, work: harness.Work) -> harness.Session:
        return harness.TorchSession(work, work.module)


@harness.hookimpl
def harness_models() -> Iterator[harness.Model]:
    for model in (
        TinyOperators, OneProduct, Chain, BigWeights, BigTable, Embedding, Sleeper, PythonLoop,
        SmallProducts, Branches, Shapes, Fusable, Well,
    ):  # fmt: skip
        yield model()


@harness.hookimpl
def harness_runners() -> Iterator[harness.Runner]:
    yield Pretender()
