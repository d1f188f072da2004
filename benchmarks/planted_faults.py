"""A plugin for the benchmarks: models in which numbers or memory are handled badly in one known way.

Most have a healthy twin, with `planted=false`: the same work without the cause.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

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


# ---- number formats -------------------------------------------------------------------------------


class Islands(Planted):
    """Between products in a narrow format stand islands that ask for their scale's own format: under
    autocast float32, so that each is cast to and fro.
    """

    name = "islands"
    summary = "linear layers with parts between that keep to the format of their own weights"

    @dataclass(frozen=True)
    class Params:
        width: int = 1024
        layers: int = 6

    class Net(torch.nn.Module):
        def __init__(self, width: int, layers: int) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(linear(width, width) for _ in range(layers))
            self.scales = torch.nn.ParameterList(torch.rand(width) + 0.5 for _ in range(layers))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer, scale in zip(self.layers, self.scales, strict=True):
                x = torch.relu(layer(x).to(scale.dtype) * scale)
            return x

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.layers)


class Outlier(Planted):
    """One weight of each layer is thousands of times as large as the others and meets a feature that is
    always zero, as in a network that never learned anything from it. A scale for all weights of a layer
    is set by it, and the others round to zero.
    """

    name = "outlier"
    summary = "one huge weight in each layer, for a feature that is always zero"

    @dataclass(frozen=True)
    class Params:
        width: int = 512
        layers: int = 2
        outputs: int = 512
        """Of each layer, that have such a weight: with one a scale for each output would do."""
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, width: int, layers: int, outputs: int) -> None:
            super().__init__()
            self.layers = torch.nn.ModuleList(linear(width, width) for _ in range(layers))
            mask = torch.ones(width)
            mask[0] = 0.0
            self.register_buffer("mask", mask)
            with torch.no_grad():
                for layer in self.layers:
                    layer.weight[:outputs, 0] = 1000.0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = torch.relu(layer(x * self.mask))
            return x

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.layers, params.outputs if params.planted else 0)


class Promotes(Planted):
    """A table that numpy made, in float64, makes float64 of all that it meets."""

    name = "promotes"
    summary = "a float64 table that promotes everything after it"

    @dataclass(frozen=True)
    class Params:
        width: int = 2048
        """Small enough for the allocator to keep what it gets: temporaries have a plant of their own."""
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, width: int, planted: bool) -> None:
            super().__init__()
            table = torch.linspace(0.5, 1.5, width, dtype=torch.float64 if planted else torch.float32)
            self.register_buffer("table", table)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * self.table
            for _ in range(4):
                y = torch.tanh(y) * 1.5 + y * 0.25
            return y.to(x.dtype)

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.planted)


class Subnormal(Planted):
    """Divides numbers below the smallest normal one, which in the end add nothing to the result.

    Of a processor's instructions only some are slow on such numbers: on AMD's Zen 4 a division takes twice as
    long, a square root ten times (whether they are flushed or not), and a product no longer at all.
    """

    name = "subnormal"
    summary = "divisions of subnormal weights"

    @dataclass(frozen=True)
    class Params:
        width: int = 16_384
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, width: int, planted: bool) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((width,), 1e-40 if planted else 1e-30))
            self.register_buffer("scale", torch.linspace(0.9, 1.1, width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            small = self.weight
            for _ in range(12):
                small = small / self.scale
            return x + small

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.width, params.planted)


# ---- memory ---------------------------------------------------------------------------------------


class Large(Planted):
    """Samples of `mib` MiB each, which differ in their means."""

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.randn(batch_size, params.mib << 18) + torch.randn(batch_size, 1))


class Temporaries(Large):
    """Each operator asks for more memory than the allocator keeps, and the kernel provides each page anew."""

    name = "temporaries"
    summary = "large intermediate results, one after the other"

    @dataclass(frozen=True)
    class Params:
        mib: int = 3
        """Of one sample."""
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, planted: bool) -> None:
            super().__init__()
            self.planted = planted

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.planted:
                y = (x + 1.0) * 0.5
                y = torch.relu(y) - 0.25
            else:
                y = x.mean(1, keepdim=True)
            return y.mean(1, keepdim=True)

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.planted)


class Uneven(Large):
    """Keeps the memory of a large intermediate result, but in every other process has the kernel provide it
    anew in each call: what allocators do by accident is done here by the number of the process.
    """

    name = "uneven"
    summary = "a large intermediate result, in new pages or in its old ones"

    @dataclass(frozen=True)
    class Params:
        mib: int = 2
        """Of one sample."""
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, planted: bool) -> None:
            super().__init__()
            self.anew = planted and os.getpid() % 2 == 1
            self.kept: torch.Tensor | None = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.anew:
                y = x + 1.0
            else:
                if self.kept is None or (self.kept.shape, self.kept.dtype) != (x.shape, x.dtype):
                    self.kept = torch.empty_like(x)
                y = torch.add(x, 1.0, out=self.kept)
            return y.mean(1, keepdim=True)

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.planted)


class Layouts(Planted):
    """Turns its axes around and has them moved in memory, again and again."""

    name = "layouts"
    summary = "permute and contiguous between cheap operators"

    @dataclass(frozen=True)
    class Params:
        width: int = 16
        planted: bool = True

    class Net(torch.nn.Module):
        def __init__(self, planted: bool) -> None:
            super().__init__()
            self.planted = planted

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                if self.planted:
                    x = x.permute(0, 2, 3, 1).contiguous()
                    x = torch.relu(x + 0.1)
                    x = x.permute(0, 3, 1, 2).contiguous()
                else:
                    x = torch.relu(x + 0.1)
            return x

    def build(self, params: Any) -> torch.nn.Module:
        return self.Net(params.planted)

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        return harness.Inputs(torch.randn(batch_size, params.width, 32, 32))


@harness.hookimpl
def harness_models() -> Iterator[harness.Model]:
    for model in (Islands, Outlier, Promotes, Subnormal, Temporaries, Uneven, Layouts):
        yield model()
