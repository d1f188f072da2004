"""A model may break in any way: its case gets a status and one sentence, and the sweep goes on."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent.parent / "plugins" / "faulty.py"
QUICK = ("--no-memory", "--no-anatomy")

EXPECTED = {
    "none": ("ok", r"^$"),
    "build": ("failed", r"^loading: RuntimeError: cannot build \(faulty\.py:\d+\)$"),
    "no-module": ("failed", r"faulty\.build\(\) must return a torch\.nn\.Module, not NoneType"),
    "inputs": ("failed", r"KeyError: 'inputs' \(faulty\.py:\d+\)$"),
    "no-inputs": ("failed", r"faulty\.inputs\(\) must return harness\.Inputs, not Tensor"),
    "forward": ("failed", r"^verifying: ValueError: this model does not work \(faulty\.py:\d+\)$"),
    "thousandth": ("failed", r"^measuring: RuntimeError: late \(faulty\.py:\d+\)$"),
    "segfault": ("crashed", r"^killed by SIGSEGV \(segmentation fault\) while verifying"),
    "abort": ("crashed", r"^killed by SIGABRT \(abort\) while verifying"),
    "exit": ("failed", r"^its process ended itself with code 7 while verifying$"),
    "sys-exit": ("failed", r"^verifying: the code ended its process: SystemExit\('enough'\)$"),
    "loop": ("timeout", r"^not done within 6 s, ended while verifying$"),
    "c-loop": ("timeout", r"^not done within 6 s, ended while verifying$"),
    "memory": ("out_of_memory", r"can't allocate memory"),
    "flood": ("ok", r"^$"),
    "close": ("ok", r"^$"),
    "nan": ("incorrect", r"NaN or Inf that the reference does not have"),
    "zeros": ("incorrect", r"^error 1(\.\d)? is above the limit 0\.0001$"),
    "shape": ("incorrect", r"output 0 has shape \[4, 8\], the reference \[4, 16\]"),
    "drift": ("incorrect", r"above the limit 0\.0001"),
    "weights": ("failed", r"weights differ from process to process under the same seed"),
    "draws": ("failed", r"inputs differ from process to process under the same seed"),
    "grandchild": ("timeout", r"^not done within 6 s"),
}


def harness(*arguments, cwd, **variables):
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def only_report(results):
    return json.loads(next((results / "benchmarks").glob("*.json")).read_text())


def running_with(mark):
    """Pids of processes whose command line holds the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "cmdline").read_bytes().decode("utf-8", "replace"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """One run over a model that breaks in every way."""
    folder = tmp_path_factory.mktemp("faults")
    mark = f"grandchild-{uuid.uuid4()}"
    temporary = folder / "tmp"
    temporary.mkdir()
    models = [x for how in EXPECTED for x in ("-m", f"faulty:how={how}")]
    done = harness(
        *("run", "--plugin", PLUGIN, *models, "-b", 4, "--passes", 1, "--timeout", 6, "--no-memory"),
        cwd=folder,
        GRANDCHILD_MARK=mark,
        TMPDIR=str(temporary),
    )
    return done, only_report(folder / "results"), mark, temporary


@pytest.mark.parametrize("how", EXPECTED)
def test_the_case_says_what_happened_to_it(swept, how):
    _, report, _, _ = swept
    record = next(r for r in report["records"] if r["case"]["params"]["how"] == how)
    status, reason = EXPECTED[how]
    assert record["status"] == status, record["reason"]
    assert re.search(reason, record["reason"] or ""), record["reason"]
    assert "\n" not in (record["reason"] or "")
    if status not in ("ok", "incorrect"):
        assert record["latency_ms"] is None


def test_the_other_cases_are_measured_and_the_exit_code_says_that_not_all_is_well(swept):
    done, report, _, _ = swept
    assert done.returncode == 3
    assert {r["case"]["params"]["how"] for r in report["records"] if r["status"] == "ok"} == {
        "none",
        "flood",
        "close",
    }
    assert "Traceback" not in done.stderr
    assert report["run"]["status"] == "finished"


def test_an_incorrect_case_is_shown_with_its_numbers_and_never_wins(swept):
    done, report, _, _ = swept
    for how in ("nan", "zeros", "drift"):
        record = next(r for r in report["records"] if r["case"]["params"]["how"] == how)
        assert record["latency_ms"]["median"] > 0
        assert not record["verification"]["passed"]
        assert not record["best"]
    assert "incorrect: limit 1e-4" in done.stdout


def test_nothing_is_left_behind(swept):
    _, _, mark, temporary = swept
    assert running_with(mark) == []
    assert not list(temporary.iterdir())


def test_what_torch_compile_passes_through_is_never_called_compiled(tmp_path):
    done = harness(
        *("run", "--plugin", PLUGIN, "-m", "script", "-r", "compile", "-b", 4, "--passes", 1, *QUICK),
        cwd=tmp_path,
    )
    records = {r["case"]["runner"]: r for r in only_report(tmp_path / "results")["records"]}
    assert records["compile"]["status"] == "unsupported"
    assert "nothing was compiled" in records["compile"]["reason"]
    assert records["compile"]["latency_ms"] is None
    assert records["eager"]["status"] == "ok", done.stderr


def _start(tmp_path, *arguments, **variables):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "harness",
            "run",
            "--plugin",
            str(PLUGIN),
            "-b",
            "1,2,3,4,5,6",
            *QUICK,
            *arguments,
        ],
        cwd=tmp_path,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for_samples(results, count, process, timeout=120):
    """Waits until the run file holds so many samples, and returns it."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        for path in (results / "benchmarks").glob("*.jsonl") if results.exists() else ():
            if path.read_bytes().count(b'"event":"sample"') >= count:
                return path
        time.sleep(0.02)
    raise AssertionError(f"no {count} samples: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_and_everything_finished_is_kept_and_shown(tmp_path, number, code, word):
    process = _start(tmp_path, "-m", "faulty")
    path = _wait_for_samples(tmp_path / "results", 2, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"this run was {word}: what is here is complete" in out
    report = json.loads(path.with_suffix(".json").read_text())
    finished = [r for r in report["records"] if r["status"] == "ok"]
    assert len(finished) >= 2
    assert all(r["latency_ms"]["median"] > 0 for r in finished)
    left = [r for r in report["records"] if r["status"] == "not_reached"]
    assert left and "Traceback" not in err


@pytest.mark.parametrize("gap_s", [0.0, 0.03, 0.05, 0.1, 0.2])
def test_a_second_interrupt_ends_everything_at_once_wherever_the_first_has_come(tmp_path, gap_s):
    """A held Ctrl-C repeats every 30 ms: the second one may meet any lock of the first one's way out."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = _start(tmp_path, "-m", "faulty", "--passes", "9", TMPDIR=str(temporary))
    path = _wait_for_samples(tmp_path / "results", 1, process)
    children = _descendants(process.pid)
    for _ in range(50):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(gap_s)
    try:
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert b'"event":"sample"' in path.read_bytes()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{p}").exists() for p in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [p for p in children if Path(f"/proc/{p}").exists()]
    assert not list(temporary.glob("harness-*"))


