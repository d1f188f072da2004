"""Who brings a way of its own to a precision."""

from __future__ import annotations

from harness.catalogue import Catalogue
from harness.components import Precision
from harness.runner import Runner


def runners_with_way(catalogue: Catalogue, precision: Precision) -> list[str]:
    """The runners of this installation that have their own recipe for a precision."""
    runners = [p.component for p in catalogue.of_kind("runner")]
    return [
        r.name
        for r in runners
        if isinstance(r, Runner) and precision.name in r.recipes and r.available() is None
    ]
