"""What concerns CUDA: run where there is a device, `pytest -m gpu`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def harness_command(tmp_path, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ},
    )
    files = sorted((tmp_path / "results" / "benchmarks").glob("*.json"))
    return done, json.loads(files[-1].read_text()) if files else None


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuda")
    return harness_command(
        folder,
        "run",
        "-m",
        "mlp,cnn,transformer",
        "-p",
        "fp32,tf32,bf16,bf16-true,fp16-true",
        "-b",
        16,
        "-d",
        "cuda",
        "--passes",
        1,
    )


def test_every_precision_runs_right_on_every_model(swept):
    done, report = swept
    assert done.returncode == 0, done.stderr
    assert [r["status"] for r in report["records"]] == ["ok"] * 15, done.stdout
    assert all(r["case"]["device"] == "cuda" for r in report["records"])
    assert report["environment"]["device_name"] and report["environment"]["cuda"]


def test_the_gpu_is_the_default_device(tmp_path):
    done, _ = harness_command(tmp_path, "run", "--plan", "-m", "mlp", "-b", 1)
    assert " cuda " in done.stdout


def test_tf32_is_on_where_asked_for_and_nowhere_else(swept):
    _, report = swept
    for record in report["records"]:
        modes = record["facts"]["float32_modes"]
        wanted = "tf32" if record["case"]["precision"] == "tf32" else "ieee"
        assert {modes[k] for k in ("cuda.matmul", "cudnn.conv", "cudnn.rnn")} == {wanted}
    errors = {
        (r["case"]["model"], r["case"]["precision"]): r["verification"]["error"] for r in report["records"]
    }
    for model in ("mlp", "cnn", "transformer"):
        assert errors[model, "tf32"] > 10 * errors[model, "fp32"]


def test_device_memory_is_told_and_casting_halves_the_weights(swept):
    _, report = swept
    memory = {(r["case"]["model"], r["case"]["precision"]): r["memory_mib"] for r in report["records"]}
    for found in memory.values():
        assert (
            0 < found["device_allocated"] <= found["device_allocated_peak"] <= found["device_reserved_peak"]
        )
    assert memory["mlp", "bf16-true"]["weights"] == memory["mlp", "fp32"]["weights"] / 2
    assert memory["mlp", "bf16-amp"]["weights"] == memory["mlp", "fp32"]["weights"]


def test_compile_runs_compiled_on_cuda(tmp_path):
    done, report = harness_command(
        tmp_path,
        "run",
        "-m",
        "mlp",
        "-r",
        "compile",
        "-p",
        "bf16-true",
        "-b",
        16,
        "-d",
        "cuda",
        "--passes",
        1,
    )
    record = next(r for r in report["records"] if r["case"]["runner"] == "compile")
    assert record["status"] == "ok", record["reason"]
    assert record["facts"]["graphs"] == 1 and record["facts"]["graph_breaks"] == 0
    assert done.returncode == 0


def test_sustained_throughput_keeps_two_calls_in_flight(tmp_path):
    done, report = harness_command(
        tmp_path, "run", "-m", "mlp", "-r", "eager,compile:mode=reduce-overhead", "-b", 64, "-d", "cuda",
        "--passes", 1, "--throughput", "--windows", 4, "--window", 0.25, "--no-memory",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for record in report["records"]:
        found = record["sustained_per_s"]
        assert found is not None, record["warnings"]
        assert (found["callers"], found["windows"]) == (2, 4)
        assert not [w for w in record["warnings"] if w.startswith("sustained")]


def test_onnxruntime_without_cuda_says_what_to_install(tmp_path):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    _, report = harness_command(
        tmp_path, "run", "-m", "mlp", "-r", "onnxruntime", "-b", 4, "-d", "cuda", "--passes", 1
    )
    record = next(r for r in report["records"] if r["case"]["runner"] == "onnxruntime")
    assert record["status"] == "unsupported"
    assert "pip install onnxruntime-gpu" in record["reason"]


def test_out_of_device_memory_is_a_status(tmp_path):
    (tmp_path / "huge.py").write_text(
        """
import harness, torch

