"""Reports with anatomies, from what a test is about: parts of a call, what the model asks for, ceilings."""

import dataclasses

import pytest

from harness.analyse.analyse import analyse
from harness.explain.explain import explained
from harness.records.anatomy import Anatomy, Demand, OperatorShare
from harness.records.ceilings import Bandwidth, Ceilings
from harness.records.events import AnatomyTaken, Memory, MemoryMeasured
from harness.records.settings import Settings

CEILINGS = Ceilings(
    device="cpu",
    device_name="a CPU",
    threads=2,
    measured="2026-11-25T08:00:00Z",
    matmul_tflops={"float32": 0.2, "bfloat16": 0.4, "float16": 0.003},
    bandwidth=[Bandwidth(1, 200.0), Bandwidth(256, 50.0)],
    launch_us=1.0,
    emulated=["float16"],
    read_gib_per_s=[Bandwidth(1, 100.0), Bandwidth(256, 32.0)],
)


def demand(**changes):
    """Seven operators of an ordinary network: 0.2 GFLOP, 8 MiB."""
    values = {
        "flops": 200_000_000,
        "operators": 7,
        "moved_bytes": 8 << 20,
        "least_bytes": 6 << 20,
        "weights_bytes": 6 << 20,
        "largest_bytes": 1 << 20,
        "casts": 0,
        "cast_bytes": 0,
        "formats": {"float32": 7},
        "flops_by_format": {"float32": 200_000_000},
    }
    return Demand(**{**values, **changes})


def anatomy(parts, outside=0.0, operators=None, **changes):
    """One inference of these parts, ms each; one operator for each category unless they are given."""
    shares = operators or [OperatorShare(f"aten::{c}", c, 1.0, ms) for c, ms in parts.items()]
    total = sum(parts.values()) + outside
    values = {
        "calls": 10,
        "plain_ms": total,
        "profiled_ms": total * 1.1,
        "operators": sorted(shares, key=lambda s: -s.ms),
        "categories": parts,
        "operator_calls": 20.0,
        "outside_ms": outside,
        "cpu_ms": total,
        "caller_cpu_ms": total,
        "page_faults": 0.0,
        "waits": 0.0,
        "demand": demand(),
    }
    return Anatomy(**{**values, **changes})


class Lab:
    """Cases of one run, each with what it took and what it consists of."""

    def __init__(self, build):
        self.build = build
        self.base = build.planned("itself")
        self.cases, self.events = [self.base], []
        self.ceilings = [CEILINGS]

    def case(self, taken, ms, *, memory=None, facts=None, spread=0.01, status="ok", sample=None, **axes):
        """A case with its anatomy; without axes it is the baseline."""
        one = self.build.planned(self.base, **axes) if axes else self.base
        if axes:
            self.cases.append(one)
        for n in range(3):
            changes = {"facts": facts or {}, "status": status, **(sample or {})}
            self.events.append(self.build.sample(one, n, ms * (1 + spread * (n - 1)), **changes))
        if memory is not None:
            self.events.append(MemoryMeasured(one.id, "ok", 1.0, memory))
        if taken is not None:
            self.events.append(AnatomyTaken(one.id, "ok", 1.0, taken))
        return one

    def report(self, proofs=()):
        run = self.build.stored(self.cases, [*self.events, *proofs])
        run.header = dataclasses.replace(run.header, ceilings=self.ceilings, settings=Settings(anatomy=True))
        return explained(analyse(run))

    def record(self, one=None, proofs=()):
        wanted = (one or self.base).id
        return next(r for r in self.report(proofs).records if r.id == wanted)

    def keys_of(self, one=None):
        return {f.key for f in self.record(one).findings}


@pytest.fixture
def lab(build):
    return Lab(build)


@pytest.fixture
def parts():
    return anatomy


@pytest.fixture
def asks():
    return demand


@pytest.fixture
def memory():
    return lambda weights, peak=50.0: Memory(host_run_peak=peak, host_ready_peak=peak, weights=weights)
