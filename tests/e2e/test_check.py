"""Does it really run there? Planted breaks, recompilations and fallbacks are found at their lines."""

import json
import re

import pytest

from .conftest import PLUGINS

FILE = PLUGINS / "hard_to_compile.py"
HARD = ("--plugin", FILE, "-b", 4)


def line_of(mark):
    return next(n for n, line in enumerate(FILE.read_text().splitlines(), 1) if f"# {mark}" in line)


def checked(done):
    return json.loads(done.out)["check"]


def test_a_planted_graph_break_is_found_at_its_line_with_its_reason(harness_command):
    done = harness_command("check", "-r", "compile", *HARD, "-m", "prints")
    assert done.code == 3
    assert "not wholly: 1 problem" in done.out
    assert f"- graph break at hard_to_compile.py:{line_of('BREAK')}: " in done.out
    assert "print" in done.out


@pytest.mark.slow
def test_a_planted_recompilation_is_found_with_its_cause(harness_command):
    done = harness_command("check", "-r", "compile", *HARD, "-m", "counts", "-f", "json")
    assert done.code == 3
    found = checked(done)
    assert found["facts"]["recompiles"] == len(found["problems"]) > 0
    # The value of the attribute is a guard, and the line that changes it is named.
    assert "count ==" in found["problems"][0]
    assert f"hard_to_compile.py:{line_of('RECOMPILE')}" in found["problems"][0]
    assert found["verification"]["passed"]
    assert found["failure"] is None


@pytest.mark.slow
def test_a_model_that_recompiles_at_every_call_is_told_by_its_cause_and_not_only_by_its_end(harness_command):
    done = harness_command("check", "-r", "compile", *HARD, "-m", "counts-on", "-f", "json")
    assert done.code == 3
    found = checked(done)
    assert "count ==" in found["problems"][0]
    assert "FailOnRecompileLimitHit" in found["failure"]


@pytest.mark.slow
def test_another_batch_size_recompiles_and_says_which_size_it_had_expected(harness_command):
    done = harness_command("check", "-r", "compile", "-b", 4, "--other-batches", "2,8")
    assert done.code == 3
    assert "recompiled: " in done.out
    assert "expected 4, actual 2" in done.out
    assert re.search(r"other batches +2, 8 run, too", done.out)


@pytest.mark.slow
def test_a_compiled_model_says_where_the_time_went(harness_command):
    done = harness_command("check", "-r", "compile", "-m", "mlp", "-f", "json")
    assert done.code == 0
    found = checked(done)
    assert found["problems"] == []
    facts = found["facts"]
    assert (facts["graphs"], facts["graph_breaks"], facts["recompiles"]) == (1, 0, 0)
    assert facts["cache_misses"] == 1
    stages = facts["compile_s"]
    assert list(stages) == ["dynamo", "aot_autograd", "inductor", "code_generation"]
    assert all(seconds >= 0 for seconds in stages.values())
    assert 0 < sum(stages.values()) <= found["ready_s"]


def test_what_was_not_compiled_does_not_run_there(harness_command):
    done = harness_command("check", "-r", "compile", *HARD, "-m", "script")
    assert done.code == 4
    assert "unsupported: nothing was compiled" in done.err


def test_a_fallback_of_onnxruntime_is_found_with_the_operators_it_concerns(harness_command):
    runner = "onnxruntime:providers=AzureExecutionProvider+CPUExecutionProvider"
    done = harness_command("check", "-r", runner)
    if "this onnxruntime has no AzureExecutionProvider" in done.err:
        pytest.skip("this build of onnxruntime has one provider only")
    assert done.code == 3
    assert (
        "7 of 7 nodes run on CPUExecutionProvider and not on AzureExecutionProvider: Gemm, Relu" in done.out
    )


def test_onnxruntime_says_what_it_fused_and_where_nodes_run(harness_command):
    done = harness_command("check", "-r", "onnxruntime", "-f", "json")
    assert done.code == 0
    facts = checked(done)["facts"]
    assert facts["nodes"] == {"CPUExecutionProvider": 7}
    assert facts["fused"] == {"FusedGemm": 3}
    assert facts["casts_added"] == 0


def test_a_fixed_batch_size_is_told(harness_command):
    done = harness_command("check", "-r", "onnxruntime", "--other-batches", "3")
    assert done.code == 3
    assert "batch 3: InvalidArgument" in done.out


@pytest.mark.slow
def test_the_same_facts_are_in_a_records_of_a_run(harness_command):
    done = harness_command(
        "run", *HARD, "-m", "prints", "-r", "compile,onnxruntime", "--passes", 1, "--baseline", "none"
    )
    assert done.code == 0
    compiled = done.record(runner="compile")["facts"]
    assert compiled["graph_break_reasons"][0].startswith(f"hard_to_compile.py:{line_of('BREAK')}: ")
    assert set(compiled["compile_s"]) == {"dynamo", "aot_autograd", "inductor", "code_generation"}
    assert "casts_added" in done.record(runner="onnxruntime")["facts"]


def test_eager_runs_as_asked(harness_command):
    done = harness_command("check")
    assert done.code == 0
    assert "yes, all of it runs as asked" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--other-batches", ""], "--other-batches is empty"),
        (["--other-batches", "two"], "'two' is no batch size"),
        (["-r", "eager,compile"], "this command takes one runner"),
        (["-r", "complie"], "there is no runner 'complie'; did you mean compile?"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(harness_command, arguments, said):
    done = harness_command("check", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) <= 2
