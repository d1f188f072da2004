"""How right an output is, as a line for people."""

from __future__ import annotations

from harness.records.events import Verification
from harness.report.numbers import safe, small


def verdict(found: Verification | None) -> str:
    """`7e-7 of the spread of the float64 reference (limit 1e-4), ...: correct`."""
    if found is None:
        return "not verified"
    if found.error is None:
        return f"INCORRECT: {safe(found.reason or '')}"
    text = f"{small(found.error)} of the spread of the {found.reference} reference"
    if not found.passed:
        return f"{text}, INCORRECT: {safe(found.reason or '')}"
    return f"{text} (limit {small(found.tolerance)}), largest deviation {small(found.max_abs_error)}: correct"
