"""Profiles on a CUDA device: run where there is one, `pytest -m gpu`."""

import json
import os
import statistics
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def profile(tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "harness", "profile", "-d", "cuda", "--format", "json", *map(str, arguments)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return report, json.loads((tmp_path / report["trace"]).read_text())


def test_kernel_time_agrees_with_events_at_batch_1024(tmp_path):
    """Within 5 %: median of rounds that do both, since clocks of a GPU drift."""
    from harness.components import Device
    from harness.measure.state import strict_float32
    from harness.measure.torchprofile import profile_torch
    from harness.runner import Profiling

    strict_float32()
    sizes = [512, 2048, 2048, 2048, 512]
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).cuda()
    x = torch.randn(1024, 512, device="cuda")
    calls = 20

    def call():
        with torch.inference_mode():
            model(x)

    def whole():
        call()
        torch.cuda.synchronize()

    def inferences(count):
        for _ in range(count):
            yield whole

    for _ in range(50):
        whole()
    ratios = []
    for _ in range(9):
        asked = Profiling(calls, inferences, Device("cuda"), tmp_path / "trace.json", False, {})
        found = profile_torch(asked)
        by_profile_us = sum(k.device_us for k in found.kernels if k.kind == "kernel") / calls
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        # Enough work first that the host is ahead of the device: events then time the device alone.
        for _ in range(5):
            call()
        start.record()
        for _ in range(calls):
            call()
        end.record()
        torch.cuda.synchronize()
        ratios.append(by_profile_us / (start.elapsed_time(end) * 1000 / calls))
    assert statistics.median(ratios) == pytest.approx(1, abs=0.05), ratios


def test_the_device_is_what_is_sorted_by_and_adds_up(tmp_path):
    report, trace = profile(tmp_path, "-m", "mlp", "-b", 1024, "--warmup", 20, "--rows", 3)
    totals = report["totals"]
    lines = [*report["rows"], *([report["rest"]] if report["rest"] else [])]
    assert (report["sort"], report["share_of"]) == ("self_device", "self_device")
    assert report["rows"][0]["name"] == "aten::addmm"
    assert sum(r["share"] for r in lines) == pytest.approx(1)
    assert sum(r["self_device_ms"] for r in lines) == pytest.approx(totals["device_ms"], rel=0.01)
    assert 0 < totals["kernel_ms"] <= totals["device_ms"] * (1 + 1e-9)
    assert 0 < totals["busy_share"] <= 1
    assert totals["kernels"] >= 7
    assert totals["copies"] == []
    assert totals["cpu_ms"] > 0
    assert "kernel" in {e.get("cat") for e in trace["traceEvents"]}
    assert report["trace"].endswith("mlp_eager_fp32_b1024_cuda_trace.json")


def test_by_kernel_every_line_is_one(tmp_path):
    report, _ = profile(tmp_path, "-m", "cnn", "-b", 16, "--group", "kernel", "--rows", 0)
    assert report["rest"] is None
    assert sum(r["self_device_ms"] for r in report["rows"]) == pytest.approx(report["totals"]["device_ms"])
    assert {r["self_cpu_ms"] for r in report["rows"]} == {None}


def test_compiled_kernels_have_names_and_lines_are_attributed_in_eager(tmp_path):
    report, _ = profile(tmp_path, "-m", "mlp", "-r", "compile", "-b", 64, "--rows", 0)
    assert any("triton" in r["name"] for r in report["rows"])
    assert report["totals"]["dispatch"]
    report, _ = profile(tmp_path, "-m", "transformer", "-b", 16, "--group", "source")
    assert report["rows"][0]["name"].startswith("transformer.py:")
    assert sum(r["self_device_ms"] for r in report["rows"]) > 0.9 * report["totals"]["device_ms"]


def test_copies_between_host_and_device_are_counted(tmp_path):
    (tmp_path / "copier.py").write_text(
        """
import harness, torch

class Module(torch.nn.Module):
    def forward(self, x):
        return x + x.cpu().mean().to(x.device)

class Copier(harness.Model):
    name = "copier"
    summary = "copies to the host and back"
    def build(self, params):
        return Module()
    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 256))

@harness.hookimpl
def harness_models():
    yield Copier()
"""
    )
    report, _ = profile(tmp_path, "--plugin", "copier.py", "-m", "copier", "-b", 64)
    assert {c["route"]: c["count"] for c in report["totals"]["copies"]} == {
        "device to host": 1,
        "host to device": 1,
    }
