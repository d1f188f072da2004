"""What an operator does, by its name: torch's, ONNX's, or one that a library made up."""

from __future__ import annotations

import re

from harness.records.anatomy import (
    ATTENTION,
    CAST,
    CONVOLUTION,
    COPY,
    ELEMENTWISE,
    GENERATED,
    LOOKUP,
    MATMUL,
    NORMALISATION,
    OTHER,
    REDUCTION,
)

_END = r"(_|\d|$)"
_PATTERNS = (
    # A template of the compiler's is a product like the library's.
    (CONVOLUTION, r"^triton_tem_.*conv"),
    (MATMUL, r"^triton_tem_"),
    (GENERATED, r"^triton_|^(graph_\d+_)?cpp_"),
    (ATTENTION, r"scaled_dot_product|attention"),
    (CONVOLUTION, r"conv"),
    (
        MATMUL,
        r"^_?(addmm|mm|bmm|baddbmm|addmv|mv|addbmm|matmul|linear|dot|vdot|gemm|einsum)"
        + _END
        + "|_linear|linear_"
        r"|_mm$|int_mm|matmul|gemm|(^|_)(rnn|lstm|gru)" + _END + r"|encoder_layer_fwd$",
    ),
    (LOOKUP, r"^_?embedding|^index_select$|^gather|^take|^index$"),
    (CAST, r"^_to_copy$|^to$|^cast$|quantizelinear$|^quantize|^dequantize"),
    (NORMALISATION, r"norm|softmax"),
    (
        COPY,
        r"^copy$|^clone$|^contiguous$|^cat$|^concat|^transpose$|^reshape$|^_reshape_copy|^stack$|^slice$|^split$"
        r"|^expand$|^squeeze$|^unsqueeze$|^flatten$|^memcpy|^reorder|^pad$|^constant_pad|^repeat|^roll|^index_copy"
        r"|^index_put|^tile$|^flip$|^permute_copy|^im2col|^shape$|^identity$",
    ),
    (
        REDUCTION,
        r"^(sum|mean|max|min|amax|amin|aminmax|prod|argmax|argmin|std|var|cumsum|cumprod|topk|sort|any|all"
        r"|logsumexp)" + _END + "|pool|^reduce|^arg(max|min)",
    ),
    (
        ELEMENTWISE,
        r"(^|_)(relu|relu6|elu|selu|celu|silu|mish|sigmoid|tanh|erf|exp|exp2|expm1|log|log2|log1p|sqrt|rsqrt|pow"
        r"|square|neg|abs|a?(sin|cos|tan)h?|atan2|add|sub|rsub|mul|div|clamp|clip|where|maximum|minimum|threshold|hardtanh"
        r"|hardswish|hardsigmoid|softplus|lerp|addcmul|addcdiv|fill|zero|bitwise|logical|eq|ne|lt|le|gt|ge"
        r"|masked_fill|dropout|bernoulli|floor|ceil|round|trunc|frac|sign|fmod|remainder|reciprocal|not|and|or"
        r"|equal|less|greater)" + _END + "|[gerptl]elu$|relu$|^swish$|^hard",
    ),
)
_VIEWS = re.compile(
    r"^aten::(t|transpose|permute|view|_unsafe_view|reshape|_reshape_alias|expand|as_strided|slice|select|narrow|split"
    r"|chunk|unbind|squeeze|unsqueeze|flatten|unflatten|detach|alias|movedim|contiguous|clone|stack|concat)_?$"
)
"""torch's ways to look at a tensor otherwise, and what only passes a copy on to the operator that makes it:
their own time is the host's. ONNX has operators of the same names that move data."""
_COMPILED = tuple((category, re.compile(pattern)) for category, pattern in _PATTERNS)


def category(name: str) -> str:
    """The category of an operator: `aten::addmm`, `Gemm`, `mkldnn::_linear_pointwise`."""
    if _VIEWS.match(name):
        return OTHER
    plain = name.rpartition("::")[2].strip().lower().rstrip("_") or name.lower()
    for found, pattern in _COMPILED:
        if pattern.search(plain):
            return found
    return OTHER
