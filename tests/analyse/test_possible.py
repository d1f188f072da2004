"""A latency that the machine cannot reach is told, and never wins."""

import pytest

from harness.analyse.analyse import analyse
from harness.records.anatomy import Anatomy, Demand
from harness.records.ceilings import Ceilings
from harness.records.events import AnatomyTaken

FLOPS = 400_000_000
TFLOPS = {"float32": 0.2, "bfloat16": 0.4}
"""1 ms at the best of them."""


@pytest.fixture
def base(build):
    return build.planned("itself")


@pytest.fixture
def fast(build, base):
    return build.planned(base, runner="compile")


def found(build, base, fast, ms, flops=FLOPS, **changes):
    demand = None if flops is None else Demand(flops, 3, 1, 1, 1, 1, 0, 0)
    anatomy = Anatomy(10, ms, ms, [], {}, 3.0, 0.0, demand=demand)
    run = build.stored([base, fast], [build.sample(base, 0, 4.0), build.sample(fast, 0, ms)])
    run.add(AnatomyTaken(fast.id, "ok", 1.0, anatomy))
    values = {"device": "cpu", "threads": fast.case.threads, "suspect": 0.0, **changes}
    run.header.ceilings.append(
        Ceilings(
            device_name="a CPU", measured="", matmul_tflops=TFLOPS, bandwidth=[], launch_us=1.0, **values
        )
    )
    return next(r for r in analyse(run).records if r.id == fast.id)


def said(record):
    return [w for w in record.warnings if w.startswith("impossible: ")]


def test_a_row_that_would_need_more_than_the_machine_has_is_told_and_never_the_best(build, base, fast):
    record = found(build, base, fast, 0.01)
    (warning,) = said(record)
    assert warning.startswith("impossible: 0.4 GFLOP in 0.01 ms are 40 TFLOP/s, where this machine's")
    assert "reaches 0.4: the model's work is not done in the call" in warning
    assert (record.status, record.best) == ("ok", False)


@pytest.mark.parametrize("ms", [0.13, 1.0, 3.0])
def test_fewer_bits_and_cleverer_algorithms_are_no_impossibility(build, base, fast, ms):
    record = found(build, base, fast, ms)
    assert (said(record), record.best) == ([], True)


@pytest.mark.parametrize(
    "unknown",
    [{"flops": None}, {"flops": 0}, {"device": "cuda:0"}, {"threads": 64}, {"suspect": 0.5, "ms": 0.02}],
)
def test_nothing_is_said_where_the_operations_or_the_machine_are_not_known(build, base, fast, unknown):
    record = found(build, base, fast, **{"ms": 0.001, **unknown})
    assert (said(record), record.best) == ([], True)
