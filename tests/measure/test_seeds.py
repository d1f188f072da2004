"""The same seed gives the same weights and inputs in every process; digests prove it."""

from __future__ import annotations

import random

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue import Catalogue, load
from harness.measure.seeds import derive, digest, drawing


def draw(seed: int, purpose: str) -> tuple[float, float, float]:
    """One number of each global generator."""
    with drawing(seed, purpose):
        return float(torch.rand(1)), float(numpy.random.rand()), random.random()


def test_every_generator_a_model_may_draw_from_starts_from_the_seed():
    first = draw(3, "weights")
    draw(4, "weights")
    assert draw(3, "weights") == first


@pytest.mark.parametrize("other", [(4, "weights"), (3, "inputs 0"), (3, "inputs 1")])
def test_another_seed_or_purpose_draws_something_else_everywhere(other):
    assert all(a != b for a, b in zip(draw(3, "weights"), draw(*other), strict=True))


def test_a_derived_seed_is_the_same_in_every_version_of_the_harness():
    # Stored runs name their seed: it has to mean the same weights for ever.
    assert derive(0, "weights") == 133441691874178746


@given(st.integers(), st.text(max_size=10))
def test_a_derived_seed_is_one_that_torch_takes(seed, purpose):
    assert 0 <= derive(seed, purpose) < 2**63


@pytest.mark.parametrize("name", ["mlp", "cnn", "transformer"])
def test_a_built_in_model_has_the_same_weights_and_inputs_whenever_it_is_made(name):
    model = Catalogue(load(only=())).get("model", name).component

    def made(seed: int) -> tuple[str, str]:
        with drawing(seed, "weights"):
            module = model.build(model.Params())
        with drawing(seed, "inputs 0"):
            inputs = model.inputs(model.Params(), 2)
        return digest(module.parameters()), digest(inputs.args)

    assert made(0) == made(0)
    assert made(0)[0] != made(1)[0]
    assert made(0)[1] != made(1)[1]


def test_a_digest_tells_values_shapes_types_and_order_apart():
    x = torch.arange(6.0)
    digests = {
        digest([x]),
        digest([x + 1]),
        digest([x.reshape(2, 3)]),
        digest([x.double()]),
        digest([x, x]),
        digest([x, x + 1]),
        digest([x + 1, x]),
        digest([]),
    }
    assert len(digests) == 8
    assert digest([x]) == digest([x.clone()])


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, dtype=torch.bool),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3, dtype=torch.complex64),
        torch.tensor(1.5),
        torch.empty(0),
        torch.ones(4, 4).t()[::2],
        torch.eye(3).to_sparse(),
        torch.ones(2, 3, requires_grad=True),
    ],
    ids=["bool", "bfloat16", "complex", "scalar", "empty", "strided", "sparse", "with gradient"],
)
def test_any_tensor_has_a_digest(tensor):
    assert len(digest([tensor])) == 16


def test_a_digest_of_a_large_tensor_looks_at_a_sample_all_over_it():
    large = torch.zeros(1 << 20)
    second_half = large.clone()
    second_half[1 << 19 :] = 1
    assert digest([large]) != digest([second_half])
