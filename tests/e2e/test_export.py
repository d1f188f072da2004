"""Exports: right at every batch size or not written; what is wrong is found by running it."""

import json
from pathlib import Path

import pytest

from .conftest import PLUGINS

PLUGIN = ("--plugin", PLUGINS / "exports.py")


def report_of(done):
    return json.loads(done.out)


@pytest.mark.parametrize(
    "model",
    ["mlp", pytest.param("cnn", marks=pytest.mark.slow), pytest.param("transformer", marks=pytest.mark.slow)],
)
def test_the_models_in_the_box_pass_at_every_batch_size(harness_command, model):
    import onnx

    done = harness_command("export", "-m", model, "-f", "json")
    assert done.code == 0
    report = report_of(done)
    assert report["passed"]
    assert [b["batch_size"] for b in report["batches"]] == [1, 4, 16, 256]
    assert all(b["max_abs_error"] < 1e-4 and b["error"] < 1e-4 for b in report["batches"])
    graph = onnx.load(done.results / f"{model}.onnx").graph
    assert [i.name for i in graph.input] == ["x"]
    assert [o.name for o in graph.output] == ["output"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert report["output"] == f"results/{model}.onnx"
    assert report["size_bytes"] == (done.results / f"{model}.onnx").stat().st_size


@pytest.mark.slow
def test_people_see_the_verdict_the_errors_and_what_is_in_the_file(harness_command):
    done = harness_command("export")
    assert done.code == 0
    assert "PASS   largest deviation at most 1e-4" in done.out
    assert "opset       ai.onnx " in done.out
    assert "operators   Gemm 4, Relu 3" in done.out
    assert "MiB, written in" in done.out


def test_an_export_that_is_numerically_wrong_fails_and_is_not_written(harness_command):
    done = harness_command("export", *PLUGIN, "-m", "scaled")
    assert done.code == 3
    assert "FAIL" in done.out
    assert "is above the limit 1e-04" in done.out or "is above the limit 0.0001" in done.out
    assert "not written: it is wrong" in done.out
    assert not list(done.results.glob("*.onnx"))


def test_an_export_that_is_wrong_far_from_the_example_only_is_found_there(harness_command):
    done = harness_command("export", *PLUGIN, "-m", "only-first", "-f", "json")
    assert done.code == 3
    assert [(b["batch_size"], b["passed"]) for b in report_of(done)["batches"]] == [
        (1, True),
        (4, True),
        (16, True),
        (256, False),
    ]


def test_a_failed_export_is_written_if_one_insists(harness_command):
    done = harness_command("export", *PLUGIN, "-m", "scaled", "--keep-failed", "-o", "deep/wrong.onnx")
    assert done.code == 3
    assert (done.results.parent / "deep" / "wrong.onnx").is_file()


@pytest.mark.slow
def test_a_batch_size_that_cannot_be_kept_open_is_told_with_what_would_work(harness_command):
    done = harness_command("export", *PLUGIN, "-m", "fixed")
    assert done.code == 4
    assert "unsupported: the exporter fixed the batch size at 32" in done.err
    assert "try --static" in done.err
    again = harness_command("export", *PLUGIN, "-m", "fixed", "--static", "-f", "json")
    assert again.code == 0
    assert [b["batch_size"] for b in report_of(again)["batches"]] == [32]


@pytest.mark.slow
def test_several_inputs_and_outputs_keep_their_order(harness_command):
    done = harness_command("export", *PLUGIN, "-m", "two", "-f", "json")
    assert done.code == 0, done.err
    facts = report_of(done)["facts"]
    assert list(facts["inputs"]) == ["x0", "x1"]
    assert facts["inputs"]["x0"] == "int64[batch, 3]"
    assert list(facts["outputs"]) == ["output0", "output1"]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "share"), [("fp16-true", 0.5), ("int8-dynamic", 0.25)])
def test_smaller_formats_are_smaller_and_held_against_their_own_tolerance(harness_command, precision, share):
    done = harness_command("export", "-p", precision, "-f", "json")
    assert done.code == 0
    report = report_of(done)
    assert report["atol"] is None
    assert all(0 < b["error"] <= report["tolerance"] for b in report["batches"])
    assert report["size_bytes"] / (40.03 * 2**20) == pytest.approx(share, rel=0.02)
    assert report["output"] == f"results/mlp_{precision}.onnx"


@pytest.mark.slow
def test_a_tighter_limit_of_ones_own_counts_for_every_precision(harness_command):
    done = harness_command("export", "-p", "fp16-true", "--atol", "1e-6", "--verify", 4)
    assert done.code == 3
    assert "is above 1e-6" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-b", 1], "a dynamic export needs an example of at least 2"),
        (["-b", 300], "the example's batch size 300 is above --max-batch 256"),
        (["--verify", "1,300"], "batch size 300 is above --max-batch 256"),
        (["--verify", ""], "--verify is empty"),
        (["--static", "--verify", "4"], "a static export has one batch size"),
        (["--output", "."], "that names a folder and no file"),
        (["--output", "/dev/null"], "it is no regular file"),
        (["--atol", "nan"], "'nan' is no finite number"),
        (["--atol", "0"], "0.0 is not in the range"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(harness_command, arguments, said):
    done = harness_command("export", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert not Path("/dev/null").is_file()


def test_a_link_is_written_through_and_stays_one(harness_command, tmp_path):
    (tmp_path / "kept.onnx").write_text("old")
    (tmp_path / "link.onnx").symlink_to("kept.onnx")
    done = harness_command("export", "-m", "mlp:hidden_dim=8", "--verify", 4, "-o", "link.onnx")
    assert done.code == 0
    assert (tmp_path / "link.onnx").is_symlink()
    assert (tmp_path / "kept.onnx").stat().st_size > 1000


def test_a_runner_that_writes_no_files_says_so(harness_command):
    done = harness_command("export", "-r", "eager")
    assert done.code == 4
    assert "unsupported: runner eager exports nothing" in done.err
