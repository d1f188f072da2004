"""Other runtimes and int8: each runs what it was asked to, says so, and refuses what it cannot."""

import json

import pytest

SMALL = "mlp:hidden_dim=128"
PARTS = """
import torch

class Lonely(torch.nn.Module):
    def forward(self, x):
        return x.exp() + x

def example_inputs(batch_size):
    return torch.randn(batch_size, 8)

class TwoTower(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.user = torch.nn.Embedding(100, 16)
        self.item = torch.nn.Linear(8, 16)

    def example_inputs(self, batch_size):
        return {"item": torch.randn(batch_size, 8), "user": torch.randint(100, (batch_size,))}

    def forward(self, user, item):
        both = self.user(user) * self.item(item)
        return {"score": both.sum(-1, keepdim=True), "best": both.argmax(-1), "again": both}
"""

ENCODER = """
import torch

def build():
    return torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
"""


def _bfloat16_here():
    from harness.measure import devices

    return {"avx512_bf16", "amx_bf16"} & devices.resolve("cpu").features


_seen = {}


def infer(harness_command, *options):
    """One inference; what was asked before is not done again."""
    if options not in _seen:
        done = harness_command("infer", "-b", 4, "-f", "json", *options)
        assert done.code == 0, done.err
        _seen[options] = json.loads(done.out)["inference"]
    return _seen[options]


# ---- OpenVINO ---------------------------------------------------------------------------------------


def test_openvino_computes_in_float32_where_float32_is_asked_for(harness_command):
    found = infer(harness_command, "-m", SMALL, "-r", "openvino", "--threads", 1)
    assert found["facts"]["inference_precision"] == "f32"
    assert found["facts"]["inference_threads"] == 1
    assert found["facts"]["streams"] == 1
    assert all("bf16" not in layer for layer in found["facts"]["layers"])
    # Its own default on a processor with bfloat16 arithmetic is off by a hundred times as much.
    assert found["verification"]["error"] < 1e-5


def test_openvino_computes_in_bfloat16_where_that_is_asked_for(harness_command):
    if not _bfloat16_here():
        pytest.skip("this processor has no bfloat16 arithmetic")
    found = infer(harness_command, "-m", SMALL, "-r", "openvino", "-p", "bf16-true")
    assert found["facts"]["inference_precision"] == "bf16"
    assert any("bf16" in layer for layer in found["facts"]["layers"])
    assert 1e-3 < found["verification"]["error"] < 2e-2


@pytest.mark.slow
def test_openvino_weights_in_int8_are_a_quarter_as_large(harness_command):
    found = infer(harness_command, "-m", SMALL, "-r", "openvino", "-p", "int8-weight-only")
    whole = infer(harness_command, "-m", SMALL, "-r", "openvino")
    assert found["facts"]["quantised"]["matrices"] == 4
    assert found["facts"]["dynamic_quantization_group_size"] == 0
    assert 0.2 < found["weights_mib"] / whole["weights_mib"] < 0.3
    assert 1e-3 < found["verification"]["error"] < 4e-2


@pytest.mark.slow
def test_openvino_with_int8_activations_gives_another_answer_than_with_int8_weights_alone(harness_command):
    options = ("-m", SMALL, "-r", "openvino", "-p")
    both = infer(harness_command, *options, "int8-dynamic")
    weights = infer(harness_command, *options, "int8-weight-only")
    assert both["facts"]["dynamic_quantization_group_size"] > 0
    assert both["verification"]["error"] > weights["verification"]["error"]


def test_openvino_takes_inputs_by_name_and_gives_outputs_in_order(harness_command, tmp_path):
    net = tmp_path / "net.py"
    net.write_text(PARTS)
    found = infer(harness_command, "-m", f"{net}:TwoTower", "-r", "openvino")
    assert [o["shape"] for o in found["outputs"]] == [[4, 1], [4], [4, 16]]
    assert [o["dtype"] for o in found["outputs"]] == ["float32", "int64", "float32"]
    assert found["verification"]["passed"]


@pytest.mark.slow
def test_openvino_reads_an_onnx_file_by_its_names(harness_command, tmp_path):
    file = tmp_path / "small.onnx"
    assert harness_command("export", "-m", SMALL, "-o", file).code == 0
    for batch in (4, 7):  # the file keeps its batch open
        found = infer(harness_command, "-m", file, "-r", "openvino", "-b", batch)
        assert found["outputs"][0]["shape"] == [batch, 512]
        assert found["verification"]["passed"]


