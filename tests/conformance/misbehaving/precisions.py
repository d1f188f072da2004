"""Precisions that break one rule each."""

import torch

import harness


class Base(harness.Precision):
    summary = "float32, and one thing wrong with it"
    tolerance = 1e-4


class Loose(Base):
    name = "loose"
    tolerance = 0.5


class Zero(Base):
    name = "zero"
    tolerance = 0.0


class CastsNothing(Base):
    name = "casts-nothing"
    how = "cast"
    dtype = "bfloat16"
    tolerance = 2e-2

    def prepare(self, module, example):
        return module

    def prepare_inputs(self, inputs):
        return inputs


class NoContext(Base):
    name = "no-context"
    how = "autocast"
    dtype = "bfloat16"
    tolerance = 2e-2

    def context(self, device):
        return None


class Tight(Base):
    name = "tight"
    how = "cast"
    dtype = "bfloat16"
    tolerance = 1e-5


class InName(Base):
    name = "in-name"
    how = "quantised"
    dtype = "int8"
    tolerance = 8e-2

    def prepare(self, module, example):
        return module


class Flushes(Base):
    name = "flushes"

    def configure(self, device):
        torch.set_flush_denormal(True)


class Misnamed(Base):
    name = "misnamed"
    how = "cast"
    dtype = "brain16"


class Somehow(Base):
    name = "somehow"
    how = "somehow"


class SaysTrue(Base):
    name = "says-true"

    def supports(self, device):
        return True


class Meddles(Base):
    name = "meddles"

    def configure(self, device):
        torch.use_deterministic_algorithms(True)


@harness.hookimpl
def harness_precisions():
    for one in Base.__subclasses__():
        yield one()
