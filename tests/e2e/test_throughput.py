"""Further passes and sustained throughput, from the command line to the report."""

from __future__ import annotations

import json

import pytest

from .conftest import PLUGINS

TINY = ["--plugin", PLUGINS / "tiny.py"]
SHORT = ["--windows", 2, "--window", 0.05]


def test_sustained_throughput_is_measured_verified_and_shown_beside_the_closed_loop(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "tiny", "-r", "eager,onnxruntime", "-b", 4, "--threads", 2, "--passes", 2,
        "--throughput", *SHORT,
    )  # fmt: skip
    assert done.code == 0, done.err
    for record in done.report["records"]:
        found = record["sustained_per_s"]
        assert found["kind"] == "sustained"
        assert found["value"] > 0
        assert found["callers"] * found["threads"] == 2
        assert (found["processes"], found["windows"]) == (2, 4)
        assert found["low"] < found["value"] < found["high"]
        assert set(found["tried"]) == {"1", "2"}
        assert record["throughput_per_s"]["kind"] == "closed_loop"
    assert "sustained samples/s" in done.out


@pytest.mark.slow
def test_a_compiled_model_is_called_by_several_threads_without_compiling_again(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "tiny", "-r", "compile", "-b", 4, "--threads", 2, "--passes", 1, "--callers", 2,
        "--no-memory", *SHORT,
    )  # fmt: skip
    record = done.record(runner="compile")
    assert record["sustained_per_s"]["callers"] == 2, record["warnings"]
    assert record["sustained_per_s"]["threads"] == 1


def test_a_model_that_keeps_state_has_one_caller(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "counting", "-b", 2, "--threads", 2, "--passes", 1, "--throughput", "--no-memory",
        *SHORT,
    )  # fmt: skip
    found = done.record(runner="eager")["sustained_per_s"]
    assert (found["callers"], found["threads"], found["low"]) == (1, 2, None)


SHARED = """
import threading
import time

import harness
from harness_plugins.runners.eager import Eager


class Session(harness.TorchSession):
    latest = None

    def __call__(self, feed):
        self.latest = super().__call__(feed)
        time.sleep(0.002)
        return self.latest


class Shared(Eager):
    name = "shared"
    summary = "keeps its output where every caller finds it"

    def load(self, work):
        return Session(work, work.module)


@harness.hookimpl
def harness_runners():
    yield Shared()
"""


def test_a_session_that_mixes_up_its_callers_is_found_out_and_measured_with_one(harness_command, tmp_path):
    (tmp_path / "shared.py").write_text(SHARED)
    done = harness_command(
        "run", *TINY, "--plugin", "shared.py", "-m", "tiny", "-r", "shared", "-b", 4, "--threads", 2,
        "--passes", 1, "--throughput", "--no-memory", *SHORT,
    )  # fmt: skip
    record = done.record(runner="shared")
    assert record["status"] == "ok"
    assert record["sustained_per_s"]["callers"] == 1
    assert any("right alone, wrong beside other calls" in w for w in record["warnings"])


@pytest.mark.slow
def test_a_run_goes_on_for_what_is_too_wide_and_says_what_became_of_it(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "tiny", "-b", 4, "--no-memory", "--passes", "2..4", "--until", "0.05%"
    )
    assert done.code == 0
    (record,) = done.report["records"]
    run = done.report["run"]
    assert record["replicates"] == 4
    assert record["aim"]["wanted"] == pytest.approx(0.0005)
    assert not record["aim"]["reached"]
    assert run["status"] == "finished"
    assert run["reason"] == "4 passes are made: 1 of 1 intervals are wider than ±0.05 %"
    assert "pass 3 of at most 4: 1 case (1 wider than ±0.05 %)" in done.err
    assert "(aim ±0.05 %)" in done.out


@pytest.mark.slow
def test_a_generous_aim_is_reached_in_the_first_passes(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "tiny", "-b", 4, "--no-memory", "--passes", "2..3", "--until", "99%"
    )
    report = json.loads(harness_command("report", "-f", "json").out)
    assert report["run"]["reason"] in (
        "every interval is within ±99 %",
        "3 passes are made: 1 of 1 intervals are wider than ±99 %",
    )
    assert done.code == 0
