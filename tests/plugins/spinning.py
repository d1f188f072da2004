"""A plugin file for tests: models whose calls last as long as they are told, and some that misbehave."""

import os
import signal
import time
from dataclasses import dataclass

import torch

import harness


class Spin(torch.nn.Module):
    """A small layer, and then nothing until a deadline."""

    def __init__(self, us):
        super().__init__()
        self.linear = torch.nn.Linear(16, 16)
        self.ns = round(us * 1000)

    def forward(self, x):
        end = time.perf_counter_ns() + self.ns
        y = self.linear(x)
        while time.perf_counter_ns() < end:
            pass
        return y


class Spinning(harness.Model):
    name = "spinning"
    summary = "takes so many microseconds a call"

    @dataclass(frozen=True)
    class Params:
        us: float = 1000.0

    def build(self, params):
        return Spin(params.us)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


class Dying(Spinning):
    """Kills its process at its n-th call."""

    name = "dying"
    summary = "kills itself at a call"

    @dataclass(frozen=True)
    class Params:
        at: int = 20

    def build(self, params):
        class Module(Spin):
            calls = 0

            def forward(self, x):
                self.calls += 1
                if self.calls == params.at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().forward(x)

        return Module(1000)


class Wrong(Spinning):
    """Quick, and wrong after its first calls."""

    name = "wrong"
    summary = "answers zeros in low precision"

    def build(self, params):
        class Module(Spin):
            def forward(self, x):
                return super().forward(x) * (0 if x.dtype == torch.float32 else 1)

        return Module(params.us)


class Watching(Spinning):
    """Writes down, in every call, in what state the other children of its parent are."""

    name = "watching"
    summary = "looks at its siblings"

    @dataclass(frozen=True)
    class Params:
        file: str = "states"

    def build(self, params):
        class Module(Spin):
            def forward(self, x):
                parent = os.getppid()
                with open(f"/proc/{parent}/task/{parent}/children") as file:
                    siblings = [int(p) for p in file.read().split() if int(p) != os.getpid()]
                with open(params.file, "a") as file:
                    for pid in siblings:
                        with open(f"/proc/{pid}/stat") as stat:
                            file.write(stat.read().rpartition(")")[2].split()[0])
                return super().forward(x)

        return Module(2000)


@harness.hookimpl
def harness_models():
    yield Watching()
    yield Spinning()
    yield Dying()
    yield Wrong()
