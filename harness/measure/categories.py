"""What an operator does, by its name: torch's, ONNX's, OpenVINO's, or one that a compiler made up."""

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
    (GENERATED, r"^triton_|^(graph_\d+_)?cpp_|^subgraph$"),
    (ATTENTION, r"scaled_?dot_?product|attention"),
    (CONVOLUTION, r"conv"),
    (
        MATMUL,
        r"^_?(addmm|mm|bmm|baddbmm|addmv|mv|addbmm|matmul|linear|dot|vdot|gemm|einsum)"
        + _END
        + "|_linear|linear_"
        r"|_mm$|int_mm|matmul|gemm|^fullyconnected$|(^|_)(rnn|lstm|gru)" + _END + r"|encoder_layer_fwd$",
    ),
    (LOOKUP, r"^_?embedding|^index_select$|^gather|^take|^index$"),
    (CAST, r"^_to_copy$|^to$|^cast$|quantizelinear$|^quantize|^dequantize"),
    (NORMALISATION, r"norm|softmax|^mvn$"),
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
        r"|equal|less|greater)" + _END + "|[gerptl]elu$|relu$|^swish$|^hard|^eltwise$",
    ),
)
_VIEWS = re.compile(
    r"^aten::(t|transpose|permute|view|_unsafe_view|reshape|_reshape_alias|expand|as_strided|slice|select|narrow|split"
    r"|chunk|unbind|squeeze|unsqueeze|flatten|unflatten|detach|alias|movedim|contiguous|clone|stack|concat)_?$"
)
"""torch's ways to look at a tensor otherwise, and what only passes a copy on to the operator that makes it:
their own time is the host's. ONNX has operators of the same names that move data."""
_AHEAD_OF_TIME = re.compile(r"^aoti_torch_[a-z]+_(?=.)")
"""In front of the name of torch's operator, where a package calls it."""
_COMPILED = tuple((category, re.compile(pattern)) for category, pattern in _PATTERNS)


def category(name: str) -> str:
    """The category of an operator: `aten::addmm`, `Gemm`, `mkldnn::_linear_pointwise`."""
    if _VIEWS.match(name):
        return OTHER
    plain = name.rpartition("::")[2].strip().lower().rstrip("_") or name.lower()
    plain = _AHEAD_OF_TIME.sub("", plain)
    for found, pattern in _COMPILED:
        if pattern.search(plain):
            return found
    return OTHER
