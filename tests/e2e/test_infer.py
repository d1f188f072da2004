"""One inference, as a reader of the README would ask for it."""

import json

import pytest

from .conftest import PLUGINS

FAULTY = ("--plugin", PLUGINS / "faulty.py")


def test_bare_it_is_the_mlp_in_eager_fp32_at_batch_32(harness_command):
    done = harness_command("infer", "--format", "json")
    assert done.code == 0
    report = json.loads(done.out)
    case, found = report["case"], report["inference"]
    assert [case[a] for a in ("model", "runner", "precision", "batch_size")] == ["mlp", "eager", "fp32", 32]
    assert found["inputs"] == [{"shape": [32, 512], "dtype": "float32", "device": "cpu"}]
    assert found["outputs"] == [{"shape": [32, 512], "dtype": "float32", "device": "cpu"}]
    assert found["verification"]["passed"]
    assert found["verification"]["error"] < 1e-4
    # 512 x 2048 + 2 x 2048 x 2048 + 2048 x 512 weights and the biases, in float32.
    assert found["weights_mib"] == pytest.approx(40.03, abs=0.05)
    loading, calling = found["loading"]["host"], found["calling"]["host"]
    assert loading["after"] - loading["before"] > 35
    assert calling["peak"] >= calling["before"] >= loading["before"]


@pytest.mark.parametrize("runner", ["eager", pytest.param("compile", marks=pytest.mark.slow), "onnxruntime"])
def test_every_runner_says_shapes_error_and_memory_for_people(harness_command, runner):
    done = harness_command("infer", "-m", "cnn", "-r", runner, "-b", 4)
    assert done.code == 0
    assert f"cnn  batch 4  {runner}  fp32  cpu" in done.out
    assert "output    4 x 10   float32   cpu" in done.out
    assert "of the spread of the float64 reference" in done.out
    assert ": correct" in done.out
    assert "memory MiB" in done.out


def test_a_cast_precision_shows_in_types_and_weights(harness_command):
    done = harness_command("infer", "-p", "bf16-true", "-f", "json", "-o", "one.json")
    assert done.code == 0
    assert done.out == ""
    found = json.loads((done.results.parent / "one.json").read_text())["inference"]
    assert found["outputs"][0]["dtype"] == found["inputs"][0]["dtype"] == "bfloat16"
    assert found["weights_mib"] == pytest.approx(20.0, abs=0.05)


def test_a_wrong_output_is_shown_and_told_by_the_exit_code(harness_command):
    done = harness_command("infer", *FAULTY, "-m", "faulty:how=zeros")
    assert done.code == 3
    assert "INCORRECT: error" in done.out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("forward", "failed: loading: ValueError: this model does not work (faulty.py:"),
        ("segfault", "crashed: killed by SIGSEGV (segmentation fault) while loading"),
        ("memory", "out of memory: RuntimeError"),
        ("no-module", "faulty.build() must return a torch.nn.Module, not NoneType"),
    ],
)
def test_a_case_that_breaks_is_one_line_and_exit_code_4(harness_command, how, said):
    done = harness_command("infer", *FAULTY, "-m", f"faulty:how={how}")
    assert done.code == 4
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_model_that_never_ends_is_ended_at_the_time_limit(harness_command):
    done = harness_command("infer", *FAULTY, "-m", "faulty:how=c-loop", "--timeout", 5)
    assert done.code == 4
    assert "timeout: not done within 5 s" in done.err


def test_what_is_unsupported_says_what_would_work(harness_command):
    done = harness_command("infer", "-r", "onnxruntime", "-p", "bf16")
    assert done.code == 4
    assert "unsupported: ONNX has no autocast: try -p fp32" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "mlp,cnn"], "this command takes one model, not 'mlp,cnn'"),
        (["-b", "1,4"], "this command takes one batch size, not '1,4'"),
        (["-p", "all"], "this command takes one precision, not 'all'"),
        (["-m", "mpl"], "there is no model 'mpl'; did you mean mlp?"),
        (["-b", "0"], "'0' is no batch size"),
        (["--timeout", "99999999999999"], "is not in the range"),
        (["--output", "."], "that names a folder and no file"),
        (["--output", ""], "that names a folder and no file"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(harness_command, arguments, said):
    done = harness_command("infer", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) <= 2
