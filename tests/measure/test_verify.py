"""Wrong outputs are rejected, honest ones accepted, and the reason says what is wrong.

The planted faults are held against the outputs of the built-in models at every tolerance of the
built-in precisions: a tolerance that lets zeros or a permuted batch through would prove nothing.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch

from harness.catalogue import Catalogue, load
from harness.measure import seeds
from harness.measure.verify import calls_needed, verify

BOX = Catalogue(load(only=()))
MODELS = ("mlp", "cnn", "transformer")
BATCHES = (1, 16, 64)
TOLERANCES = sorted({p.component.tolerance for p in BOX.of_kind("precision")})


@cache
def references(name: str, batch: int) -> list[list[torch.Tensor]]:
    """Outputs of a built-in model in float64 on as many inputs as a run verifies."""
    return outputs(name, batch, torch.float64)


def outputs(name: str, batch: int, dtype: torch.dtype) -> list[list[torch.Tensor]]:
    model = BOX.get("model", name).component
    params = model.Params()
    with seeds.drawing(0, "weights"):
        module = model.build(params).eval().to(dtype)
    found = []
    for number in range(calls_needed(batch)):
        with seeds.drawing(0, f"inputs {number}"):
            inputs = model.inputs(params, batch).map(lambda t: t.to(dtype))
        with torch.inference_mode():
            found.append([module(*inputs.args)])
    return found


def planted(fault: str, rs: list[list[torch.Tensor]]) -> list[list[torch.Tensor]]:
    """Outputs with one fault, from right ones."""
    rows = torch.cat([call[0] for call in rs])
    wrong = {
        "zeros": torch.zeros_like(rows),
        "batch mean": rows.mean(dim=0, keepdim=True).expand_as(rows),
        # Within each call where there is a batch; of one call after the other where there is none.
        "permuted batch": torch.cat([r[0].roll(1, dims=0) for r in rs])
        if len(rs[0][0]) > 1
        else rows.roll(1, dims=0),
        "1 % scale": rows * 1.01,
    }[fault]
    return [[part] for part in wrong.split(len(rs[0][0]))]


def test_the_tolerances_of_the_box_are_those_that_are_tested_here():
    assert TOLERANCES == [1e-4, 2e-3, 5e-3, 2e-2, 6e-2, 8e-2]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", ["zeros", "batch mean", "permuted batch"])
def test_an_answer_that_ignores_its_input_is_rejected_at_every_tolerance(model, batch, fault):
    rs = references(model, batch)
    for tolerance in TOLERANCES:
        found, _ = verify(planted(fault, rs), rs, batch, tolerance)
        assert not found.passed
        # Far from the limit: no luck with the draw of weights decides.
        assert found.error > 0.5


@pytest.mark.parametrize("model", MODELS)
def test_a_constant_is_rejected_and_nothing_is_warned_of_where_time_is_left_for_one_call_alone(model):
    right = references(model, 1)
    constant = [[torch.stack([call[0] for call in right]).mean(0)]]
    verification, _ = verify(constant, right, 1, TOLERANCES[-1])
    assert not verification.passed
    verification, warnings = verify([[right[0][0].float()]], right, 1, TOLERANCES[0])
    assert verification.passed
    assert not any("no output answers" in w for w in warnings)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", MODELS)
def test_a_scale_that_is_one_per_cent_off_is_rejected_in_fp32_and_tf32(model, batch):
    rs = references(model, batch)
    for tolerance in (1e-4, 2e-3):
        found, _ = verify(planted("1 % scale", rs), rs, batch, tolerance)
        assert not found.passed
        assert found.error >= 0.0099


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", MODELS)
def test_a_right_answer_has_error_0_and_every_sign_of_it(model, batch):
    rs = references(model, batch)
    found, warnings = verify(rs, rs, batch, 1e-4)
    assert (found.passed, found.error, found.max_error, found.max_abs_error) == (True, 0.0, 0.0, 0.0)
    assert found.cosine == pytest.approx(1.0)
    assert (found.top1_agreement, found.nonfinite, found.calls) == (1.0, 0, calls_needed(batch))
    assert warnings == []


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float16, 5e-3), (torch.bfloat16, 2e-2)], ids=str
)
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("model", MODELS)
def test_an_honest_cast_passes_with_room_to_spare_and_is_told_from_the_reference(
    model, batch, dtype, tolerance
):
    rs = references(model, batch)
    found, warnings = verify(outputs(model, batch, dtype), rs, batch, tolerance)
    assert found.passed
    assert 0 < found.error < 0.75 * tolerance
    assert warnings == []


# ---- how much is compared ------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "calls"), [(1, 16), (2, 8), (5, 4), (6, 3), (16, 3), (64, 3)])
def test_at_least_16_samples_in_at_least_3_calls_are_compared(batch, calls):
    assert calls_needed(batch) == calls
    assert calls * batch >= 16


def draw(*shape: int, calls: int = 3) -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [[torch.randn(shape, generator=generator, dtype=torch.float64)] for _ in range(calls)]


def test_one_wrong_call_among_right_ones_is_found():
    rs = draw(16, 4)
    stale = [rs[0], rs[0], rs[2]]
    found, _ = verify(stale, rs, 16, 2e-2)
    assert not found.passed


def test_one_wrong_sample_among_64_is_found_in_fp32():
    rs = draw(64, 10)
    ys = [[call[0].clone()] for call in rs]
    ys[1][0][17] += 0.1
    found, _ = verify(ys, rs, 64, 1e-4)
    assert not found.passed
    assert found.max_abs_error == pytest.approx(0.1)


def test_the_units_of_an_output_change_nothing_about_its_error():
    rs = draw(16, 4)
    errors = [
        verify([[c[0] * unit + 1e-3 * unit] for c in rs], [[c[0] * unit] for c in rs], 16, 1.0)[0].error
        for unit in (1e-6, 1.0, 1e6)
    ]
    assert errors == pytest.approx([errors[1]] * 3)


def test_an_offset_that_dwarfs_the_differences_between_inputs_hides_no_fault():
    # An absolute or relative tolerance is blind here: all outputs are nearly the same.
    rs = [[c[0] * 1e-3 + 5.0] for c in draw(16, 4)]
    mean = torch.cat([c[0] for c in rs]).mean(dim=0, keepdim=True).expand(16, 4)
    found, warnings = verify([[mean]] * 3, rs, 16, 2e-2)
    assert torch.allclose(mean, rs[0][0], rtol=1e-2)
    assert not found.passed
    assert "hardly answers to its input" in warnings[0]


# ---- what is wrong, in one sentence --------------------------------------------------------------


def why(ys: list, rs: list, batch: int = 4, tolerance: float = 2e-2) -> str:
    found, _ = verify(ys, rs, batch, tolerance)
    assert not found.passed
    return found.reason


def test_an_error_at_the_limit_passes_and_one_above_it_does_not():
    rs = draw(16, 4)
    ys = [[c[0] + 0.01] for c in rs]
    error = verify(ys, rs, 16, 1.0)[0].error
    assert verify(ys, rs, 16, error)[0].passed
    assert not verify(ys, rs, 16, error * (1 - 1e-12))[0].passed


def test_an_error_above_the_limit_is_given_with_the_limit():
    assert why([[c[0] + 0.5] for c in draw(4, 3)], draw(4, 3)).endswith("is above the limit 0.02")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_inf_that_the_reference_does_not_have_are_counted(bad):
    ys = [[c[0].clone()] for c in draw(4, 3)]
    ys[0][0][0, 0] = ys[2][0][1, 1] = bad
    found, _ = verify(ys, draw(4, 3), 4, 2e-2)
    assert not found.passed
    assert found.nonfinite == 2
    assert found.reason == "2 NaN or Inf that the reference does not have"


def test_nan_where_the_reference_has_it_is_no_fault_of_the_output():
    rs = draw(4, 3)
    rs[0][0][0, 0] = float("nan")
    found, _ = verify(rs, rs, 4, 1e-4)
    assert (found.passed, found.error, found.nonfinite) == (True, 0.0, 0)


def test_another_shape_is_named_with_both_shapes():
    assert (
        why([[c[0][:, :2]] for c in draw(4, 3)], draw(4, 3))
        == "output 0 has shape [4, 2], the reference [4, 3]"
    )


def test_a_shape_that_would_broadcast_is_another_shape():
    assert "has shape [1, 3]" in why([[c[0][:1]] for c in draw(4, 3)], draw(4, 3))


def test_a_missing_output_is_named_with_the_numbers():
    rs = [[c[0], c[0]] for c in draw(4, 3)]
    assert why(draw(4, 3), rs) == "1 output tensors where the reference has 2 (call 1)"


def test_a_model_without_any_tensor_in_its_output_cannot_be_verified():
    assert why([[], [], []], [[], [], []]) == "the model returns no tensor"


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool], ids=str)
def test_integers_must_be_equal(dtype):
    rs = [[torch.tensor([[0, 1], [1, 1]], dtype=dtype)] for _ in range(3)]
    assert verify(rs, rs, 2, 1e-4)[0].passed
    ys = [[r[0].clone()] for r in rs]
    ys[1][0][0, 0] = 1
    assert why(ys, rs, 2) == "output 0: 1 of 12 integers differ"


def test_a_wrong_integer_beside_right_numbers_is_found():
    rs = [[c[0], c[0].argmax(-1)] for c in draw(4, 3)]
    ys = [[c[0], c[1] + 1] for c in rs]
    assert why(ys, rs).startswith("output 1: 12 of 12 integers")


def test_the_worst_of_several_outputs_decides():
    rs = [[c[0], c[0] * 2] for c in draw(4, 3)]
    found, _ = verify([[c[0], torch.zeros_like(c[1])] for c in rs], rs, 4, 2e-2)
    assert not found.passed
    assert found.error >= 1


# ---- outputs that answer to nothing, or hardly ---------------------------------------------------


TABLE = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)


def test_a_constant_beside_an_output_that_answers_is_no_reason_to_warn():
    rs = [[*c, TABLE] for c in draw(16, 4)]
    found, warnings = verify(rs, rs, 16, 1e-4)
    assert (found.passed, found.error, warnings) == (True, 0.0, [])


def test_where_no_output_answers_to_its_input_there_is_a_warning():
    found, warnings = verify([[TABLE]] * 3, [[TABLE]] * 3, 16, 1e-4)
    assert (found.passed, found.error) == (True, 0.0)
    assert warnings == ["no output answers to its input: the reference is the same for all of them"]


def test_a_reference_that_is_nan_everywhere_proves_nothing():
    nan = torch.full((16, 4), float("nan"), dtype=torch.float64)
    found, _ = verify([[nan]] * 3, [[nan]] * 3, 16, 1e-4)
    assert not found.passed
    assert found.reason == "the reference is NaN or Inf everywhere"


def test_where_the_reference_itself_is_nan_in_places_the_rest_is_compared_and_it_is_told():
    rs = [[c[0].clone()] for c in draw(16, 4)]
    for call in rs:
        call[0][0, 0] = float("inf")
    found, warnings = verify(rs, rs, 16, 1e-4)
    assert found.passed
    assert warnings == ["output 0: the reference itself has 3 NaN or Inf"]


def test_a_wrong_constant_is_held_against_its_own_size():
    table = torch.full((2, 3), 10.0, dtype=torch.float64)
    found, _ = verify([[table * 1.01]] * 3, [[table]] * 3, 16, 1e-3)
    assert not found.passed
    assert found.error == pytest.approx(0.01)


def test_a_constant_of_zeros_is_right_only_as_zeros():
    zeros = torch.zeros(4, 3, dtype=torch.float64)
    assert verify([[zeros]] * 3, [[zeros]] * 3, 4, 1e-4)[0].passed
    assert not verify([[zeros + 0.1]] * 3, [[zeros]] * 3, 4, 2e-2)[0].passed


def test_outputs_that_hardly_answer_to_their_inputs_are_warned_of_with_the_share():
    rs = [[c[0] * 0.01 + 1.0] for c in draw(16, 4)]
    found, warnings = verify(rs, rs, 16, 1e-4)
    assert found.passed
    assert warnings == ["output 0 hardly answers to its input: its spread over the batch is 0.01 of its size"]


@pytest.mark.parametrize("shape", [(0, 10), (4, 0), (0,)], ids=str)
def test_empty_outputs_alone_verify_nothing(shape):
    empty = [[torch.zeros(shape)]] * 3
    assert verify(empty, empty, 4, 1e-4) == (None, ["not verified: every output is empty"])


@pytest.mark.parametrize("shape", [(0, 10), (4, 0), (0,)], ids=str)
def test_an_empty_output_beside_another_is_equal_to_an_empty_reference(shape):
    rs = [[*c, torch.zeros(shape)] for c in draw(4, 3)]
    found, warnings = verify(rs, rs, 4, 1e-4)
    assert (found.passed, found.error, warnings) == (True, 0.0, [])


# ---- shapes and types that models really return --------------------------------------------------


def test_an_output_without_a_batch_axis_is_compared_call_by_call():
    losses = [[torch.tensor(float(k), dtype=torch.float64)] for k in range(3)]
    assert verify(losses, losses, 16, 1e-4)[0].passed
    assert not verify([losses[0]] * 3, losses, 16, 2e-2)[0].passed


def test_outputs_whose_length_differs_from_call_to_call_are_compared():
    rs = [[torch.randn(4, n, dtype=torch.float64)] for n in (3, 5, 2)]
    assert verify(rs, rs, 4, 1e-4)[0].passed
    assert not verify([[torch.zeros_like(c[0])] for c in rs], rs, 4, 2e-2)[0].passed


def test_complex_outputs_are_compared_in_both_parts():
    rs = [[torch.complex(c[0], c[0].flip(0))] for c in draw(4, 3)]
    assert verify(rs, rs, 4, 1e-4)[0].passed
    assert not verify([[c[0].conj().resolve_conj()] for c in rs], rs, 4, 2e-2)[0].passed


def test_a_half_precision_output_is_compared_in_double_precision():
    rs = draw(16, 4)
    found, _ = verify([[c[0].half()] for c in rs], rs, 16, 5e-3)
    assert found.passed
    assert found.error > 0


def test_top_1_agreement_is_the_share_of_samples_whose_largest_entry_stayed():
    rs = [[torch.eye(4, dtype=torch.float64)] for _ in range(3)]
    ys = [[torch.eye(4, dtype=torch.float64)[[1, 0, 2, 3]]], rs[1], rs[2]]
    assert verify(ys, rs, 4, 1.0)[0].top1_agreement == pytest.approx(10 / 12)


def test_no_figure_of_a_verification_is_nan_or_infinite():
    nothing = [[torch.full((4, 3), float("nan"))]] * 3
    found, _ = verify(nothing, draw(4, 3), 4, 2e-2)
    assert (found.error, found.max_error, found.max_abs_error, found.cosine) == (None, None, None, None)
