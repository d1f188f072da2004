"""What torch's profiler calls things, and what they count as. The GPU's events are imitated here."""

from types import SimpleNamespace

import pytest

from harness.measure.spans import DISPATCH, LINE, OPERATOR, OTHER
from harness.measure.torchprofile import CALL, LINE_MARK, _device_span, _named, _span

FUNCTION, TORCHSCRIPT, USER = 0, 2, 7


@pytest.mark.parametrize(
    ("name", "scope", "kind"),
    [
        ("aten::addmm", FUNCTION, OPERATOR),
        ("mkldnn::_linear_pointwise", FUNCTION, OPERATOR),
        ("graph_0_cpp_fused_relu_1", FUNCTION, OPERATOR),
        ("triton_poi_fused_addmm_relu_0", FUNCTION, OPERATOR),
        ("cutlass::gemm", FUNCTION, OPERATOR),
        ("custom::op", FUNCTION, OPERATOR),
        ("cudaLaunchKernel", FUNCTION, OTHER),
        ("cuLaunchKernelEx", FUNCTION, OTHER),
        ("hipLaunchKernel", FUNCTION, OTHER),
        ("cudaGraphLaunch", FUNCTION, OTHER),
        ("Activity Buffer Request", FUNCTION, OTHER),
        ("cudaDeviceSynchronize", FUNCTION, DISPATCH),
        ("cudaStreamSynchronize", FUNCTION, DISPATCH),
        ("Torch-Compiled Region: 0/1", FUNCTION, DISPATCH),
        ("TorchDynamo Cache Lookup", FUNCTION, DISPATCH),
        ("AOTDispatcher Runtime Wrapper Prologue", FUNCTION, DISPATCH),
        ("## Call CompiledFxGraph fi3sav47 ##", USER, DISPATCH),
        ("forward", TORCHSCRIPT, DISPATCH),
        ("my own annotation", USER, OTHER),
        (CALL, USER, OTHER),
        (f"{LINE_MARK}net.py:14", USER, LINE),
    ],
)
def test_what_an_event_counts_as(name, scope, kind):
    assert _named(name, scope)[1] == kind


def event(name, start=10.0, end=30.0, **more):
    return SimpleNamespace(name=name, time_range=SimpleNamespace(start=start, end=end), **more)


@pytest.mark.parametrize(
    ("name", "kind", "route"),
    [
        ("void cutlass::Kernel<...>(Params)", "kernel", ""),
        ("Memcpy HtoD (Pageable -> Device)", "copy", "host to device"),
        ("Memcpy DtoH (Device -> Pinned)", "copy", "device to host"),
        ("Memcpy DtoD (Device -> Device)", "copy", ""),
        ("Memcpy PtoP (Device -> Device)", "copy", ""),
        ("Memset (Device)", "fill", ""),
    ],
)
def test_what_the_device_did(name, kind, route):
    found = _device_span(event(name))
    assert (found.kind, found.route, found.start_us, found.end_us) == (kind, route, 10, 30)


def test_an_operator_keeps_what_it_launched_and_a_line_its_code():
    kernels = [SimpleNamespace(name="gemm", device=0, duration=7)]
    found = _span(
        event("aten::addmm", scope=FUNCTION, thread=3, input_shapes=[[4], [2, 3], []], kernels=kernels), {}
    )
    assert (found.shapes, found.launched, found.thread) == ("4, 2x3", (("gemm", 7.0),), 3)
    line = event(f"{LINE_MARK}net.py:14", scope=USER, thread=3, input_shapes=[], kernels=[])
    found = _span(line, {"net.py:14": "y = f(x)"})
    assert (found.name, found.text) == ("net.py:14", "y = f(x)")
