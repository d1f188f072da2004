"""Integer precisions: each runner brings its own way to them."""

from __future__ import annotations

import harness


class Int8Dynamic(harness.Precision):
    """Weights in int8, activations quantised at every call by what they hold."""

    name = "int8-dynamic"
    summary = "matrix products in int8: weights quantised once, activations at every call"
    how = "quantised"
    dtype = "int8"
    tolerance = 8e-2
