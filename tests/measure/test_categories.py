"""What operators do, by the names that torch, ONNX and a compiler give them."""

import pytest

from harness.measure.categories import category

NAMES = {
    "matmul": "aten::addmm aten::mm aten::bmm aten::linear mkldnn::_linear_pointwise aten::mv Gemm FusedGemm "
    "MatMul FusedMatMul MatMulInteger DynamicQuantizeMatMul QLinearMatMul LSTM aten::mkldnn_rnn_layer "
    "triton_tem_fused_addmm_1 FullyConnected aoti_torch_cpu_addmm_out aoti_torch_cpu_mkldnn__linear_pointwise",
    "convolution": "aten::mkldnn_convolution aten::conv2d mkldnn::_convolution_pointwise Conv FusedConv "
    "triton_tem_fused_convolution_2",
    "attention": "aten::scaled_dot_product_attention aten::_scaled_dot_product_flash_attention_for_cpu "
    "aten::_efficient_attention_forward MultiHeadAttention ScaledDotProductAttentionWithKVCache",
    "lookup": "aten::embedding aten::_embedding_bag aten::index_select aten::index Gather",
    "elementwise": "aten::relu aten::relu_ aten::clamp_min aten::add_ aten::gelu aten::maximum aten::minimum "
    "aten::masked_fill_ aten::leaky_relu Relu LeakyRelu BiasGelu Add Mul Erf Where HardSwish aten::sinh Eltwise",
    "normalisation": "aten::native_layer_norm aten::_softmax aten::_log_softmax SkipLayerNormalization Softmax MVN",
    "reduction": "aten::sum aten::mean aten::max aten::max_pool2d_with_indices aten::_adaptive_avg_pool2d "
    "ReduceMean AveragePool ArgMax",
    "cast": "aten::_to_copy aten::to Cast QuantizeLinear DynamicQuantizeLinear DequantizeLinear",
    "copy": "aten::copy_ aten::cat Transpose Reshape Concat ReorderOutput MemcpyToHost aten::index_put_",
    "generated": "cpp_fused_relu_0 graph_0_cpp_fused_addmm_relu_1 triton_poi_fused_addmm_relu_0 "
    "triton_per_fused_native_layer_norm_0 Subgraph",
    "other": "aten::view aten::transpose aten::expand aten::as_strided aten::empty aten::item my::operator",
}


@pytest.mark.parametrize(
    ("name", "expected"), [(name, kind) for kind, names in NAMES.items() for name in names.split()]
)
def test_an_operator_is_known_by_its_name(name, expected):
    assert category(name) == expected
