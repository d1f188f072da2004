"""What oneDNN and MKL say of themselves, in lines that several of their versions wrote."""

import pytest
import torch

from harness.measure.kernels import kernels, mkl_calls, onednn, summed

MATMUL = (
    "onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_bf16,undef,"
    "src:bf16::blocked:ab::f0 wei:bf16::blocked:ba::f0 dst:f32::blocked:ab::f0,"
    "attr-scratchpad:user,,8x64:64x64,0.0571289"
)
CONVOLUTION = (
    "onednn_verbose,exec,cpu,convolution,jit:avx2,forward_training,src_f32::blocked:abcd:f0 "
    "wei_f32::blocked:Acdb8a:f0 bia_f32::blocked:a:f0 dst_f32::blocked:aBcd8b:f0,,"
    "alg:convolution_direct,mb2_ic3oc8_ih16oh14kh3,0.25"
)
STAMPED = (
    "onednn_verbose,v1,1732.5,primitive,exec,cpu,reorder,jit:uni,undef,src:f32:a:blocked:ab::f0 "
    "dst:f32:p:blocked:BA16a::f0,attr,,64x64,0.5"
)


@pytest.mark.parametrize(
    ("line", "name", "formats", "ms"),
    [
        (MATMUL, "brg_matmul:avx512_core_bf16", "bf16 bf16 f32", 0.0571289),
        (CONVOLUTION, "jit:avx2", "f32 f32 f32", 0.25),
        (STAMPED, "reorder jit:uni", "f32 f32", 0.5),
        (MATMUL.replace("onednn_", "dnnl_"), "brg_matmul:avx512_core_bf16", "bf16 bf16 f32", 0.0571289),
    ],
)
def test_a_kernel_is_told_with_its_number_formats(line, name, formats, ms):
    (found,) = onednn([line])
    assert (found.library, found.name, found.formats, found.ms) == ("oneDNN", name, formats, ms)


@pytest.mark.parametrize(
    "line",
    [
        "onednn_verbose,v1,info,oneDNN v3.7.1 (commit 8d263e6)",
        "onednn_verbose,v1,primitive,create:cache_miss,cpu,matmul,brg_matmul:avx2,undef,,,8x8,0.3",
        "onednn_verbose,v1,primitive,info,template:operation,engine,exec_time",
        "onednn_verbose,v1,primitive,exec,cpu,matmul",
        "onednn_verbose,v1,primitive,exec,cpu,matmul,brg:avx2,undef,src:f32::,attr,,8x8,not a number",
        "something that the model prints, exec, cpu",
        "",
    ],
)
def test_other_lines_are_no_kernels(line):
    assert onednn([line]) == []


def test_calls_of_mkl_are_told_in_milliseconds():
    lines = [
        "MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 architecture",
        "MKL_VERBOSE SGEMM(T,N,64,8,64,0x7f,0x56,64,0x56,64,0x7f,0x56,64) 46.24us CNR:OFF Dyn:1 TID:0 NThr:2",
        "MKL_VERBOSE GEMM_BF16BF16F32(N,N,2048,64) 1.5ms CNR:OFF",
    ]
    assert [(k.name, k.ms) for k in mkl_calls(lines)] == [
        ("SGEMM", pytest.approx(0.04624)),
        ("GEMM_BF16BF16F32", 1.5),
    ]


def test_identical_kernels_are_summed_for_one_call_the_most_expensive_first():
    found = summed([*onednn([MATMUL] * 4), *onednn([CONVOLUTION] * 2)], calls=2)
    assert [(k.name, k.calls, k.ms) for k in found] == [
        ("jit:avx2", 1, pytest.approx(0.25)),
        ("brg_matmul:avx512_core_bf16", 2, pytest.approx(2 * 0.0571289)),
    ]


def test_the_output_of_the_process_is_what_it_was_afterwards(capfd):
    print("before", flush=True)
    layer = torch.nn.Conv2d(3, 8, 3).eval()
    with torch.inference_mode():
        found = kernels(lambda: layer(torch.randn(4, 3, 32, 32)))
    print("after", flush=True)
    assert capfd.readouterr().out == "before\nafter\n"
    if torch.backends.mkldnn.is_available():
        assert any(k.library == "oneDNN" and "f32" in k.formats for k in found)


def test_the_output_comes_back_after_a_call_that_fails(capfd):
    with pytest.raises(ZeroDivisionError):
        kernels(lambda: 1 / 0)
    print("after", flush=True)
    assert "after" in capfd.readouterr().out


def test_a_kernel_without_a_name_goes_by_what_it_does():
    line = (
        "onednn_verbose,v1,primitive,exec,cpu,gemm_api,,undef,src_u8::blocked:ab:f0 wei_s8::blocked:ba:f0 "
        "dst_s32::blocked:ab:f0,,,4x512:512x2048,0.0998535"
    )
    (found,) = onednn([line])
    assert (found.name, found.formats) == ("gemm_api", "u8 s8 s32")
