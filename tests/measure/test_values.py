"""Inputs and weights on which a measurement says less than it seems to."""

import pytest
import torch

from harness.measure.values import constant, subnormal

TINY = torch.finfo(torch.float32).tiny


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5])
def test_inputs_of_one_value_are_told(value):
    said = constant([torch.full((4, 8), value), torch.arange(4)])
    assert said is not None
    assert f"{value:g} throughout" in said


def test_drawn_inputs_and_integers_alone_are_not():
    assert constant([torch.randn(4, 8)]) is None
    assert constant([torch.zeros(4, 8), torch.randn(4)]) is None
    assert constant([torch.zeros(4, dtype=torch.int64)]) is None
    assert constant([]) is None


def test_a_share_of_subnormal_weights_is_told():
    weights = torch.randn(1000)
    weights[:20] = TINY / 8
    said = subnormal("weights", [weights])
    assert said is not None
    assert said.startswith("2.0% of its weights are subnormal")


@pytest.mark.parametrize("weights", [torch.zeros(100), torch.randn(100), torch.full((100,), TINY)])
def test_zeros_and_normal_numbers_are_not(weights):
    assert subnormal("weights", [weights]) is None


def test_what_is_subnormal_depends_on_the_format():
    small = torch.full((100,), 1e-6)
    assert subnormal("weights", [small]) is None
    assert subnormal("weights", [small.half()]) is not None


def test_numbers_that_vary_beside_a_constant_are_not_called_constant():
    mask = torch.ones(4, 8)
    assert constant([mask, torch.arange(8)]).startswith(
        "every floating-point input is constant (1 throughout)"
    )
    assert constant([mask, torch.ones(8, dtype=torch.int64)]).startswith("every input is constant")
