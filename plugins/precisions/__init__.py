"""The precisions in the box: full, TF32, autocast, weights and inputs cast, and int8."""

from __future__ import annotations

from collections.abc import Iterable

import harness

from .floats import Bf16Amp, Bf16True, Fp16Amp, Fp16True, Fp32, Tf32
from .int8 import Int8Dynamic, Int8WeightOnly


@harness.hookimpl
def harness_precisions() -> Iterable[harness.Precision]:
    yield Fp32()
    yield Tf32()
    yield Fp16Amp()
    yield Bf16Amp()
    yield Fp16True()
    yield Bf16True()
    yield Int8Dynamic()
    yield Int8WeightOnly()