def test_a_signal_reaches_a_run_whose_child_does_not_listen(tmp_path):
    mark = f"grandchild-{uuid.uuid4()}"
    process = _start(tmp_path, "-m", "faulty:how=grandchild", GRANDCHILD_MARK=mark)
    end = time.monotonic() + 60
    while not running_with(mark) and time.monotonic() < end:
        time.sleep(0.05)
    assert running_with(mark)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert running_with(mark) == []


def test_after_a_kill_the_file_reports_every_finished_sample_and_no_process_is_left(tmp_path):
    mark = f"mark-{uuid.uuid4()}"
    process = _start(tmp_path, "-m", "faulty", "--results", f"results-{mark}")
    path = _wait_for_samples(tmp_path / f"results-{mark}", 2, process)
    samples = path.read_bytes().count(b'"event":"sample"')
    children = _descendants(process.pid)
    assert len(children) >= 2
    process.kill()
    process.communicate(timeout=60)
    done = harness("report", path, "--format", "json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["run"]["status"] == "running"
    assert sum(r["status"] == "ok" for r in report["records"]) >= samples
    end = time.monotonic() + 20
    while any(Path(f"/proc/{p}").exists() for p in children) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [p for p in children if Path(f"/proc/{p}").exists()]


def _descendants(pid):
    from harness.execute.zygote import children_of

    found = []
    for child in children_of(pid):
        found += [child, *_descendants(child)]
    return found


def test_a_zygote_that_dies_costs_one_replicate_and_not_the_run(tmp_path):
    process = _start(tmp_path, "-m", "faulty", "--passes", "2")
    path = _wait_for_samples(tmp_path / "results", 1, process)
    from harness.execute.zygote import children_of

    for zygote in children_of(process.pid):
        os.kill(zygote, signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    report = json.loads(path.with_suffix(".json").read_text())
    assert sum(r["status"] == "crashed" for r in report["records"]) <= 2, err
    assert sum(r["status"] == "ok" for r in report["records"]) >= 4
    assert process.returncode in (0, 3)
