"""Inputs from strangers: what is right arrives exactly, what is wrong is named, nothing is executed."""

import io
import pickle
import zipfile

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness import Inputs
from harness.serve import payload
from harness.serve.problems import Problem
from harness.serve.template import Field, Template

ONE = Template((Field("x", (3,), torch.float32, True),), Inputs(torch.zeros(2, 3)))
TWO = Template(
    (Field("ids", (4,), torch.int64, True), Field("mask", (), torch.bool, True)),
    Inputs(torch.zeros(2, 4, dtype=torch.int64), mask=torch.zeros(2, dtype=torch.bool)),
)
MOST = 1 << 20


def npy(array, **how):
    stream = io.BytesIO()
    numpy.save(stream, array, **how)
    return stream.getvalue()


def npz(**named):
    stream = io.BytesIO()
    numpy.savez_compressed(stream, **named)
    return stream.getvalue()


def read(data, template=ONE):
    return payload.checked(payload.from_bytes(data, template, MOST), template, 8)


@given(
    arrays.arrays(
        st.sampled_from(["<f4", ">f4", "<f8", ">f2", "i1", "<u2", ">i4"]),
        st.tuples(st.integers(1, 8), st.just(3)),
        elements={"allow_nan": False, "min_value": 0, "max_value": 100},
    ),
    st.booleans(),
)
def test_an_npy_array_of_any_number_type_and_order_arrives(array, fortran):
    (tensor,), count = read(npy(numpy.asfortranarray(array) if fortran else array))
    assert count == len(array)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == array.astype("f4").tolist()


def test_several_inputs_arrive_by_name_from_an_npz_or_an_object():
    ids, mask = numpy.arange(8).reshape(2, 4), numpy.array([True, False])
    for found in (
        payload.from_bytes(npz(mask=mask, ids=ids), TWO, MOST),
        payload.from_lists({"ids": ids.tolist(), "mask": mask.tolist()}, TWO),
    ):
        (first, second), count = payload.checked(found, TWO, 8)
        assert (first.tolist(), second.tolist(), count) == (ids.tolist(), [True, False], 2)
        inputs = TWO.inputs([first, second])
        assert inputs.args[0] is first
        assert inputs.kwargs["mask"] is second


def bomb():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", b"\x93NUMPY" + bytes(64 << 20))
    return stream.getvalue()


def claiming(shape):
    """A header that promises more than there is."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    numpy.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + bytes(12)


class Executed:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


PICKLED = npy(numpy.array([Executed()], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("data", "status", "field", "said"),
    [
        (b"nonsense", 422, "body", "neither an npy nor an npz"),
        (b"\x93NUMPY", 422, "inputs.x", "header cannot be read"),
        (b"\x93NUMPY\x01\x00\x08\x00((((((((", 422, "inputs.x", "header cannot be read"),
        (b"PK\x03\x04", 422, "body", "npz file cannot be read"),
        (npy(numpy.zeros((1, 3)))[:-1], 422, "inputs.x", "promises 24 bytes, there are 23"),
        (claiming((1 << 40, 1 << 20)), 422, "inputs.x", "promises"),
        (claiming((-1, -3)), 422, "inputs.x", "promises"),
        (PICKLED, 422, "inputs.x", "must hold numbers"),
        (npy(numpy.array(["a"])), 422, "inputs.x", "must hold numbers"),
        (npy(numpy.zeros(3)), 422, "inputs.x", "has shape (3,); the model takes (batch, 3) of float32"),
        (npy(numpy.zeros((2, 4))), 422, "inputs.x", "has shape (2, 4)"),
        (npy(numpy.zeros((0, 3))), 422, "inputs.x", "is a batch of 0; this service takes 1 to 8"),
        (npy(numpy.zeros((9, 3))), 422, "inputs.x", "is a batch of 9"),
        (npy(numpy.zeros((1, 3), complex)), 422, "inputs.x", "must hold real numbers"),
        (npz(y=numpy.zeros((1, 3))), 422, "inputs.y", "no such input; it has x"),
        (bomb(), 413, "body", "unpacked, the body is larger"),
    ],
)
def test_bytes_that_cannot_be_are_refused_by_name(data, status, field, said):
    with pytest.raises(Problem) as caught:
        read(data)
    assert (caught.value.status, caught.value.field) == (status, field)
    assert said in caught.value.text


@pytest.mark.parametrize(
    ("inputs", "field", "said"),
    [
        ([[1] * 4], "inputs", "the model has 2 inputs; name each: ids, mask"),
        ({"ids": [[1] * 4]}, "inputs.mask", "is missing"),
        ({"ids": [[1] * 4], "mask": [True], "more": [1]}, "inputs.more", "no such input"),
        ({"ids": [[1.5] * 4], "mask": [True]}, "inputs.ids", "must hold whole numbers"),
        ({"ids": [[1 << 70] * 4], "mask": [True]}, "inputs.ids", "fit 64 bits"),
        ({"ids": [[(1 << 63)] * 4], "mask": [True]}, "inputs.ids", "int64 does not reach"),
        ({"ids": [[1] * 4], "mask": [1]}, "inputs.mask", "must hold true and false"),
        ({"ids": [[1] * 4] * 2, "mask": [True]}, "inputs.mask", "is a batch of 1, and inputs.ids one of 2"),
        ({"ids": [[1] * 4], "mask": "yes"}, "inputs.mask", "must be nested lists"),
        ({"ids": [[1] * 4], "mask": True}, "inputs.mask", "must be nested lists"),
        ({"ids": [[1] * 4], "mask": None}, "inputs.mask", "must be nested lists"),
        ({"ids": [[1, 2], [1]], "mask": [True]}, "inputs.ids", "not rectangular"),
        ({"x" * 5000: [1]}, f"inputs.{'x' * 64}", "no such input"),
    ],
)
def test_lists_that_cannot_be_are_refused_by_name(inputs, field, said):
    with pytest.raises(Problem) as caught:
        payload.checked(payload.from_lists(inputs, TWO), TWO, 8)
    assert caught.value.field == field
    assert said in caught.value.text
    assert len(caught.value.text) < 300


def test_a_pickle_in_place_of_an_array_is_no_array():
    with pytest.raises(Problem):
        read(pickle.dumps(Executed()))


def test_numbers_too_large_for_the_type_are_infinite_as_torch_has_it():
    (tensor,), _ = read(npy(numpy.array([[1e300, -1e300, 1.0]])))
    assert tensor.tolist() == [[float("inf"), float("-inf"), 1.0]]