class Module(torch.nn.Module):
    def forward(self, x):
        return x.sum() + torch.empty(1 << 50, device=x.device) if x.is_cuda else x.sum()

class Huge(harness.Model):
    name = "huge"
    summary = "asks for a pebibyte"
    def build(self, params):
        return Module()
    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 4))

@harness.hookimpl
def harness_models():
    yield Huge()
"""
    )
    _, report = harness_command(
        tmp_path, "run", "--plugin", "huge.py", "-m", "huge", "-b", 1, "-d", "cuda", "--passes", 1
    )
    assert report["records"][0]["status"] == "out_of_memory"


def test_children_leave_no_memory_on_the_device(swept):
    free, total = torch.cuda.mem_get_info()
    assert total - free < 2 << 30
    assert Path("/proc").exists()


# ---- the other instruments -------------------------------------------------------------------------


def said(tmp_path, *arguments):
    done, _ = harness_command(tmp_path, *arguments, "-d", "cuda", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_inference_says_what_the_allocator_has(tmp_path):
    found = said(tmp_path, "infer", "-b", 64)["inference"]
    assert found["outputs"] == [{"shape": [64, 512], "dtype": "float32", "device": "cuda:0"}]
    loading, calling = found["loading"], found["calling"]
    # The weights of the mlp take 40 MiB.
    assert loading["allocated"]["after"] >= 40
    assert calling["allocated"]["peak"] >= calling["allocated"]["before"] >= 40
    assert calling["reserved"]["peak"] >= calling["allocated"]["peak"]
    assert found["verification"]["passed"]


def test_a_check_of_a_compiled_model_finds_nothing_amiss(tmp_path):
    found = said(tmp_path, "check", "-r", "compile", "-b", 64)["check"]
    assert found["problems"] == []
    assert found["facts"]["graphs"] == 1
    assert found["facts"]["compile_s"]["inductor"] >= 0


def test_a_tracker_sees_a_tensor_that_is_gone_again_and_one_that_stays():
    import harness

    torch.zeros(1, device="cuda")
    with harness.MemoryTracker("cuda") as memory:
        gone = torch.empty(64 << 20, dtype=torch.uint8, device="cuda")
        del gone
        kept = torch.empty(16 << 20, dtype=torch.uint8, device="cuda")
    assert memory.allocated.rise == pytest.approx(64, abs=1)
    assert memory.allocated.delta == pytest.approx(16, abs=1)
    assert memory.reserved.peak >= memory.allocated.peak
    del kept


def test_a_cuda_graph_gives_what_eager_gives_and_says_that_it_was_captured(tmp_path):
    done, report = harness_command(
        tmp_path, "run", "-m", "mlp,transformer", "-r", "cudagraph", "-p", "fp32,bf16,bf16-true", "-b", 16,
        "-d", "cuda", "--passes", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = [r for r in report["records"] if r["case"]["runner"] == "cudagraph"]
    assert [r["status"] for r in records] == ["ok"] * 6, done.stdout
    assert {r["facts"]["graphs_captured"] for r in records} == {1}
    assert all(r["verification"]["passed"] for r in records), "on several inputs: they are copied in"


def test_what_waits_for_the_device_cannot_be_captured_and_is_unsupported(tmp_path):
    (tmp_path / "waits.py").write_text(
        "import harness, torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x * 2 if x.sum().item() > 0 else x\n"
        "class Waits(harness.Model):\n"
        "    name, summary = 'waits', 'reads a number'\n"
        "    def build(self, params): return Net()\n"
        "    def inputs(self, params, batch_size): return harness.Inputs(torch.randn(batch_size, 8))\n"
        "@harness.hookimpl\n"
        "def harness_models(): yield Waits()\n"
    )
    _, report = harness_command(
        tmp_path, "run", "--plugin", "waits.py", "-m", "waits", "-r", "cudagraph", "-p", "fp32", "-b", 4,
        "-d", "cuda", "--passes", 1,
    )  # fmt: skip
    record = next(r for r in report["records"] if r["case"]["runner"] == "cudagraph")
    assert record["status"] == "unsupported", record["reason"]
    assert "cannot be recorded as a CUDA graph" in record["reason"]
