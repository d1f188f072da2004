"""`harness run --resume` after a real kill: nothing lost, nothing measured twice, and no other run passed off as this."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from harness.store import runfile

MODEL = """
import harness
import torch


class Slow(harness.Model):
    name = "slow"
    summary = "takes its time to be built"

    def build(self, params):
        import time

        time.sleep(0.3)
        return torch.nn.Linear(8, 8)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 8))


@harness.hookimpl
def harness_models():
    yield Slow()
"""
ASKED = (
    "run",
    "--plugin",
    "slow.py",
    "-m",
    "slow",
    "-b",
    "1,2,3",
    "--passes",
    "2",
    "--no-memory",
    "--no-anatomy",
)


def harness(folder, *words):
    command = [sys.executable, "-m", "harness", *words, "--no-lock"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False)


def only_file(folder):
    (path,) = (folder / "results" / "benchmarks").glob("*.jsonl")
    return path


def samples(path):
    return [(s.case, s.replicate) for s in runfile.read(path).samples]


def killed_after(folder, count):
    """Starts the run and kills its process once so many replicates are on the disk."""
    command = [sys.executable, "-m", "harness", *ASKED, "--no-lock"]
    with open(folder / "log", "wb") as log:
        run = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        end = time.monotonic() + 200
        while time.monotonic() < end and run.poll() is None:
            with contextlib.suppress(ValueError):
                path = only_file(folder)
                if path.read_bytes().count(b'"event":"sample"') >= count:
                    break
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, (folder / "log").read_text()
    return only_file(folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "slow.py").write_text(MODEL)
    return tmp_path


def test_after_a_kill_exactly_what_is_missing_is_measured(folder, tmp_path_factory):
    path = killed_after(folder, 2)
    before = samples(path)
    assert 2 <= len(before) < 6
    with path.open("ab") as file:  # as if it had been killed while it wrote
        file.write(b'{"event":"sample","case":"to')
    done = harness(folder, "run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert f"goes on: it has {len(before)} replicates, of " in done.stderr
    after = samples(path)
    assert after[: len(before)] == before
    assert Counter(after) == Counter({(case, n) for case, _ in after for n in (0, 1)})
    # The same order as if nothing had happened.
    other = tmp_path_factory.mktemp("whole")
    (other / "slow.py").write_text(MODEL)
    assert harness(other, *ASKED).returncode == 0
    assert samples(only_file(other)) == after
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["run"]["status"] == "finished"
    assert all(len(r["latency_ms"]["replicates"]) == 2 for r in report["records"])
    assert any("torn and left out" in text for text in report["run"]["damage"])
    again = harness(folder, "run", "--resume", "latest")
    assert (again.returncode, samples(path)) == (0, after)
    assert "nothing is missing of run" in again.stderr


@pytest.mark.slow
def test_changed_code_is_another_run_unless_its_records_may_say_so(folder):
    path = killed_after(folder, 1)
    (folder / "slow.py").write_text(MODEL.replace("time.sleep(0.3)", "time.sleep(0.2)"))
    size = path.stat().st_size
    done = harness(folder, "run", "--resume", "latest")
    assert done.returncode == 2
    assert "cannot be taken up again, since this has changed: the code of model slow" in done.stderr
    assert "hint: measure it anew; or --resume-anyway" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.stat().st_size == size
    done = harness(folder, "run", "--resume", "latest", "--resume-anyway")
    assert done.returncode == 0, done.stderr
    report = json.loads(path.with_suffix(".json").read_text())
    told = [w for r in report["records"] for w in r["warnings"] if "measured after a change" in w]
    assert told
    assert all("the code of model slow" in w for w in told)


@pytest.mark.slow
def test_a_run_that_is_being_written_is_left_alone(folder):
    path = killed_after(folder, 1)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = harness(folder, "run", "--resume", "latest")
    assert done.returncode == 2
    assert "is being written by another process" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--resume", "latest", "-m", "mlp"), "--resume measures what the run says: leave -m out"),
        (("--resume", "latest", "--passes", "5"), "leave --passes out"),
        (("--resume", "no-such"), "there is no run 'no-such'"),
        (("--retry-failed",), "--retry-failed is about --resume"),
        (("--resume-anyway",), "--resume-anyway is about --resume"),
    ],
)
def test_a_slip_is_one_line(tmp_path, build, words, said):
    from harness.records import codec

    stored = tmp_path / "results" / "benchmarks" / "20261122-174126-0c1f.jsonl"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(codec.encode_event(build.header([build.planned("itself")])) + b"\n")
    done = harness(tmp_path, "run", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_of_an_earlier_version_says_that_it_cannot_go_on(tmp_path, build):
    from harness.records import codec

    stored = tmp_path / "results" / "benchmarks" / "20261122-174126-0c1f.jsonl"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(codec.encode_event(build.header([build.planned("itself")])) + b"\n")
    done = harness(tmp_path, "run", "--resume", "latest")
    assert done.returncode == 2
    assert "does not say what was asked for" in done.stderr
