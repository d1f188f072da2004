"""Inputs and outputs of any nesting are opened in order and rebuilt as they were."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy
import pytest
import torch

from harness.components import Inputs
from harness.measure.leaves import map_tensors, tensor_leaves

Pair = namedtuple("Pair", "first second")
A, B, C = (torch.full((2,), float(k)) for k in (1, 2, 3))


@dataclass(frozen=True)
class Output:
    logits: Any
    hidden: Any = None
    made: int = field(default=3, init=False)


NESTED = [
    pytest.param(A, [A], id="a tensor alone"),
    pytest.param((A, B), [A, B], id="tuple"),
    pytest.param([A, [B, (C,)]], [A, B, C], id="lists in lists"),
    pytest.param({"z": A, "a": B}, [A, B], id="dict in its own order"),
    pytest.param(Pair(A, {"x": B}), [A, B], id="named tuple"),
    pytest.param(OrderedDict(b=A, a=B), [A, B], id="ordered dict"),
    pytest.param({1: A, 2: B}, [A, B], id="keys that are no text"),
    pytest.param(OrderedDict([(1, A), ((2, 3), B)]), [A, B], id="ordered dict with keys that are no text"),
    pytest.param(defaultdict(list, x=A, y=[B]), [A, B], id="default dict"),
    pytest.param(MappingProxyType({"x": A}), [A], id="mapping proxy"),
    pytest.param(Output(A, (B, C)), [A, B, C], id="dataclass"),
    pytest.param({"loss": None, "n": 3, "s": "text", "x": A}, [A], id="plain values passed over"),
    pytest.param((None, 1, "x"), [], id="no tensor at all"),
]


@pytest.mark.parametrize(("value", "tensors"), NESTED)
def test_the_tensors_of_any_nesting_are_found_in_order(value, tensors):
    found = tensor_leaves(value)
    assert len(found) == len(tensors)
    assert all(f is t for f, t in zip(found, tensors, strict=True))


@pytest.mark.parametrize(("value", "tensors"), NESTED)
def test_the_same_nesting_comes_back_with_every_tensor_replaced(value, tensors):
    changed = map_tensors(value, lambda t: t + 10)
    assert type(changed) is type(value)
    found = tensor_leaves(changed)
    assert len(found) == len(tensors)
    assert all(torch.equal(f, t + 10) for f, t in zip(found, tensors, strict=True))
    if hasattr(value, "keys"):
        assert list(changed.keys()) == list(value.keys())


@pytest.mark.parametrize(("value", "tensors"), NESTED)
def test_what_is_replaced_is_not_changed_in_place(value, tensors):
    before = [t.clone() for t in tensors]
    map_tensors(value, lambda t: t * 0)
    assert all(torch.equal(t, b) for t, b in zip(tensor_leaves(value), before, strict=True))


def test_the_outputs_of_transformers_are_opened_and_rebuilt():
    transformers = pytest.importorskip("transformers.utils")

    @dataclass
    class Hidden(transformers.ModelOutput):
        last: Any = None
        states: Any = None
        loss: Any = None

    output = Hidden(last=A, states=(B, C))
    assert [t is x for t, x in zip(tensor_leaves(output), [A, B, C], strict=True)] == [True] * 3
    changed = map_tensors(output, lambda t: t + 1)
    assert isinstance(changed, Hidden)
    assert torch.equal(changed.states[1], C + 1)


def test_numpy_arrays_and_scalars_count_as_tensors():
    found = tensor_leaves(
        {"array": numpy.ones((2, 3), "float32"), "scalar": numpy.float64(2.5), "plain": 3.5}
    )
    assert [(tuple(t.shape), t.dtype) for t in found] == [((2, 3), torch.float32), ((), torch.float64)]


def test_a_default_dict_is_still_one_after_its_tensors_were_replaced():
    assert map_tensors(defaultdict(list, x=A), lambda t: t)["new"] == []


def test_inputs_are_mapped_in_positional_and_keyword_arguments():
    changed = Inputs(A, [B], mask=C, flag=True).map(lambda t: t.half())
    assert changed.args[0].dtype == changed.args[1][0].dtype == changed.kwargs["mask"].dtype == torch.float16
    assert changed.kwargs["flag"] is True


def test_inputs_are_shown_as_they_were_written():
    assert repr(Inputs(1, "a", mask=None)) == "Inputs(1, 'a', mask=None)"
