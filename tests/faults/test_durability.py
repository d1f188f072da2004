"""What happens to a run's files while it measures: whoever takes them away, and however full the disk is, what was
measured is kept or at least shown, the other cases are measured, and nothing is left behind.

The faults are real ones. A plugin that listens makes them as soon as the first case is finished, so that each test
hits the same moment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.store import runfile

ROOT = Path(__file__).parents[2]
QUICK = """
import sys
from functools import partial

import harness.cli.asked
from harness.records.events import Settings

# What becomes of files is tested, and not how good the numbers are.
harness.cli.asked.Settings = partial(Settings, warm_up_s=0.2, block_s=0.01)
sys.argv = ["harness", *sys.argv[1:]]
from harness.cli.main import main

main()
"""
LISTENER = """
import os
import resource
import shutil
from pathlib import Path

import harness

done = []


def file():
    return next(Path("results/benchmarks").glob("*.jsonl"))


@harness.hookimpl
def harness_case_finished(run, record):
    if not done:
        done.append(record)
        {harm}
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str
    folder: Path

    def only(self, pattern: str) -> Path:
        """The one file of that name."""
        (found,) = self.folder.rglob(pattern)
        return found


@pytest.fixture
def folder():
    """A folder that any user may enter, gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="durable-"))
    made.chmod(0o777)
    yield made
    for place in (made, *made.rglob("*")):
        if place.is_dir():
            place.chmod(0o777)
    shutil.rmtree(made)


def command(folder, *words):
    return [sys.executable, "-c", QUICK, *map(str, words)]


def measure(folder, harm="pass", *words, wrap=None) -> Ended:
    """Three cases, each measured once; the harm is done when the first of them is finished."""
    (folder / "harm.py").write_text(LISTENER.format(harm=harm))
    for name in ("tmp", "home"):
        (folder / name).mkdir(mode=0o777, exist_ok=True)
        (folder / name).chmod(0o777)
    asked = [
        *("run", "--plugin", ROOT / "tests" / "plugins" / "tiny.py", "--plugin", "harm.py", "-m", "tiny"),
        *("-b", "1,2,3", "--passes", "1", "--no-memory", "--no-anatomy", "--no-lock", *words),
    ]
    environment = {
        **os.environ,
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "home"),
        "HOME": str(folder / "home"),
        "HARNESS_LOCKS": str(folder / "home" / "locks"),
    }
    whole = command(folder, *asked)
    done = subprocess.run(
        wrap(whole) if wrap else whole,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert not list((folder / "tmp").glob("harness-*")), "a temporary folder is left behind"
    return Ended(done.returncode, done.stdout, done.stderr, folder)


def whole(path: Path) -> None:
    """A run file with all three replicates and an end."""
    run = runfile.read(path)
    assert [s.status for s in run.samples] == ["ok"] * 3
    assert run.ended is not None
    assert run.ended.status == "finished"
    assert run.damage == []


REMOVED = 'shutil.rmtree("results")'
FILE_REMOVED = "file().unlink()"
MOVED = 'os.rename("results", "moved"); os.makedirs("results/benchmarks")'
CUT = "os.truncate(file(), 100)"


@pytest.mark.parametrize(
    "harm",
    [
        REMOVED,
        *(pytest.param(h, marks=pytest.mark.slow) for h in (FILE_REMOVED, MOVED, CUT)),
    ],
    ids=["folder removed", "file removed", "folder moved", "file cut short"],
)
def test_a_run_whose_files_are_taken_away_writes_them_anew(folder, harm):
    done = measure(folder, harm)
    assert done.code == 0, done.err
    (path,) = (folder / "results" / "benchmarks").glob("*.jsonl")
    whole(path)
    report = json.loads(path.with_suffix(".json").read_text())
    assert [r["status"] for r in report["records"]] == ["ok"] * 3
    (told,) = report["run"]["damage"]
    assert told.startswith(f"{path.name} was ")
    assert told.endswith("while the run was measured, and was written anew")
    assert told in done.out


@pytest.mark.slow
def test_a_file_that_somebody_puts_in_its_place_is_not_touched(folder):
    done = measure(folder, 'name = file(); name.unlink(); name.write_text("mine")')
    assert done.code == 0, done.err
    first, second = sorted((folder / "results" / "benchmarks").glob("*.jsonl"))
    found = {p.name: p for p in (first, second)}
    anew = next(p for name, p in found.items() if name.endswith("-anew.jsonl"))
    assert next(p for p in found.values() if p != anew).read_text() == "mine"
    whole(anew)


@pytest.mark.slow
def test_a_results_folder_that_becomes_a_file_loses_nothing_that_was_moved_away(folder):
    done = measure(folder, 'os.rename("results", "moved"); Path("results").write_text("a file")')
    assert done.code == 2
    whole(done.only("*.jsonl"))
    errors = [line for line in done.err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert "cannot write results/benchmarks/" in errors[0]
    assert len(errors) == 2
    for batch in (1, 2, 3):
        assert f"tiny  batch {batch} " in done.out


@pytest.mark.slow
def test_what_can_be_written_nowhere_is_shown(folder):
    done = measure(folder, 'shutil.rmtree("results"); Path("results").write_text("a file")')
    assert done.code == 2
    assert "was removed while it was written, and cannot be written anew: " in done.err
    assert "tiny  batch" in done.out
    assert "this run failed: what is here is complete" in done.out
    kept = Path(done.err.partition("hint: what was measured is in ")[2].split()[0])
    assert runfile.read(kept).samples


# ---- no permission ---------------------------------------------------------------------------------


def _without_override(words):
    """For root nothing is read-only, unless it gives that power up."""
    if os.geteuid() != 0:
        return words
    if shutil.which("setpriv") is None:
        pytest.skip("root cannot be kept from writing here")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]


@pytest.mark.slow
def test_a_folder_that_becomes_read_only_keeps_the_run_and_shows_it(folder):
    done = measure(folder, "file().parent.chmod(0o555)", wrap=_without_override)
    assert done.code == 2
    whole(done.only("*.jsonl"))
    assert "error: cannot write results/benchmarks/" in done.err
    assert "Permission denied" in done.err
    assert "hint: `harness report 2" in done.err
    for batch in (1, 2, 3):
        assert f"tiny  batch {batch} " in done.out
    assert not list(folder.rglob("*.json*.*")), "half a report"


# ---- a full disk -----------------------------------------------------------------------------------


def test_a_disk_that_is_full_in_the_middle_keeps_what_it_took_and_the_run_goes_on_later(folder):
    """The limit on the size of a file stands for the disk: what is beyond it is not written."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (file().stat().st_size + 200, -1))"
    done = measure(folder, limit)
    assert done.code == 2
    path = done.only("*.jsonl")
    run = runfile.read(path)
    assert [s.status for s in run.samples] == ["ok"]
    assert run.damage == []
    assert f"error: cannot write results/benchmarks/{path.name}: File too large" in done.err
    assert f"hint: what was measured is kept: harness run --resume {path.stem}" in done.err
    assert "tiny  batch" in done.out
    (folder / "harm.py").write_text(LISTENER.format(harm="pass"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    again = subprocess.run(
        command(folder, "run", "--resume", path.stem, "--resume-anyway", "--no-lock"),
        cwd=folder, env=environment, capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert len(runfile.read(path).samples) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.slow
def test_a_full_disk_under_the_output_keeps_the_run_itself(folder):
    done = measure(folder, "pass", "--output", "/dev/full")
    assert done.code == 2
    path = done.only("*.jsonl")
    whole(path)
    assert path.with_suffix(".json").is_file()
    assert "error: cannot write /dev/full: No space left on device" in done.err
    assert f"hint: the run is kept: harness report {path.stem}" in done.err


def _small_disk(where: Path, size: str):
    """Runs a command in a mount namespace of its own, where a folder is a disk of so many bytes."""

    def wrap(words):
        script = f'mount -t tmpfs -o size={size} tmpfs "{where}" && "$@"; code=$?; cp -r "{where}/." "{where}-copy"; exit $code'
        return ["unshare", "-Urm", "sh", "-c", script, "sh", *words]

    return wrap


def _can_mount() -> bool:
    """User namespaces give a mount to everybody, where they are allowed."""
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=4k tmpfs /mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not _can_mount(), reason="no small disk can be mounted here")


@needs_mount
@pytest.mark.slow
@pytest.mark.parametrize(("size", "samples"), [("4k", None), ("12k", 1)])
def test_a_really_full_disk_under_the_results(folder, size, samples):
    (folder / "results").mkdir()
    (folder / "results-copy").mkdir()
    done = measure(folder, wrap=_small_disk(folder / "results", size))
    assert done.code == 2
    assert "No space left on device" in done.err
    left = list((folder / "results-copy").rglob("*.jsonl"))
    if samples is None:
        assert left == [], "half a header is no run"
    else:
        (path,) = left
        run = runfile.read(path)
        assert len(run.samples) >= samples
        assert run.damage == []


@needs_mount
@pytest.mark.slow
@pytest.mark.parametrize("size", ["4k", "16k"])
def test_a_really_full_disk_under_the_temporary_folder(folder, size):
    for name in ("tmp", "tmp-copy"):
        (folder / name).mkdir()
    done = measure(folder, wrap=_small_disk(folder / "tmp", size))
    assert done.code in (3, 4)
    if done.code == 4:
        assert "No space left on device" in done.err
        assert "hint: TMPDIR names another folder for temporary files" in done.err
    assert list((folder / "tmp-copy").iterdir()) == []
    runfile.read(done.only("*.jsonl"))


@needs_mount
@pytest.mark.slow
def test_a_really_full_disk_under_the_cache_changes_nothing(folder):
    for name in ("home", "home-copy"):
        (folder / name).mkdir()
    done = measure(folder, wrap=_small_disk(folder / "home", "4k"))
    assert done.code == 0, done.err
    whole(done.only("*.jsonl"))


# ---- two at once -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_runs_in_one_folder_at_once_are_two_runs(folder):
    asked = (
        *("run", "--plugin", ROOT / "tests" / "plugins" / "tiny.py", "-m", "tiny", "-b", "1,2"),
        *("--passes", "2", "--no-memory", "--no-anatomy", "--no-lock"),
    )
    both = [
        subprocess.Popen(
            command(folder, *asked), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [one.wait(timeout=250) for one in both] == [0, 0]
    files = list((folder / "results" / "benchmarks").glob("*.jsonl"))
    assert len(files) == 2
    for path in files:
        run = runfile.read(path)
        assert len(run.samples) == 4
        assert run.damage == []
        report = json.loads(path.with_suffix(".json").read_text())
        assert (report["run"]["id"], report["run"]["status"]) == (path.stem, "finished")
