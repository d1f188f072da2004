"""Processes that hang, spread, leave things behind or attack their surroundings: their case ends, all of it."""

import os
import re

import pytest

ENDED = r"^not done within 30 s, ended while verifying$"
EXPECTED = {
    "nothing": ("ok", r"^$"),
    "threads+daemon+files+flood+shared": ("ok", r"^$"),
    "shared-and-crash": ("crashed", r"^killed by SIGABRT \(abort\) while verifying$"),
    "kill-group": ("crashed", r"^killed by SIGKILL while verifying, by itself or another process"),
    "kill-parent": ("crashed", r"^its parent process died while it was verifying$"),
    "close-pipes": ("failed", r"^its code closed the pipe of its answers while verifying$"),
    "garbage": ("failed", r"^its code wrote into the pipe of its answers: ended while verifying$"),
    "endless-garbage": ("failed", r"^its code wrote into the pipe of its answers: ended while verifying$"),
    "spread": ("failed", r"^it had started more than 512 processes: ended while verifying$"),
}
SLOW = {
    "deadlock": ("timeout", ENDED),
    "deaf": ("timeout", ENDED),
    "stop": ("timeout", ENDED),
    "half-a-message": ("failed", r"^its code wrote into the pipe of its answers while verifying$"),
    "bomb": ("failed", r"^it had started more than 512 processes: ended while verifying$"),
    "nothing": ("ok", r"^$"),
}
LOOPS = ["loop", "c-loop", "grandchild"]


@pytest.fixture(scope="module")
def swept(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return lab.sweep(folder, "unruly.py", "unruly", "does", EXPECTED)


@pytest.mark.parametrize("does", EXPECTED)
def test_the_case_says_what_happened_to_it(swept, does):
    record = swept.record("does", does)
    status, reason = EXPECTED[does]
    assert record["status"] == status, record["reason"]
    assert re.search(reason, record["reason"] or ""), record["reason"]
    assert bool(record["latency_ms"]) == (status == "ok")


def test_the_sweep_goes_on_to_its_end(swept):
    assert swept.report["run"]["status"] == "finished"
    assert swept.done.returncode == 3
    assert "Traceback" not in swept.done.stderr


def test_no_process_is_left_of_them(lab, swept):
    assert lab.running_with(swept.mark) == []


def test_no_temporary_file_is_left_of_them_not_even_their_own(swept):
    assert os.listdir(swept.temporary) == []


def test_no_segment_of_shared_memory_and_no_semaphore_is_left_of_them(lab, swept):
    assert [x for x in lab.shared() - swept.shared if x.startswith(("psm_", "torch_"))] == []
    assert [x for x in lab.shared() if swept.mark in x] == []


def test_a_child_that_ignores_every_signal_it_can_is_ended_when_its_time_is_over(lab, tmp_path):
    swept = lab.sweep(tmp_path, "unruly.py", "unruly", "does", ["deaf"], "--timeout", 4)
    record = swept.record("does", "deaf")
    assert record["status"] == "timeout"
    assert re.match("^not done within 4 s, ended while", record["reason"])
    assert swept.done.returncode == 4  # nothing was measured
    assert os.listdir(swept.temporary) == []


@pytest.mark.slow
def test_what_takes_its_time_to_end_ends_too(lab, tmp_path):
    swept = lab.sweep(tmp_path, "unruly.py", "unruly", "does", SLOW, "--timeout", 30)
    for does, (status, reason) in SLOW.items():
        record = swept.record("does", does)
        assert record["status"] == status, record["reason"]
        assert re.search(reason, record["reason"] or ""), record["reason"]
    assert swept.done.returncode == 3
    assert os.listdir(swept.temporary) == []


@pytest.mark.slow
def test_an_endless_loop_is_ended_wherever_it_is(lab, tmp_path):
    swept = lab.sweep(tmp_path, "faulty.py", "faulty", "how", [*LOOPS, "none"], "--timeout", 8)
    for how in LOOPS:
        record = swept.record("how", how)
        assert record["status"] == "timeout"
        assert record["reason"] == "not done within 8 s, ended while verifying"
    assert swept.record("how", "none")["status"] == "ok"
    assert lab.running_with(swept.mark) == []


@pytest.mark.slow
def test_where_nothing_is_forked_nothing_is_left_behind_either(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_SPAWN", "1")
    litter = "threads+daemon+files+flood+shared"
    chosen = {"nothing": "ok", litter: "ok", "deaf": "timeout", "shared-and-crash": "crashed"}
    swept = lab.sweep(tmp_path, "unruly.py", "unruly", "does", chosen, "--timeout", 20)
    assert {d: swept.record("does", d)["status"] for d in chosen} == chosen
    assert lab.running_with(swept.mark) == []
    assert os.listdir(swept.temporary) == []
    assert [x for x in lab.shared() if swept.mark in x] == []
