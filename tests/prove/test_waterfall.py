"""A chain from a baseline to the best row: in an order that exists, with steps that multiply to the total."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.rule import QUICK
from harness.prove.chain import chain
from harness.prove.text import waterfall_text
from harness.prove.waterfall import agrees, steps_of
from harness.records.finding import Step, Waterfall


@pytest.fixture
def row(build):
    def make(runner="eager", precision="fp32", status="ok", **axes):
        name = runner.partition(":")[0]
        return build.record(
            runner=name,
            precision=precision,
            label={"model": "mlp", "runner": runner},
            changes={"status": status},
            **axes,
        )

    return make


def names(found):
    return [link.name for link in found.links]


def test_the_number_format_comes_first_then_the_runner_then_its_options_one_by_one(row):
    base, best = row(), row("compile:freezing=true,mode=max-autotune", "bf16-true")
    way = chain(base, best, [base, best, row(precision="bf16-true")])
    assert names(way) == ["bf16-true", "compile", "freezing=true", "mode=max-autotune"]
    assert way.links[0].axes == {**way.baseline.axes, "precision": "bf16-true"}
    assert [link.axes["runner"] for link in way.links[1:]] == [
        "compile",
        "compile:freezing=true",
        "compile:freezing=true,mode=max-autotune",
    ]


def test_a_format_that_the_first_runner_does_not_have_comes_after_the_runner(row):
    base, best = row(), row("onnxruntime", "int8-dynamic")
    for middle in ([], [row(precision="int8-dynamic", status="unsupported")]):
        way = chain(base, best, [base, best, row("onnxruntime"), *middle])
        assert names(way) == ["onnxruntime", "int8-dynamic"]
        assert "runner first" in way.order


def test_a_step_in_between_that_was_wrong_is_not_taken(row):
    base, best = row(), row("compile", "bf16-true")
    wrong = row(precision="bf16-true", status="incorrect")
    assert names(chain(base, best, [base, best, wrong, row("compile")])) == ["compile", "bf16-true"]


def test_where_no_step_in_between_ran_two_changes_are_one(row):
    base, best = row(), row("onnxruntime", "int8-dynamic")
    elsewhere = row("onnxruntime", batch_size=1)
    way = chain(base, best, [base, best, elsewhere])
    assert names(way) == ["int8-dynamic on onnxruntime"]
    assert "neither" in way.order


def test_it_is_said_if_the_other_order_was_as_possible(row):
    base, best = row(), row("compile", "bf16-true")
    both = [base, best, row(precision="bf16-true"), row("compile")]
    assert "the other order is as possible" in chain(base, best, both).order
    assert "as possible" not in chain(base, best, both[:3]).order


def test_options_of_one_runner_are_changed_and_left_out_one_by_one(row):
    base, best = row("eager:a=1,b=2"), row("eager:b=3")
    way = chain(base, best, [base, best])
    assert names(way) == ["no a=1", "b=3"]
    assert [link.axes["runner"] for link in way.links] == ["eager:b=2", "eager:b=3"]


@given(
    st.lists(
        st.lists(st.floats(-2, 2), min_size=4, max_size=4),
        min_size=2,
        max_size=10,
    )
)
def test_steps_multiply_to_the_total_whatever_was_measured(reached):
    steps, total = steps_of(["a", "b", "c", "d"], reached, [None] * 5, QUICK)
    product = math.prod(s.ratio for s in steps)
    assert product == pytest.approx(total.ratio)
    assert agrees(product, total, None)


def test_a_step_is_over_the_side_before_it_and_the_total_over_the_base():
    # Times of three pairs: base 8, then 4, then 5: the first step doubles the speed, the second loses some.
    reached = [[math.log(4 / 8) + e, math.log(5 / 8) + e] for e in (-0.01, 0.0, 0.01)]
    (first, second), total = steps_of(["first", "second"], reached, [8.0, 4.0, 5.0], QUICK)
    assert (first.ratio, second.ratio, total.ratio) == pytest.approx((2.0, 0.8, 1.6))
    assert (first.latency_ms, second.latency_ms, total.latency_ms) == (4.0, 5.0, 5.0)
    assert first.low < 2.0 < first.high
    assert second.high - second.low < 1e-6, "what both sides share is not in the step between them"


def test_a_total_that_the_run_had_not_measured_is_no_agreement():
    total = Step("total", 2.0, 1.9, 2.1)
    assert agrees(2.0, total, Step("the run", 2.2, 2.05, 2.4))
    assert not agrees(2.0, total, Step("the run", 2.5, 2.3, 2.7))
    assert not agrees(2.5, total, None)
    assert agrees(2.0, total, Step("the run", 2.5, None, None)), "without an interval nothing contradicts it"


@pytest.fixture
def fall():
    return Waterfall(
        model="mlp at batch 64",
        baseline="fp32 on eager",
        best="bf16-true on compile:freezing=true",
        steps=[
            Step("bf16-true", 2.0, 1.9, 2.1, 2.0),
            Step("compile", 0.9, 0.85, 0.95, 2.22),
            Step("freezing=true", 1.5, 1.4, 1.6, 1.48),
        ],
        total=Step("total", 2.7, 2.6, 2.8, 1.48),
        product=2.7,
        stored=Step("the run", 2.65, 2.5, 2.8),
        agrees=True,
        pairs=10,
        comparison="20261125-080000-abcd",
        order="the number format first",
        baseline_ms=4.0,
    )


def test_a_bar_begins_where_the_one_before_it_ended(fall):
    lines = {line.split()[0]: line for line in waterfall_text(fall).splitlines() if line.strip()}
    first, second, third, total = (lines[n] for n in ("bf16-true", "compile", "freezing=true", "total"))
    assert len(first) == len(second), "it goes back from where the first ended"
    assert "░" in second and "█" not in second
    assert third.index("█") == second.index("░")
    assert len(third) == len(total)
    assert total.index("█") == first.index("█") == lines["baseline"].index("|")
    assert "2.00x (1.90 to 2.10)" in first
    assert "agrees with the run's 2.65x (2.50 to 2.80)" in waterfall_text(fall)


def test_terminal_control_in_a_name_does_nothing(fall, build):
    haunted = build.haunted(fall, "\x1b[31mred\x07")
    assert "\x1b" not in waterfall_text(haunted)
