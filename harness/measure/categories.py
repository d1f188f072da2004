"""What an operator does, by its name: torch's, ONNX's, or one that a library made up."""

from __future__ import annotations

import re

from harness.records.anatomy import (
    ATTENTION,
    CAST,
    CONVOLUTION,
    COPY,
    ELEMENTWISE,
    LOOKUP,
    MATMUL,
    NORMALISATION,
    OTHER,
    REDUCTION,
)

_PATTERNS = (
    (ATTENTION, r"scaled_dot_product|attention|^_?efficient_attention"),
    (CONVOLUTION, r"conv(olution)?(\d?d)?($|_)|^conv|convolution|^fusedconv|^qlinearconv"),
    (
        MATMUL,
        r"^(addmm|mm|bmm|baddbmm|addmv|mv|addbmm|matmul|linear|dot|gemm|einsum)"
        r"|_linear|linear_|_mm$|int_mm|matmul|gemm|lstm|^gru",
    ),
    (LOOKUP, r"^embedding|^index_select$|^gather|^take|^index$|^embedding_bag|^_embedding_bag"),
    (CAST, r"^_to_copy$|^to$|^cast$|quantizelinear$|^dynamicquantizelinear|^quantize|^dequantize"),
    (NORMALISATION, r"norm|softmax"),
    (
        COPY,
        r"^copy_?$|^clone$|^contiguous$|^cat$|^concat|^transpose$|^reshape$|^_reshape_copy|^stack$|^slice$|^split$"
        r"|^expand$|^squeeze$|^unsqueeze$|^flatten$|^memcpy|^reorder|^pad$|^constant_pad|^repeat|^roll|^index_copy"
        r"|^memcpyfromhost|^memcpytohost|^permute_copy|^im2col|^shape$|^identity$",
    ),
    (REDUCTION, r"^(sum|mean|max|min|amax|amin|prod|argmax|argmin|std|var|cumsum|topk|sort)|pool|^reduce"),
    (
        ELEMENTWISE,
        r"^(relu|gelu|silu|sigmoid|tanh|elu|selu|mish|erf|exp|log|sqrt|rsqrt|pow|neg|abs|sin|cos|add|sub|mul|div|"
        r"clamp|where|maximum|minimum|threshold|hardtanh|leaky_relu|hardswish|softplus|lerp|addcmul|addcdiv|"
        r"fill_|zero_|bitwise|logical|eq|ne|lt|le|gt|ge|masked_fill|dropout|bernoulli|floor|ceil|round|reciprocal)",
    ),
)
_COMPILED = tuple((category, re.compile(pattern)) for category, pattern in _PATTERNS)


def category(name: str) -> str:
    """The category of an operator: `aten::addmm`, `Gemm`, `mkldnn::_linear_pointwise`."""
    plain = name.rpartition("::")[2].strip().lower().rstrip("_") or name.lower()
    for found, pattern in _COMPILED:
        if pattern.search(plain):
            return found
    return OTHER
