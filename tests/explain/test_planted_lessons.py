"""What planted causes and their healthy twins taught: evidence that looks like a cause and is none."""

import dataclasses
from types import SimpleNamespace

from harness.explain.explain import explained
from harness.explain.places import rate_at, waiting_share
from harness.measure.ceilings import _GIB, _by_set
from harness.measure.parts import _generated_share
from harness.measure.torchprofile import GRAPH
from harness.records.anatomy import Anatomy


def _anatomy(**changed):
    fields = {"calls": 3, "plain_ms": 1.0, "profiled_ms": 1.0, "operators": [], "categories": {}}
    return Anatomy(**{**fields, "operator_calls": 1.0, "outside_ms": 0.0, **changed})


def test_a_call_that_gives_the_processor_up_waits():
    assert waiting_share(_anatomy(cpu_ms=0.1, waits=1.0), "cpu") == 0.9


def test_a_call_that_a_neighbour_interrupts_waits_for_nothing():
    assert waiting_share(_anatomy(cpu_ms=0.4, waits=0.0), "cpu") is None


def test_a_cache_is_never_slower_than_the_memory_behind_it():
    rates = {("move", 0.5): 1.3, ("move", 8.0): 100.0, ("move", 256.0): 40.0, "launch": 1.0}
    found = _by_set({key: rate * _GIB for key, rate in rates.items()}, "move")
    assert [b.gib_per_s for b in found] == [100.0, 100.0, 40.0]
    assert rate_at(found, 0.1) == 100.0


def test_what_a_compiled_graph_takes_is_generated_code_and_what_is_around_it_is_not():
    marks = [(GRAPH, 60.0), ("guards of the compiled code", 20.0)]
    recording = SimpleNamespace(
        dispatch=[SimpleNamespace(name=n, self_us=us) for n, us in marks], wall_us=[100.0, 100.0]
    )
    assert _generated_share(recording, outside_ms=0.04) == 0.75


def test_int8_is_not_held_against_what_was_counted_of_the_model_in_float32(lab, parts, asks):
    size = 256 << 20
    asked = asks(moved_bytes=size, least_bytes=size, weights_bytes=size, stand_in=True)
    lab.case(parts({"matmul": 10.0}, demand=asked), 10.0)
    place = lab.record().place
    assert (place.memory, place.arithmetic, place.bound) == (None, None, "none")


def test_what_casts_take_is_told_even_where_noise_hides_the_speed_up(lab, parts, asks):
    lab.case(parts({"matmul": 4.0}), 4.0)
    cast = asks(casts=9, weight_casts=8, cast_bytes=60 << 20)
    one = lab.case(parts({"matmul": 2.0, "cast": 2.0}, demand=cast), 4.0, spread=0.5, precision="bf16-amp")
    record = lab.record(one)
    assert {"too-noisy", "casts"} <= {f.key for f in record.findings}
    assert record.explanation.key != "casts", "a part of its time does not say how it compares"


def test_subnormal_weights_explain_a_row_that_a_ceiling_explains_only_once_that_is_proved(lab, parts, asks):
    wanted = asks(flops=1_800_000_000, flops_by_format={"float32": 1_800_000_000})
    told = {"warnings": ["3 % of 1000 weights are subnormal: they may be slow"]}
    lab.case(parts({"matmul": 10.0}, demand=wanted), 10.0, sample=told)
    record = lab.record()
    assert "denormals" in {f.key for f in record.findings}
    assert record.explanation.key == "arithmetic-bound"


def test_page_faults_are_those_of_the_timed_calls_and_not_of_the_process_that_was_watched(lab, parts, build):
    lab.case(parts({"elementwise": 10.0}, page_faults=20_000.0), 10.0)
    (record,) = lab.report().records
    for faults, told in ((0.1, False), (20_000.0, True)):
        timed = dataclasses.replace(record, page_faults=faults)
        found = explained(dataclasses.replace(lab.report(), records=[timed])).records[0].findings
        assert ("page-faults" in {f.key for f in found}) == told


def test_kernels_that_reach_less_of_their_rate_are_not_said_to_suit_the_shapes_better(lab, parts, asks):
    """Casts take half of the call: what it reaches of the format's rate is less than its baseline's."""
    flops = 800_000_000
    lab.case(parts({"matmul": 10.0}, demand=asks(flops=flops, flops_by_format={"float32": flops})), 10.0)
    cast = asks(flops=flops, flops_by_format={"bfloat16": flops}, casts=9)
    one = lab.case(parts({"matmul": 3.0, "cast": 4.0}, demand=cast), 7.0, precision="bf16-amp")
    said = next(f for f in lab.record(one).findings if f.key == "native-format")
    assert "suit" not in said.cause
