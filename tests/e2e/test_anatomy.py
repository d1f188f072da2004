"""Cases taken apart beside a run: from the command line to the report."""

import pytest

SMALL = "mlp:in_dim=16,hidden_dim=32,out_dim=16,n_layers=2"
QUICK = ("-m", SMALL, "-b", 4, "--passes", 1, "--no-memory", "--until", "none")
FLOPS = 2 * 4 * 2 * 16 * 32


@pytest.mark.slow
def test_every_case_of_a_run_is_taken_apart_whoever_runs_it(harness_command):
    done = harness_command("run", "--anatomy", *QUICK, "-r", "eager,compile,onnxruntime", "-p", "fp32")
    assert done.code == 0, done.err
    eager, compiled, onnx = (
        done.record(runner=runner)["anatomy"] for runner in ("eager", "compile", "onnxruntime")
    )
    for anatomy in (eager, compiled, onnx):
        assert anatomy["notes"] == []
        assert anatomy["demand"]["flops"] == FLOPS
        assert anatomy["demand"]["operators"] == 3
        assert anatomy["calls"] >= 3
        whole = sum(anatomy["categories"].values()) + anatomy["outside_ms"]
        assert abs(whole - anatomy["plain_ms"]) < 1e-6
    assert {"aten::addmm", "aten::clamp_min"} <= {o["name"] for o in eager["operators"]}
    assert eager["kernels"]
    # What inductor made shows under its own name, though nothing was compiled for that.
    assert "cpp_fused_relu_0" in {o["name"] for o in compiled["operators"]}
    (made,) = [o for o in compiled["operators"] if o["name"] == "cpp_fused_relu_0"]
    assert made["category"] == "generated"
    assert done.record(runner="compile")["facts"]["generated_kernels"] == 1
    assert done.record(runner="compile")["facts"]["generated"] == ["cpp_fused_relu_0"]
    assert {"Gemm", "FusedGemm"} & {o["name"] for o in onnx["operators"]}


def test_without_anatomies_a_run_asks_nothing_of_the_machine(harness_command):
    done = harness_command("run", "--no-anatomy", *QUICK, "-r", "eager", "-p", "fp32")
    assert [r["anatomy"] for r in done.report["records"]] == [None]
    assert done.report["run"]["ceilings"] == []
