"""A format that nothing went through is told by an error that it cannot have."""

import pytest
import torch

from harness.measure.deviation import deviation
from harness.measure.nominal import floor, in_name_only

FLOATS = ("bfloat16", "float16")


def error(module, inputs, dtype):
    exact = module.double()(inputs.double())
    return deviation([module.to(dtype)(inputs.to(dtype)).double()], [exact], len(inputs)).error


@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("width", [8, 512])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_went_through_a_format_is_above_its_floor_and_float32_below(dtype, width, layers):
    torch.manual_seed(0)
    parts = [m for _ in range(layers) for m in (torch.nn.Linear(width, width), torch.nn.ReLU())]
    module = torch.nn.Sequential(*parts, torch.nn.Linear(width, width))
    with torch.inference_mode():
        inputs = torch.randn(16, width)
        assert in_name_only(dtype, error(module, inputs, getattr(torch, dtype))) is None
        assert f"{dtype} perhaps in name only" in in_name_only(dtype, error(module, inputs, torch.float32))


def test_a_single_rounding_to_int8_is_above_its_floor():
    torch.manual_seed(0)
    exact = torch.randn(16, 64, dtype=torch.float64)
    step = exact.abs().max() / 127
    assert in_name_only("int8", deviation([(exact / step).round() * step], [exact], 16).error) is None


@pytest.mark.parametrize(
    ("dtype", "found"), [("float32", 1e-9), ("bfloat16", 0.0), ("bfloat16", None), ("int64", 1e-9)]
)
def test_nothing_is_said_where_nothing_is_known(dtype, found):
    assert in_name_only(dtype, found) is None


def test_formats_of_fewer_bits_leave_more():
    kinds = ("float16", "bfloat16", "int4")
    assert sorted(kinds, key=floor) == list(kinds)
