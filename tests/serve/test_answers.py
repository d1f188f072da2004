"""Answers: valid JSON whatever the numbers are, and the form that was asked for."""

import io
import json

import numpy
import pytest
import torch

from harness.serve import answers
from harness.serve.problems import Problem
from harness.serve.variant import Answered


def answered(*leaves):
    return Answered(list(leaves), 1.5, 2, None, "fp32")


def test_nan_and_infinities_are_null_in_json_and_counted():
    leaf = torch.tensor([[1.0, float("nan")], [float("inf"), float("-inf")]])
    text = answers.as_json(answered(leaf), "cpu", 0.1, return_output=True)
    body = json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    assert body["output"] == [[1.0, None], [None, None]]
    assert body["nonfinite"] == 3
    kept = numpy.load(io.BytesIO(answers.as_numpy(answered(leaf), answers.NPY)))
    assert numpy.array_equal(kept, leaf.numpy(), equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool])
def test_every_type_has_a_list_and_an_array_of_the_same_values(dtype):
    leaf = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    body = json.loads(answers.as_json(answered(leaf), "cpu", 0.0, return_output=True))
    assert body["output"] == leaf.tolist()
    assert body["output_dtype"] == str(dtype).removeprefix("torch.")
    assert numpy.load(io.BytesIO(answers.as_numpy(answered(leaf), answers.NPY))).tolist() == leaf.tolist()


def test_a_complex_number_is_a_pair_and_its_shape_stays():
    body = json.loads(answers.as_json(answered(torch.tensor([[1 + 2j]])), "cpu", 0.0, return_output=True))
    assert body["output"] == [[[1.0, 2.0]]]
    assert body["output_shape"] == [1, 1]


def test_several_outputs_are_a_list_of_each():
    done = answered(torch.zeros(2, 3), torch.ones(2, dtype=torch.int64))
    body = json.loads(answers.as_json(done, "cpu", 0.0, return_output=True))
    assert body["output_shape"] == [[2, 3], [2]]
    assert body["output_dtype"] == ["float32", "int64"]
    assert body["output"] == [[[0.0] * 3] * 2, [1, 1]]
    found = numpy.load(io.BytesIO(answers.as_numpy(done, answers.NPZ)))
    assert list(found) == ["output_0", "output_1"]
    assert found["output_1"].tolist() == [1, 1]


def test_values_are_left_out_unless_asked_for():
    assert "output" not in json.loads(answers.as_json(answered(torch.zeros(1)), "cpu", 0.0, False))


@pytest.mark.parametrize(
    ("accept", "several", "form"),
    [
        ("", False, answers.JSON),
        ("*/*", False, answers.JSON),
        ("text/html, application/*;q=0.5", False, answers.JSON),
        ("application/x-npy", False, answers.NPY),
        ("APPLICATION/X-NPY; q=0.9, application/json;q=0.1", False, answers.NPY),
        ("application/json, application/x-npy", False, answers.JSON),
        ("application/x-npy;q=0, */*", False, answers.JSON),
        ("application/x-npz", True, answers.NPZ),
        ("application/x-npy, application/x-npz", True, answers.NPZ),
    ],
)
def test_accept_says_the_form(accept, several, form):
    assert answers.wanted(accept, several) == form


@pytest.mark.parametrize(
    ("accept", "several"), [("image/png", False), ("application/x-npy", True), (";;,q=x", False)]
)
def test_a_form_there_is_none_of_is_a_406_that_names_those_there_are(accept, several):
    with pytest.raises(Problem, match="the answer can be application/json, ") as caught:
        answers.wanted(accept, several)
    assert caught.value.status == 406
