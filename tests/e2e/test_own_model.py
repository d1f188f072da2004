"""A model of one's own is measured by one line, as the README shows it."""

import json
import re
import shlex
import warnings
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).parents[2]


def shown():
    """(the file, the command) of the README."""
    text = (ROOT / "README.md").read_text("utf-8")
    file = re.search(r"```python\n# net\.py\n(.*?)```", text, re.S)[1]
    line = re.search(r"^harness (run -m net\.py:.*)$", text, re.M)[1]
    return file, shlex.split(line)


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(shown()[0])


@pytest.mark.slow
def test_the_line_of_the_readme_measures_it_as_the_default_suite_does(net, harness_command):
    _, line = shown()
    done = harness_command(*line, "-b", 2, "--passes", 1, "--no-lock")
    assert done.code == 0, done.err
    ran = {(r["label"]["runner"], r["case"]["precision"]) for r in done.report["records"]}
    assert ran == {("eager", "fp32"), ("eager", "bf16-true"), ("compile", "fp32"), ("onnxruntime", "fp32")}
    assert all(r["status"] == "ok" for r in done.report["records"])
    record = done.record(runner="eager", precision="fp32")
    assert record["label"]["model"] == "net.py:TwoTower"
    assert record["case"]["params"] == {
        "width": 64,
        "input": "user=int64[batch;0..999] item=float32[batch,32]",
    }
    (provider,) = [p for p in record["providers"] if p["kind"] == "model"]
    assert provider["digest"]


def test_without_inputs_one_line_says_what_to_do(net, harness_command):
    done = harness_command("run", "-m", "net.py:TwoTower", "--no-lock")
    assert done.code == 2
    assert "nobody says what goes in" in done.err
    assert "--input x=float32" in done.err
    assert "Traceback" not in done.err


def test_real_inputs_and_parameters_go_through_every_command(net, tmp_path, harness_command):
    users, items = numpy.arange(8), numpy.ones((8, 32), "float32")
    numpy.savez(tmp_path / "batch.npz", item=items, user=users)
    own = ("-m", "net.py:TwoTower:width=16", "--inputs", "batch.npz", "-b", 8)
    done = harness_command("infer", *own, "-f", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["inference"]["verification"]["passed"]
    done = harness_command("infer", "-m", "net.py:TwoTower", "--inputs", "batch.npz", "-b", 9)
    assert done.code != 0
    assert "has 8 rows, and batch 9 needs 9" in done.err
    assert "Traceback" not in done.err


def test_a_model_that_fails_to_load_costs_one_line(tmp_path, harness_command):
    (tmp_path / "net.py").write_text("import torch\nraise RuntimeError('no weights here')\n")
    done = harness_command("run", "-m", "net.py:build", "--no-lock")
    assert done.code == 2
    assert "net.py:build: RuntimeError: no weights here" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_exported_files_are_measured_where_they_can_be_read(tmp_path, harness_command):
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU()).eval()
    example = (torch.randn(2, 8),)
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.export.save(
        torch.export.export(module, example, dynamic_shapes=({0: batch},)), tmp_path / "net.pt2"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(module, example, tmp_path / "net.onnx", dynamic_shapes=({0: batch},), verbose=False)
    run = ("run", "-b", 4, "--passes", 1, "--no-lock")
    done = harness_command(*run, "-m", "net.pt2", "-r", "eager,onnxruntime", "-p", "fp32,bf16-true")
    assert done.code == 0, done.err
    status = {(r["label"]["runner"], r["case"]["precision"]): r["status"] for r in done.report["records"]}
    assert status["eager", "fp32"] == status["onnxruntime", "fp32"] == "ok"
    done = harness_command(*run, "-m", "net.onnx", "-r", "eager,onnxruntime", "-p", "fp32,int8-dynamic")
    assert done.code == 0, done.err
    assert done.record(runner="onnxruntime", precision="fp32")["status"] == "ok"
    assert done.record(runner="onnxruntime", precision="int8-dynamic")["status"] == "ok"
    refused = done.record(runner="eager", precision="fp32")
    assert (refused["status"], refused["reason"]) == (
        "unsupported",
        "eager does not read onnx files: try -r onnxruntime,openvino",
    )


@pytest.mark.slow
def test_what_was_found_of_it_is_proved_from_the_stored_run_alone(tmp_path, harness_command, monkeypatch):
    (tmp_path / "net.py").write_text(
        """
import torch

class Many(torch.nn.Module):
    def forward(self, x):
        for _ in range(100):
            x = x + 1
        return x
"""
    )
    own = ("-m", "net.py:Many", "--input", "x=float32[batch,16]", "-r", "eager", "-p", "fp32", "-b", 4)
    assert harness_command("run", *own, "--passes", 2, "--no-lock", "--anatomy").code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = harness_command(
        "explain", "--results", "../results", "--prove", "--only", "host-bound", "--no-lock", "-f", "json"
    )
    assert done.code == 0, done.err
    (proof,) = json.loads(done.out)["proofs"]
    assert proof["ratio"] is not None, proof["reason"]


@pytest.mark.slow
def test_alone_a_file_is_measured_by_every_runner_that_reads_it(harness_command):
    assert harness_command("export", "-m", "mlp:hidden_dim=64", "-o", "net.onnx").code == 0
    done = harness_command("run", "-m", "net.onnx", "--plan")
    assert done.code == 0, done.err
    rows = [line.split()[:4] for line in done.out.splitlines() if line.startswith("net.onnx")]
    assert rows == [
        ["net.onnx", batch, runner, "fp32"] for runner in ("onnxruntime", "openvino") for batch in ("1", "64")
    ]
    assert "all leaves out runner eager for net.onnx: it reads no such file" in done.err


@pytest.mark.slow
def test_the_baseline_of_a_file_is_a_runner_that_reads_it(harness_command):
    assert harness_command("export", "-m", "mlp:hidden_dim=64", "-o", "net.onnx").code == 0
    done = harness_command("run", "-m", "net.onnx", "-r", "openvino", "-b", 2, "--plan")
    assert "net.onnx  2        onnxruntime  fp32         cpu" in done.out
    assert "added as baseline" in done.out
    assert json.loads(harness_command("infer", "-m", "net.onnx", "-f", "json").out)["case"]["runner"] == (
        "onnxruntime"
    )
