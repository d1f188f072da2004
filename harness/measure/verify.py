"""How right an output is, against the reference.

For one output tensor over all verification calls, with y the output, r the reference and m the mean
of r over the samples (the batch axis and the calls):

    error      = rms(y - r) / rms(r - m)
    max_error  = max |y - r| / rms(r - m)

An absolute tolerance is blind: freshly initialised networks answer almost the same to every input, so
a constant passes it. Against the spread of the reference a constant output has error 1, zeros at
least 1, a permuted batch about 1.4 and a 1 % scale at least 0.01, whatever the units of the output.
Where the reference does not vary at all, its own rms is the scale (and 1 where that is 0).
Integers and booleans must be equal, shapes and kinds of numbers equal, and nothing NaN or Inf that the
reference is not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.measure.deviation import Deviation, deviation
from harness.records.events import Verification

if TYPE_CHECKING:
    import torch

LEAST_SAMPLES = 16
LEAST_CALLS = 3
TINY_SPREAD = 0.05
"""A reference whose spread is under this share of its size hardly answers to its input."""

Leaves = list["torch.Tensor"]


def calls_needed(batch_size: int) -> int:
    """How many calls on different inputs: at least 3, and at least 16 samples between them."""
    return max(LEAST_CALLS, math.ceil(LEAST_SAMPLES / max(1, batch_size)))


def verify(
    outputs: list[Leaves],
    references: list[Leaves],
    batch_size: int,
    tolerance: float,
    precision: str = "float64",
) -> tuple[Verification | None, list[str]]:
    """Holds the outputs of some calls against the references of the same calls.

    Args:
        outputs: for each call, the tensors of its output.
        references: the same from the reference, on the CPU; those of further calls may follow, since the
            scale is the spread of them all.
        batch_size: leading size of an output that carries one row per sample.
        tolerance: the largest error that passes.
        precision: what the reference was computed in.

    Returns:
        the verification (None if there is nothing in any output that could be compared), and warnings
        about how much it can tell.
    """
    calls = len(outputs)

    def failed(reason: str) -> tuple[Verification, list[str]]:
        wrong = Verification(False, None, tolerance, calls=calls, reference=precision, reason=reason)
        return wrong, []

    for number, (ours, theirs) in enumerate(zip(outputs, references[:calls], strict=True)):
        if len(ours) != len(theirs):
            return failed(
                f"{len(ours)} output tensors where the reference has {len(theirs)} (call {number + 1})"
            )
        for position, (y, r) in enumerate(zip(ours, theirs, strict=True)):
            if _kind(y) != _kind(r):
                return failed(
                    f"output {position} has the type {_name(y)}, the reference {_name(r)}: "
                    f"{_kind(y)} numbers in place of {_kind(r)} ones"
                )
            if tuple(y.shape) != tuple(r.shape):
                return failed(f"output {position} has shape {list(y.shape)}, the reference {list(r.shape)}")
    if not outputs or not references[0]:
        return failed("the model returns no tensor")
    leaves: list[Deviation] = []
    warnings: list[str] = []
    for position in range(len(references[0])):
        ys = [call[position] for call in outputs]
        rs = [call[position] for call in references]
        if not rs[0].is_floating_point() and not rs[0].is_complex():
            wrong = sum(int((y.cpu() != r).sum()) for y, r in zip(ys, rs, strict=False))
            if wrong:
                total = sum(y.numel() for y in ys)
                return failed(f"output {position}: {wrong} of {total} integers differ")
            continue
        leaf = deviation(ys, rs, batch_size)
        leaves.append(leaf)
        if leaf.unknown:
            warnings.append(f"output {position}: the reference itself has {leaf.unknown} NaN or Inf")
        if leaf.spread < TINY_SPREAD:
            warnings.append(
                f"output {position} hardly answers to its input: its spread over the batch is "
                f"{leaf.spread:.1g} of its size"
            )
    if leaves and not any(leaf.compared for leaf in leaves):
        if any(leaf.unknown for leaf in leaves):
            return failed("the reference is NaN or Inf everywhere")
        return None, ["not verified: every output is empty"]
    if leaves and all(leaf.constant for leaf in leaves):
        warnings.append("no output answers to its input: the reference is the same for all of them")
    return _combine(leaves, tolerance, calls, precision), warnings


def _kind(tensor: torch.Tensor) -> str:
    """What can be held against each other: runtimes tell booleans as bytes, and any width is a precision."""
    if tensor.is_complex():
        return "complex"
    return "floating-point" if tensor.is_floating_point() else "whole"


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_dense() if tensor.is_sparse else tensor


def _name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _combine(leaves: list[Deviation], tolerance: float, calls: int, precision: str) -> Verification:
    if not leaves:
        return Verification(True, 0.0, tolerance, 0.0, 0.0, 1.0, None, 0, calls, precision)
    error = _worst([leaf.error for leaf in leaves])
    nonfinite = sum(leaf.nonfinite for leaf in leaves)
    reason = None
    if nonfinite:
        reason = f"{nonfinite} NaN or Inf that the reference does not have"
    elif not error <= tolerance:
        reason = f"error {error:.2g} is above the limit {tolerance:.2g}"
    tops = [leaf.top1 for leaf in leaves if leaf.top1 is not None]
    return Verification(
        passed=reason is None,
        error=_finite(error),
        tolerance=tolerance,
        max_error=_finite(_worst([leaf.max_error for leaf in leaves])),
        max_abs_error=_finite(_worst([leaf.max_abs_error for leaf in leaves])),
        cosine=_finite(min(leaf.cosine for leaf in leaves)),
        top1_agreement=min(tops) if tops else None,
        nonfinite=nonfinite,
        calls=calls,
        reference=precision,
        reason=reason,
    )


def _worst(values: list[float]) -> float:
    return math.nan if any(math.isnan(v) for v in values) else max(values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def repeated(first: Leaves, again: Leaves, batch_size: int) -> str | None:
    """What to say if one input gave two outputs; None if they are equal to the last bit.

    Args:
        first: the tensors of an output.
        again: those of a later call with the same input.
    """
    alike = [
        tuple(a.shape) == tuple(b.shape) and a.dtype == b.dtype for a, b in zip(first, again, strict=False)
    ]
    if len(first) != len(again) or not all(alike):
        return "nondeterministic: the same input gave an output of another form later"
    changed = [
        (a, b)
        for a, b in zip(map(_dense, first), map(_dense, again), strict=True)
        if bool(((a != b) & ~(a.isnan() & b.isnan())).any())
    ]
    if not changed:
        return None
    errors = [deviation([b], [a], batch_size).error for a, b in changed]
    return (
        "nondeterministic: the same input gave another output later "
        f"(apart by {_worst(errors):.2g} of its spread)"
    )
