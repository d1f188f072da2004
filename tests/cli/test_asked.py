"""What is asked for on the command line is what is measured: options reach the work, up to its door."""

from __future__ import annotations

import importlib
import sys

import pytest

from harness.cli import main
from harness.errors import NothingMeasured


class Door:
    """Stands where work would begin, keeps what it was asked, and ends the command."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.asked = None

    def __call__(self, *arguments, **named):
        self.asked = arguments[self.at]
        raise NothingMeasured("the door is closed")


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """What a command asks for at a door, which is a name in a module."""
    monkeypatch.chdir(tmp_path)

    def call(module, name, *words):
        door = Door()
        monkeypatch.setattr(importlib.import_module(module), name, door)
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, words)])
        code = main.run([str(word) for word in words])
        assert "the door is closed" in capsys.readouterr().err
        assert code == NothingMeasured.exit_code
        return door.asked

    return call


@pytest.mark.parametrize("command", ["infer", "check", "export", "profile"])
def test_a_command_for_one_case_asks_for_just_that_case(ask, command):
    case = ("--model", "cnn", "--runner", "onnxruntime", "--batch-size", 8, "--device", "cpu")
    rest = ("--threads", 1, "--seed", 7, "--timeout", 30)
    # `check` may be asked for several precisions of its own.
    asked = ask(f"harness.cli.{command}", "one_case", command, *case, "--precision", "fp32", *rest)
    matrix = asked.matrix
    assert (matrix.model, matrix.runner, matrix.precision) == (["cnn"], ["onnxruntime"], ["fp32"])
    assert (matrix.batch_size, matrix.device, matrix.threads) == ([8], ["cpu"], [1])
    assert (asked.seed, asked.timeout_s) == (7, 30)


def test_a_comparison_has_what_both_sides_share_and_an_interpreter_for_each(ask, tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    shared = ("-m", "mlp", "--precision", "bf16-true", "--device", "cpu", "--threads", 1)
    settings = ("--seed", 7, "--timeout", 30, "--tolerance", 0.2, "--mode", "quick", "--no-lock")
    sides = ("--base-python", python, "--base", "runner=eager", "--new", "runner=compile")
    asked = ask("harness.compare.live", "compare_live", "compare", *shared, *settings, *sides)
    base, new = asked.arms
    assert (base.python, new.python) == (str(python), sys.executable)
    assert (base.matrix.runner, new.matrix.runner) == (["eager"], ["compile"])
    for arm in (base, new):
        assert (arm.matrix.precision, arm.matrix.device) == (["bf16-true"], ["cpu"])
    assert (asked.one.seed, asked.one.timeout_s, asked.one.tolerance) == (7, 30, 0.2)


def test_claims_are_measured_within_their_budget(ask):
    words = ("claims", "seed", "--time-budget", 7, "--passes", "2..3", "--timeout", 30, "--no-lock")
    settings = ask("harness.cli.claiming", "measured", *words).settings
    assert (settings.time_budget_s, settings.timeout_s) == (7, 30)
    assert (settings.passes, settings.most_passes) == (2, 3)


@pytest.mark.parametrize(("last", "refused"), [("--dynamic", True), ("--static", False)])
def test_the_last_word_says_whether_an_export_keeps_its_batch_open(ask, last, refused, capsys):
    """An example of one is refused for an open batch alone: the exporter would take it for a constant."""
    other = {"--dynamic": "--static", "--static": "--dynamic"}[last]
    words = ("export", other, last, "-b", 1)
    if refused:
        assert main.run([str(word) for word in words]) == 2
        assert "a dynamic export needs an example of at least 2" in capsys.readouterr().err
    else:
        assert ask("harness.cli.export", "one_case", *words).matrix.batch_size == [1]


@pytest.mark.parametrize(
    ("words", "runners", "batches"),
    [
        (("-m", "net.onnx"), ["all"], [1, 64]),
        (("-m", "net.onnx", "-p", "fp32"), ["all"], [1, 64]),
        (("-m", "net.onnx", "-p", "fp32", "-b", "2"), ["all"], [2]),
        (("-m", "net.onnx", "-r", "openvino", "-p", "fp32"), ["openvino"], [1, 4, 16, 64]),
        # Left open: of what no one suite is for, each model has the first runner that can run it.
        (("-m", "net.onnx,mlp", "-p", "fp32"), [], [1, 4, 16, 64]),
        (("-m", "net.py:build", "-p", "fp32"), [], [1, 4, 16, 64]),
    ],
    ids=lambda given: " ".join(map(str, given)),
)
def test_where_no_runner_is_said_a_file_has_those_that_read_it(ask, words, runners, batches):
    asked = ask("harness.cli.run", "make_plan", "run", *words, "--plan", "--no-lock")
    (matrix,) = asked.matrices
    assert (matrix.runner, matrix.precision, matrix.batch_size) == (runners, ["fp32"], batches)
