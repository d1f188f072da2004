"""Signals: nothing more is measured, what was is kept and shown, and everything that was started is gone."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

QUICK = ("--no-memory", "--no-anatomy")
SIZES = ("-b", "1,2,3,4,5,6")


@pytest.fixture
def running(lab, tmp_path):
    """Starts a run over several batch sizes; gone after the test in any case."""
    started = []
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def start(*arguments, plugin="faulty.py", sizes=SIZES, **variables):
        options = ("--plugin", lab.plugins / plugin, *sizes, *QUICK)
        place = {"TMPDIR": str(temporary), **variables}
        process = lab.start("run", *options, *arguments, cwd=tmp_path, **place)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            lab.end(process)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        pytest.param(signal.SIGHUP, 143, "terminated", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_and_everything_finished_is_kept_and_shown(
    lab, tmp_path, running, number, code, word
):
    process = running("-m", "faulty")
    path = lab.samples(tmp_path / "results", 2, process)
    children = lab.descendants(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"this run was {word}: what is here is complete" in out
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["run"]["reason"] == f"ended by {number.name}"
    finished = [r for r in report["records"] if r["status"] == "ok"]
    assert len(finished) >= 2
    assert all(r["latency_ms"]["median"] > 0 for r in finished)
    left = [r for r in report["records"] if r["status"] == "not_reached"]
    assert left and "Traceback" not in err
    assert lab.all_gone(children)
    assert not os.listdir(tmp_path / "tmp")


@pytest.mark.parametrize(
    "gap_s", [0.0, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.03, 0.05, 0.1, 0.2))]
)
def test_a_second_interrupt_ends_everything_at_once_wherever_the_first_has_come(
    lab, tmp_path, running, gap_s
):
    """A held Ctrl-C repeats every 30 ms: the second one may meet any lock of the first one's way out."""
    process = running("-m", "faulty", "--passes", "9")
    path = lab.samples(tmp_path / "results", 1, process)
    children = lab.descendants(process.pid)
    for _ in range(50):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(gap_s)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"harness run --resume {path.stem}" in out + err, err
    assert b'"event":"sample"' in path.read_bytes()
    assert lab.all_gone(children)
    assert not list((tmp_path / "tmp").glob("harness-*"))


@pytest.mark.parametrize("imported", ["harness.errors", "click"])
def test_an_interrupt_while_the_command_is_still_imported_is_no_traceback(lab, tmp_path, imported):
    """Sent by an import hook, since nobody else can say when."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import os, signal, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {imported!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Hook())\n"
    )
    done = lab.run("list", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr


def test_a_signal_reaches_a_run_whose_child_does_not_listen(lab, running):
    mark = f"fault-{uuid.uuid4()}"
    process = running("-m", "faulty:how=grandchild", FAULT_MARK=mark)
    lab.wait_until(lambda: lab.running_with(mark), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert lab.running_with(mark) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_something_is_compiled_ends_the_compiler_too(lab, tmp_path, running, number):
    process = running(
        "-m", "transformer", "-r", "compile", "--baseline", "none", "--passes", "1", sizes=("-b", "1")
    )

    def compiler():
        return [p for p in lab.descendants(process.pid) if Path(f"/proc/{p}/comm").read_text() == "cc1plus\n"]

    with contextlib.suppress(FileNotFoundError):
        lab.wait_until(compiler, process)
    children = lab.descendants(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143), err
    assert "Traceback" not in err
    assert lab.all_gone(children)
    assert not os.listdir(tmp_path / "tmp")


def closed(lab, tmp_path, at_hangup, *more):
    """A run whose terminal is closed once two samples are there: (its process, its run file)."""
    outer, inner = pty.openpty()
    options = ("--plugin", lab.plugins / "faulty.py", "-m", "faulty", *SIZES, *QUICK, *more)
    process = subprocess.Popen(
        ["setsid", "--ctty", *lab.command("run", *options)],
        cwd=tmp_path,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, at_hangup),  # noqa: PLW1509 - no threads
    )
    os.close(inner)
    os.set_blocking(outer, False)
    results = tmp_path / "results"

    def measured():
        with contextlib.suppress(BlockingIOError, OSError):
            os.read(outer, 1 << 16)
        found = list((results / "benchmarks").glob("*.jsonl")) if results.exists() else []
        return found and found[0].read_bytes().count(b'"event":"sample"') >= 2 and found[0]

    path = lab.wait_until(measured)
    children = lab.descendants(process.pid)
    os.close(outer)
    process.wait(timeout=120)
    assert lab.all_gone(children)
    return process, path


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_the_run_and_what_was_measured_is_kept(lab, tmp_path):
    """The hang-up comes as a signal, and from then on nothing can be written to the terminal."""
    process, path = closed(lab, tmp_path, signal.SIG_DFL)
    assert b'"event":"ended"' in path.read_bytes()
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["run"]["status"] == "terminated"
    assert sum(r["status"] == "ok" for r in report["records"]) >= 2
    assert process.returncode == 143


@pytest.mark.slow
def test_where_a_hang_up_is_ignored_the_run_goes_on_to_its_end_without_its_terminal(lab, tmp_path):
    process, path = closed(lab, tmp_path, signal.SIG_IGN, "--passes", "2")
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["run"]["status"] == "finished"
    assert {r["status"] for r in report["records"]} == {"ok"}
    assert process.returncode == 0


def test_after_a_kill_the_file_reports_every_finished_sample_and_no_process_is_left(lab, tmp_path, running):
    mark = f"fault-{uuid.uuid4()}"
    process = running("-m", "unruly:does=daemon", plugin="unruly.py", FAULT_MARK=mark)
    path = lab.samples(tmp_path / "results", 2, process)
    samples = path.read_bytes().count(b'"event":"sample"')
    lab.wait_until(lambda: lab.running_with(mark), process)
    children = lab.descendants(process.pid)
    assert len(children) >= 2
    process.kill()
    process.communicate(timeout=60)
    done = lab.run("report", path, "--format", "json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["run"]["status"] == "running"
    assert sum(r["status"] == "ok" for r in report["records"]) >= samples
    assert lab.all_gone(children)
    lab.wait_until(lambda: not lab.running_with(mark))


def test_a_zygote_that_dies_in_the_middle_of_a_job_or_idle_costs_nothing(lab, tmp_path, running):
    from harness.execute.zygote import children_of

    process = running("-m", "faulty", "--passes", "2", sizes=("-b", "1,2"))
    path = lab.samples(tmp_path / "results", 1, process)
    for child in children_of(process.pid):  # one is at work, the other waits for the next pass
        if "harness.execute.zygote" in Path(f"/proc/{child}/cmdline").read_text():
            os.kill(child, signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    report = json.loads(path.with_suffix(".json").read_text())
    assert {r["status"] for r in report["records"]} == {"ok"}, err
    assert {r["replicates"] for r in report["records"]} == {2}
    assert process.returncode == 0
    assert not os.listdir(tmp_path / "tmp")
