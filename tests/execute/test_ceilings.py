"""Ceilings for a run: measured where they are missing, and never a reason to end it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.answers import Failure
from harness.execute.ceilings import ATTEMPTS, known_or_measured
from harness.execute.child import Outcome
from harness.records import codec
from harness.records.ceilings import Bandwidth, Ceilings
from harness.store import calibration

CEILINGS = Ceilings(
    "cpu", "a processor", 2, "2026-11-22T17:41:26Z", {"float32": 0.2}, [Bandwidth(2, 200)], 1.0, fault_us=0.1
)


class Children:
    """Answers each job with ceilings, or not at all."""

    def __init__(self, answer: Ceilings | Failure = CEILINGS) -> None:
        self.answer = answer
        self.jobs: list[tuple[str, int]] = []

    def run(self, lane, kind, job, timeout_s, on_message=None):
        assert kind == "ceilings"
        self.jobs.append((job.device, job.threads))
        if isinstance(self.answer, Failure):
            return Outcome(
                {"stage": "measure", "failure": codec.decode(codec.encode(self.answer), dict)}, exit_code=1
            )
        found = replace(self.answer, device=job.device, threads=job.threads)
        return Outcome({"stage": "measure", "result": codec.decode(codec.encode(found), dict)}, exit_code=0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_is_missing_is_measured_once_and_kept():
    children, told = Children(), []
    found = known_or_measured([("cpu", 2), ("cpu", 1), ("cpu", 2)], children, told.append)
    assert [(c.device, c.threads) for c in found] == [("cpu", 2), ("cpu", 1)]
    assert children.jobs == [("cpu", 2), ("cpu", 1)]
    assert len(told) == 1
    assert "what this machine can do at most" in told[0]
    assert known_or_measured([("cpu", 1)], children, told.append) == [found[1]]
    assert len(children.jobs) == 2
    assert len(told) == 1


def test_what_was_disturbed_is_measured_again_a_few_times_at_most():
    children, told = Children(replace(CEILINGS, suspect=1.0)), []
    for _ in range(ATTEMPTS + 2):
        (found,) = known_or_measured([("cpu", 2)], children, told.append)
    assert len(children.jobs) == ATTEMPTS
    assert found.attempts == ATTEMPTS
    assert "again, since something disturbed it" in told[-1]


def test_what_no_system_says_is_not_asked_for_in_every_run():
    children = Children(replace(CEILINGS, fault_us=None))
    for _ in range(ATTEMPTS + 2):
        known_or_measured([("cpu", 2)], children, lambda text: None)
    assert len(children.jobs) == ATTEMPTS


def test_a_failure_is_told_and_ends_nothing():
    told = []
    children = Children(Failure("failed", "RuntimeError: no such device"))
    assert known_or_measured([("cuda", 2)], children, told.append) == []
    assert "no such device" in told[-1]


def test_where_nothing_can_be_kept_they_are_used_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    told = []
    assert known_or_measured([("cpu", 2)], Children(), told.append) == [CEILINGS]
    assert "could not be kept" in told[-1]
    assert calibration.load().ceilings == []
