"""What bounds a case: shares of its latency that the machine's ceilings account for."""

import pytest

from harness.explain import places
from harness.records.ceilings import Bandwidth


def test_a_product_at_the_rate_of_large_ones_is_bound_by_arithmetic(lab, parts, asks):
    taken = parts(
        {"matmul": 10.0}, demand=asks(flops=1_800_000_000, flops_by_format={"float32": 1_800_000_000})
    )
    lab.case(taken, 10.0)
    place = lab.record().place
    assert place.bound == "arithmetic"
    assert place.share == pytest.approx(0.9, rel=1e-3)
    assert "0.2 TFLOP/s float32" in place.ceiling


def test_weights_that_are_read_at_full_bandwidth_bind_by_memory(lab, parts, asks):
    size = 256 << 20
    taken = parts({"matmul": 10.0}, demand=asks(moved_bytes=size, least_bytes=size, weights_bytes=size))
    lab.case(taken, 10.0)
    place = lab.record().place
    assert place.bound == "memory"
    assert place.share == pytest.approx(0.25 / 32 * 1e3 / 10.0, rel=1e-3)


def test_many_operators_on_nothing_are_bound_by_the_host(lab, parts, asks):
    taken = parts(
        {"elementwise": 0.4}, operator_calls=400.0, demand=asks(operators=400, flops=0, flops_by_format={})
    )
    lab.case(taken, 0.5)
    assert lab.record().place.bound == "host"


def test_short_operators_that_compute_next_to_nothing_cost_their_start_whatever_the_simplest_one_costs(
    lab, parts, asks
):
    little = asks(operators=100, flops=0, flops_by_format={}, moved_bytes=80_000, least_bytes=1000)
    lab.case(parts({"elementwise": 0.3}, operator_calls=100.0, demand=little), 0.32)
    place = lab.record().place
    assert place.bound == "host"
    assert place.ceiling == "3.0 us an operator"
    said = next(f for f in lab.record().findings if f.key == "host-bound")
    assert "100 operators at about 3.0 us each" in said.cause


@pytest.mark.parametrize("change", [{"flops": None}, {"flops": 50_000_000}, {"moved_bytes": 1 << 30}])
def test_operators_that_compute_or_whose_operations_are_unknown_are_not_called_starts(
    change, lab, parts, asks
):
    wanted = {"operators": 100, "flops": 0, "moved_bytes": 80_000, "least_bytes": 1000, **change}
    wanted["flops_by_format"] = {"float32": wanted["flops"]} if wanted["flops"] else {}
    lab.case(parts({"elementwise": 0.3}, operator_calls=100.0, demand=asks(**wanted)), 0.32)
    assert lab.record().place.bound != "host"


def test_a_call_in_which_nothing_computes_waits(lab, parts):
    lab.case(parts({"elementwise": 0.1}, outside=4.9, cpu_ms=0.1, caller_cpu_ms=0.1, waits=1.0), 5.0)
    place = lab.record().place
    assert place.bound == "waiting"
    assert place.host < 0.1, "waiting is not the host's work"


def test_what_no_ceiling_accounts_for_is_bound_by_none(lab, parts):
    lab.case(parts({"matmul": 10.0}), 10.0)
    place = lab.record().place
    assert place.bound == "none"
    assert place.arithmetic == pytest.approx(0.1, rel=1e-3)


def test_without_ceilings_there_is_no_place(lab, parts):
    lab.ceilings = []
    lab.case(parts({"matmul": 10.0}), 10.0)
    assert lab.record().place is None


def test_a_format_without_a_known_rate_has_no_share_of_arithmetic(lab, parts, asks):
    lab.case(parts({"matmul": 10.0}, demand=asks(flops_by_format={"float64": 1000})), 10.0)
    assert lab.record().place.arithmetic is None


@pytest.mark.parametrize(("mib", "rate"), [(0.5, 100.0), (4, 100.0), (32, 50.0), (256, 25.0), (1024, 25.0)])
def test_the_bandwidth_between_two_sizes_lies_between_them(mib, rate):
    measured = [Bandwidth(256, 25.0), Bandwidth(4, 100.0)]
    assert places.rate_at(measured, mib) == pytest.approx(rate)


def test_fused_code_is_held_against_the_bytes_that_nobody_can_save(lab, parts, asks):
    size = 256 << 20
    wanted = asks(moved_bytes=8 * size, least_bytes=size, largest_bytes=size, flops=0, flops_by_format={})
    lab.case(parts({"elementwise": 100.0}, demand=wanted), 100.0)
    one = lab.case(
        parts({"generated": 20.0}, operator_calls=3.0, demand=wanted),
        20.0,
        runner="compile",
        facts={"generated_kernels": 1},
    )
    assert lab.record().place.memory == pytest.approx(2.0 / 50 * 1e3 / 100, rel=0.01)
    assert lab.record(one).place.memory == pytest.approx(0.25 / 32 * 1e3 / 20, rel=0.01)
