"""Models that run and are odd: the numbers stay, and the reader is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PLUGINS, Ended

ODD = PLUGINS / "odd.py"
MODELS = "branch,nothing,nans,constant,empty,in-place,sets-threads,wrong-batch,nan-items,no-items,keyboard,unreadable"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    options = ["-b", "2", "--passes", "1", "--no-memory", "--no-anatomy", "--threads", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--plugin", str(ODD), "-m", MODELS, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, Path(folder) / "results")


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("branch", "ok", ""),
        ("nans", "incorrect", "the reference is NaN or Inf everywhere"),
        ("nothing", "incorrect", "the model returns no tensor"),
        ("constant", "ok", "no output answers to its input"),
        ("empty", "ok", "not verified: every output is empty"),
        ("in-place", "incorrect", "the model changes its inputs in place"),
        ("sets-threads", "ok", "changed the number of threads: 2 -> 1"),
        ("wrong-batch", "ok", "no input has the batch size 2 as its first axis"),
        ("nan-items", "failed", "cannot convert float NaN to integer"),
        ("no-items", "failed", "no-items.items() must be at least 1"),
        ("keyboard", "failed", "KeyboardInterrupt (odd.py:"),
        ("unreadable", "failed", "Unreadable: its message cannot be read (odd.py:"),
    ],
)
def test_an_odd_model_keeps_its_row_and_the_reader_is_told(swept, model, status, said):
    record = swept.record(model=model)
    assert record["status"] == status, record["reason"]
    assert said in " ".join([record["reason"] or "", *record["warnings"]])
    assert said in swept.out


def test_what_was_not_verified_is_never_the_best(swept):
    assert not swept.record(model="empty")["best"]
    noise = swept.report["run"]["noise"]
    if noise["suspect"] <= 0.5 * noise["blocks"]:  # else nothing is called the best
        assert swept.record(model="branch")["best"]


@pytest.mark.slow
def test_a_branch_on_a_value_is_a_graph_break_under_compile(harness_command):
    done = harness_command(
        "run", "--plugin", ODD, "-m", "branch", "-r", "compile", "-b", 2, "--passes", 1, "--no-memory"
    )
    assert done.code == 0
    assert "1 graph break" in done.out
    facts = done.record(runner="compile")["facts"]
    assert facts["graph_breaks"] == 1
    assert "odd.py:10: Data-dependent branching" in facts["graph_break_reasons"][0]


def test_what_the_exporter_cannot_take_is_unsupported_with_its_own_reason(harness_command):
    done = harness_command(
        "run", "--plugin", ODD, "-m", "branch", "-r", "onnxruntime", "-b", 2, "--passes", 1, "--no-memory"
    )
    record = done.record(runner="onnxruntime")
    assert record["status"] == "unsupported"
    assert (
        "the ONNX exporter cannot take it (Could not guard on data-dependent expression" in record["reason"]
    )
    assert "\x1b" not in record["reason"]


def test_a_baseline_that_is_wrong_is_told_beside_the_speed_ups_counted_from_it(harness_command):
    done = harness_command(
        *("run", "--plugin", PLUGINS / "faulty.py", "-m", "faulty:how=zeros", "-r", "eager,onnxruntime"),
        *("-b", 2, "--passes", 1, "--no-memory"),
    )
    assert done.code == 3
    warnings = done.record(runner="onnxruntime")["warnings"]
    assert "its speed-up is counted from a baseline that is incorrect" in warnings


def test_no_trick_is_fast_unnoticed(harness_command):
    ended = harness_command(
        "run", "--plugin", PLUGINS / "tricks.py", "-m", "honest,zeros,denormal,lower,cached", "-b", 8,
        "--passes", 1, "--no-memory", "--baseline", "none", "--no-lock", "-p", "fp32,int8-in-name",
    )  # fmt: skip
    assert ended.code == 3
    named = ended.record(model="honest", precision="int8-in-name")
    assert any("int8 perhaps in name only: its error of" in w for w in named["warnings"])
    told = {
        name: ended.record(model=name, precision="fp32")
        for name in ("honest", "zeros", "denormal", "lower", "cached")
    }
    assert told["honest"]["status"] == "ok"
    assert not any("constant" in w or "subnormal" in w for w in told["honest"]["warnings"])
    assert any("constant (0 throughout)" in w for w in told["zeros"]["warnings"])
    assert any("of its weights are subnormal" in w for w in told["denormal"]["warnings"])
    assert (told["lower"]["status"], told["cached"]["status"]) == ("incorrect", "incorrect")
    assert not told["lower"]["best"]
    assert not any("in name only" in w for w in told["honest"]["warnings"])
    assert "every input is constant" in ended.out
    assert "in name only" in ended.out
