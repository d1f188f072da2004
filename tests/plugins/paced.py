"""A plugin file for tests: a runner whose calls last as long as they are told, and a model with odd weights."""

import time
from dataclasses import dataclass

import torch

import harness


class Session(harness.TorchSession):
    def __call__(self, feed):
        end = time.perf_counter_ns() + round(self._work.options.us * 1000)
        y = super().__call__(feed)
        while time.perf_counter_ns() < end:
            pass
        return y


class Paced(harness.Runner):
    name = "paced"
    summary = "takes so many microseconds a call, whatever the batch"

    @dataclass(frozen=True)
    class Params:
        us: float = 3000.0

    def load(self, work):
        return Session(work, work.module)


class Subnormal(harness.Model):
    name = "subnormal"
    summary = "has weights too small for the processor"

    def build(self, params):
        net = torch.nn.Linear(16, 16)
        with torch.no_grad():
            net.weight[:4] = 1e-40
        return net

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


@harness.hookimpl
def harness_runners():
    yield Paced()


@harness.hookimpl
def harness_models():
    yield Subnormal()
