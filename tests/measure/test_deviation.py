"""How far an output lies from its reference does not depend on the pieces in which it is looked at."""

import dataclasses
import math

import pytest
import torch

from harness.measure import deviation as module
from harness.measure.deviation import deviation


def calls(*shape, count=3, seed=0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=draw, dtype=dtype) for _ in range(count)]


@pytest.mark.parametrize("piece", [1, 7, 100, 1 << 22])
@pytest.mark.parametrize(
    ("shape", "batch"), [((4, 5, 6), 4), ((4,), 4), ((5, 6), 4), ((), 4), ((4, 0), 4), ((1, 33), 1)]
)
def test_pieces_make_no_difference(monkeypatch, shape, batch, piece):
    references = calls(*shape)
    outputs = [r + 0.1 * e for r, e in zip(references, calls(*shape, seed=1), strict=True)]
    whole = dataclasses.asdict(deviation(outputs, references, batch))
    monkeypatch.setattr(module, "PIECE", piece)
    apart = dataclasses.asdict(deviation(outputs, references, batch))
    assert apart.pop("top1") == whole.pop("top1")
    assert apart == pytest.approx(whole, rel=1e-12)


def test_the_figures_are_those_of_the_formulas():
    references, noise = calls(4, 50), calls(4, 50, seed=1)
    outputs = [r + 0.1 * e for r, e in zip(references, noise, strict=True)]
    y, r = torch.cat(outputs), torch.cat(references)
    spread = float((r - r.mean(0)).square().mean().sqrt())
    found = deviation(outputs, references, 4)
    assert found.error == pytest.approx(float((y - r).square().mean().sqrt()) / spread)
    assert found.max_abs_error == pytest.approx(float((y - r).abs().max()))
    assert found.cosine == pytest.approx(float(torch.cosine_similarity(y.flatten(), r.flatten(), dim=0)))
    assert found.top1 == float((y.argmax(-1) == r.argmax(-1)).double().mean())
    assert (found.compared, found.unknown, found.nonfinite, found.constant) == (600, 0, 0, False)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_counts_where_the_reference_is(bad, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 12)
    references, outputs = calls(4, 50), calls(4, 50)
    outputs[1][2, 3] = bad
    references[0][0, 0] = outputs[0][0, 0] = bad
    found = deviation(outputs, references, 4)
    assert (found.nonfinite, found.unknown, found.compared) == (1, 1, 599)
    assert not math.isfinite(found.error)


def test_a_real_output_of_a_complex_reference_is_compared_with_an_imaginary_part_of_zero():
    references = [torch.complex(a, torch.ones_like(a)) for a in calls(4, 5)]
    found = deviation([r.real for r in references], references, 4)
    assert found.max_abs_error == 1.0


@pytest.mark.parametrize("piece", [1, 7, 1 << 22])
@pytest.mark.parametrize(("shape", "batch"), [((1, 50), 1), ((4, 50), 4), ((5, 6), 4), ((), 4)])
def test_one_output_is_held_against_the_same_scale_as_all_of_them(shape, batch, piece, monkeypatch):
    monkeypatch.setattr(module, "PIECE", piece)
    references = [3.0 + 0.01 * r for r in calls(*shape, count=16)]
    outputs = [r + 0.001 for r in references]
    one, every = deviation(outputs[:1], references, batch), deviation(outputs, references, batch)
    assert one.error == pytest.approx(every.error)
    assert (one.spread, one.constant) == (pytest.approx(every.spread), False)
    assert one.compared == outputs[0].numel()