@pytest.mark.slow
def test_openvino_tells_a_profile_by_layer(harness_command):
    done = harness_command("profile", "-m", "mlp", "-r", "openvino", "-b", 4, "-f", "json")
    assert done.code == 0, done.err
    rows = {row["name"]: row for row in json.loads(done.out)["rows"]}
    assert rows["FullyConnected"]["calls"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("runner", "precision", "said"),
    [
        ("openvino", "bf16-amp", "OpenVINO has no autocast: try -p bf16-true"),
        ("openvino", "fp16-amp", "OpenVINO has no autocast: try -p fp16-true"),
        ("aotinductor", "bf16-amp", "an exported program keeps no autocast: try -p bf16-true, or -r compile"),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(harness_command, runner, precision, said):
    done = harness_command("infer", "-m", SMALL, "-r", runner, "-p", precision)
    assert done.code == 4
    assert said in done.err


# ---- AOTInductor ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_package_is_compiled_once_and_loaded_by_every_replicate(harness_command):
    done = harness_command("run", "-m", SMALL, "-r", "aotinductor", "-b", 4, "--passes", 2)
    assert done.code == 0, done.err
    record = done.record(runner="aotinductor")
    assert record["status"] == "ok"
    assert record["facts"]["backend"] == "aotinductor"
    assert not record["facts"]["freezing"]
    # A replicate loads what was made before it: loading is no compilation.
    assert record["facts"]["package_load_s"] < record["facts"]["package_compile_s"] / 5


@pytest.mark.slow
def test_the_weights_of_a_package_are_those_of_the_model(harness_command):
    found = infer(harness_command, "-m", SMALL, "-r", "aotinductor")
    assert found["weights_mib"] == pytest.approx(infer(harness_command, "-m", SMALL)["weights_mib"])


@pytest.mark.slow
def test_a_package_takes_a_dict_and_gives_a_dict_apart(harness_command, tmp_path):
    net = tmp_path / "net.py"
    net.write_text(PARTS)
    found = infer(harness_command, "-m", f"{net}:TwoTower", "-r", "aotinductor")
    assert [o["shape"] for o in found["outputs"]] == [[4, 1], [4], [4, 16]]
    assert found["verification"]["passed"]


# ---- int8 by torchao --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "precision", ["int8-dynamic", pytest.param("int8-weight-only", marks=pytest.mark.slow)]
)
def test_eager_runs_int8_by_torchao_and_says_so(harness_command, precision):
    found = infer(harness_command, "-m", SMALL, "-p", precision)
    whole = infer(harness_command, "-m", SMALL)
    assert found["facts"]["quantised"]["by"].startswith("torchao ")
    assert found["facts"]["quantised"]["matrices"] == 4
    assert 0.2 < found["weights_mib"] / whole["weights_mib"] < 0.35
    assert 1e-3 < found["verification"]["error"] < found["verification"]["tolerance"]


@pytest.mark.slow
def test_a_compiler_gets_constant_weights_with_int8_since_it_needs_them(harness_command):
    assert infer(harness_command, "-m", SMALL, "-r", "compile", "-p", "int8-dynamic")["facts"]["freezing"]
    assert not infer(harness_command, "-m", SMALL, "-r", "compile")["facts"]["freezing"]


@pytest.mark.slow
def test_a_compiler_follows_int8_weights_through_an_encoder_layer(harness_command, tmp_path):
    (tmp_path / "net.py").write_text(ENCODER)
    asked = ("-m", f"{tmp_path}/net.py:build", "--input", "x=float32[batch,16,64]", "-r", "compile")
    found = infer(harness_command, *asked, "-p", "int8-weight-only")
    assert found["verification"]["passed"]
    assert found["facts"]["mha_fast_path"] is False
    assert found["facts"]["graph_breaks"] == 0


def test_onnxruntime_multiplies_int8_weights_in_float32(harness_command):
    weights = infer(harness_command, "-m", SMALL, "-r", "onnxruntime", "-p", "int8-weight-only")
    both = infer(harness_command, "-m", SMALL, "-r", "onnxruntime", "-p", "int8-dynamic")
    assert "MatMulNBits" in weights["facts"]["quantised"]["by"]
    assert 1e-3 < weights["verification"]["error"] < both["verification"]["error"]


@pytest.mark.parametrize("runner", ["eager", pytest.param("openvino", marks=pytest.mark.slow), "onnxruntime"])
def test_int8_of_a_model_without_linear_layers_is_refused(harness_command, tmp_path, runner):
    net = tmp_path / "net.py"
    net.write_text(PARTS)
    done = harness_command("infer", "-m", f"{net}:Lonely", "-r", runner, "-p", "int8-weight-only", "-b", 2)
    assert done.code == 4
    assert "linear layers, and this model has none: try -p fp32" in done.err


def test_without_torchao_int8_says_what_to_install(monkeypatch):
    from harness_plugins.precisions import int8

    import harness

    monkeypatch.setattr(int8, "find_spec", lambda name: None)
    said = int8.Int8Dynamic().supports(harness.Device("cpu"))
    assert said == "torch's way to it needs torchao: pip install 'pytorch-inference-lab[torchao]'"


def test_nothing_is_told_to_anybody():
    import subprocess
    import sys

    code = "from harness_plugins.runners.openvino import runtime as r; r(); import sys; print(sys.modules['openvino_telemetry'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
