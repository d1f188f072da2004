"""Models that break one rule each; the name says which check must find it."""

import ctypes
import os
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import torch

import harness

WIDTH = 16


def linear():
    return torch.nn.Linear(WIDTH, WIDTH)


class Base(harness.Model):
    summary = "one linear layer, and one thing wrong with it"

    def build(self, params):
        return linear()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, WIDTH))


class FixedBatch(Base):
    name = "fixed-batch"

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(4, WIDTH))


class LateBatch(Base):
    name = "rounded-batch"

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(max(2, batch_size), WIDTH))


class ClockInputs(Base):
    name = "clock-inputs"

    def inputs(self, params, batch_size):
        generator = torch.Generator().manual_seed(time.time_ns() % (1 << 40))
        return harness.Inputs(torch.randn(batch_size, WIDTH, generator=generator))


class SameSets(Base):
    name = "same-sets"

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.linspace(-1, 1, batch_size * WIDTH).reshape(batch_size, WIDTH))


class BareTensor(Base):
    name = "bare-tensor"

    def inputs(self, params, batch_size):
        return torch.randn(batch_size, WIDTH)


class Cached(Base):
    name = "cached"

    def build(self, params):
        if not hasattr(self, "kept"):
            self.kept = linear()
        return self.kept


class SharedWeights(Base):
    name = "shared-weights"

    def build(self, params):
        if not hasattr(self, "kept"):
            self.kept = linear()
        return torch.nn.Sequential(self.kept)


class ClockWeights(Base):
    name = "clock-weights"

    def build(self, params):
        torch.manual_seed(time.time_ns() % (1 << 40))
        return linear()


class HashedWeights(Base):
    name = "hashed-weights"

    def build(self, params):
        # The order of a set of texts is another one in each interpreter.
        torch.manual_seed(torch.initial_seed() ^ hash("weights") % (1 << 40))
        return linear()


class OwnSeed(Base):
    name = "own-seed"

    def build(self, params):
        torch.manual_seed(7)
        return linear()


class Doubled(Base):
    name = "doubled"

    def build(self, params):
        return linear().double()


class NoModule(Base):
    name = "no-module"

    def build(self, params):
        return lambda x: x


class CannotBuild(Base):
    name = "cannot-build"

    def build(self, params):
        raise RuntimeError("the weights are elsewhere")


class Dropout(Base):
    name = "dropout"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()

            def forward(self, x):
                return torch.nn.functional.dropout(self.linear(x), 0.5, training=True)

        return Net()


class Training(Base):
    name = "training"

    def build(self, params):
        class Net(torch.nn.Sequential):
            def train(self, mode=True):
                return super().train(True)  # eval() calls this

        return Net(linear(), torch.nn.Dropout(0.5)).train()


class InPlace(Base):
    name = "in-place"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()

            def forward(self, x):
                return self.linear(x.add_(1))

        return Net()


class NoItems(Base):
    name = "no-items"

    def items(self, params, batch_size):
        return 0


class FewerItems(Base):
    name = "fewer-items"

    def items(self, params, batch_size):
        return 100 - batch_size


class Running(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = linear()
        self.register_buffer("state", torch.zeros(WIDTH))

    def forward(self, x):
        self.state = 0.5 * self.state + x.mean(0)
        return self.linear(x) + self.state


class NoReset(Base):
    name = "no-reset"

    def build(self, params):
        return Running()

    def reset(self, module):
        module.forgotten = True


class Drifting(Base):
    name = "drifting"

    def build(self, params):
        return Running()


class Threads(Base):
    name = "threads"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()

            def forward(self, x):
                torch.set_num_threads(2)
                return self.linear(x)

        return Net()


class DefaultDtype(Base):
    name = "default-dtype"

    def build(self, params):
        module = linear().float()
        torch.set_default_dtype(torch.float64)
        return module

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, WIDTH, dtype=torch.float32))


class DefaultDtypeBefore(Base):
    """As people do it: the dtype is set for the weights, and the inputs are drawn in it as well."""

    name = "double-by-default"

    def build(self, params):
        module = linear()
        torch.set_default_dtype(torch.float64)
        return module


class KeepsFirst(Base):
    name = "keeps-first"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()
                self.kept = None

            def forward(self, x):
                if self.kept is None or len(self.kept) != len(x):
                    self.kept = self.linear(x)
                return self.kept

        return Net()


class KeepsForAll(Base):
    name = "keeps-for-all"
    kept = {}

    def build(self, params):
        kept = self.kept

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()

            def forward(self, x):
                return kept.setdefault(x.shape, self.linear(x))

        return Net()


class Choice(Base):
    name = "one-choice"

    @dataclass(frozen=True)
    class Params:
        kind: Literal["plain", "wide"] = "plain"

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, WIDTH if params.kind == "plain" else 2 * WIDTH))


class RangeEnd(Base):
    name = "end-of-range"

    @dataclass(frozen=True)
    class Params:
        scale: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1

    def reference(self, params, module, inputs):
        return module(*inputs.args) * (1 if params.scale < 8 else 1.01)


class Hangs(Base):
    name = "hangs"

    def build(self, params):
        class Net(torch.nn.Module):
            def forward(self, x):
                time.sleep(3600)

        return Net()


class Capped(Base):
    name = "capped"

    def build(self, params):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = linear()

            def forward(self, x):
                return self.linear(x)[:2]

        return Net()


class WrongReference(Base):
    name = "wrong-reference"

    def reference(self, params, module, inputs):
        return module(*inputs.args) * 1.01


class RaisingReference(Base):
    name = "raising-reference"

    def reference(self, params, module, inputs):
        raise KeyError("x")


class Segfault(Base):
    name = "segfault"

    def build(self, params):
        class Net(torch.nn.Module):
            def forward(self, x):
                ctypes.string_at(0)
                return x

        return Net()


class Exits(Base):
    name = "exits"

    def inputs(self, params, batch_size):
        os._exit(3)


class Tolerant(Base):
    name = "zero-tolerance"
    tolerances = {"fp32": 0.0}


class Plus(Base):
    name = "plus"

    @dataclass(frozen=True)
    class Params:
        parts: tuple[str, ...] = ("a+b",)


class Anything(Base):
    name = "anything"

    @dataclass(frozen=True)
    class Params:
        size: Any = "4"


class Thawed(Base):
    name = "thawed"

    @dataclass
    class Params:
        width: int = 4


class Demanding(Base):
    name = "demanding"

    @dataclass(frozen=True)
    class Params:
        width: int


class Capital(Base):
    name = "Capital Letters"


class Speechless(Base):
    name = "speechless"
    summary = ""


class Wordy(Base):
    name = "wordy"
    summary = "one line\nand another"


class ListOfAliases(Base):
    name = "list-of-aliases"
    aliases = ["other"]


class Taken(Base):
    name = "mlp"


class Unsure(Base):
    name = "unsure"

    def available(self):
        return True


class Demands(Base):
    name = "demands"
    requires = 3


class OtherKind(Base):
    name = "other-kind"
    kind = "runner"


@harness.hookimpl
def harness_models():
    for one in Base.__subclasses__():
        yield one()
