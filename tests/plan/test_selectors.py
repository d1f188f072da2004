"""Selectors: `runner=eager,precision=fp32` picks cases out of a plan or a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.plan.selectors import parse_selector
from harness.records.case import AXES


def test_a_selector_is_axes_with_values():
    assert parse_selector("runner=eager,precision=fp32") == {"runner": "eager", "precision": "fp32"}


def test_numbers_are_numbers_and_batch_is_short_for_batch_size():
    assert parse_selector("batch=8, threads=2") == {"batch_size": 8, "threads": 2}


@pytest.mark.parametrize(
    "text", ["runner=compile:mode=max-autotune,precision=fp32", "model=mlp:in_dim=4,batch=8"]
)
def test_an_axis_after_a_component_with_parameters_is_an_axis_and_no_parameter(text):
    assert len(parse_selector(text)) == 2


def test_a_component_in_a_selector_keeps_all_its_parameters():
    assert parse_selector("model=mlp:in_dim=4,n_layers=2,runner=eager") == {
        "model": "mlp:in_dim=4,n_layers=2",
        "runner": "eager",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eager", "'eager' is no axis=value"),
        ("", "'' is no axis=value"),
        ("runner=", "'runner=' is no axis=value"),
        ("runner=eager,", "is no axis=value"),
        ("runer=eager", "there is no axis 'runer'; did you mean runner?"),
        ("batch=many", "batch_size=many is no whole number"),
        ("batch=0", "batch_size=0 is no whole number"),
        ("threads=-1", "threads=-1 is no whole number"),
        ("threads=²", "threads=² is no whole number"),
    ],
)
def test_a_wrong_selector_is_answered_with_what_is_wrong(text, said):
    with pytest.raises(UsageError) as caught:
        parse_selector(text)
    assert said in caught.value.message


@given(st.text(max_size=30) | st.lists(st.sampled_from([*AXES, "=", ",", ":", "1", "mlp"])).map("".join))
def test_any_text_is_a_selector_or_a_usage_error(text):
    try:
        chosen = parse_selector(text)
    except UsageError:
        return
    assert set(chosen) <= set(AXES)
