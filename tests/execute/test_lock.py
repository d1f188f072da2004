"""One measurement at a time: with real processes, which are killed, wait, and are refused."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import Busy, ExitCode
from harness.execute import lock
from harness.execute.lock import Locks, holders, lock_name, measuring
from harness.execute.signals import Interrupted, Interrupts

HOLD = """
import subprocess, sys, time
sys.argv = ["harness", "run", "-m", "mlp"]
from harness.execute.lock import measuring
with measuring(["cpu"], None, True, print) as locks:
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


@pytest.fixture
def holder():
    """A process that holds the lock of the CPU, and has a child that outlives it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    yield process
    os.kill(child, signal.SIGKILL)
    process.kill()
    process.communicate()


def quiet(text: str) -> None:
    raise AssertionError(f"nothing should be told: {text}")


def test_a_second_measurement_is_refused_and_told_who_measures(holder):
    with pytest.raises(Busy) as caught, measuring(["cpu"], None, True, quiet):
        raise AssertionError("measured beside another")
    assert caught.value.exit_code is ExitCode.NOTHING
    told = caught.value.message
    assert told.startswith(
        f"another measurement runs on this machine: pid {holder.pid}, 'harness run -m mlp', since "
    )
    assert caught.value.hint is not None
    assert "--wait" in caught.value.hint
    assert "--no-lock" in caught.value.hint


def test_the_lock_of_a_killed_process_is_free_though_its_child_lives(holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with measuring(["cpu"], None, True, quiet):
        assert set(holders()) == {"cpu"}


def test_another_device_is_another_lock(holder):
    with measuring(["cuda:1"], None, True, quiet):
        assert set(holders()) == {"cpu", "cuda-1"}


def test_waiting_ends_when_the_other_is_done(holder):
    told: list[str] = []
    threading.Timer(0.3, holder.kill).start()
    with measuring(["cpu"], math.inf, True, told.append):
        pass
    assert len(told) == 1
    assert told[0].startswith(f"waiting, another measurement runs on this machine: pid {holder.pid}")


def test_waiting_has_an_end(holder):
    with pytest.raises(Busy, match=r"waited 0\.1 s"), measuring(["cpu"], 0.1, True, lambda text: None):
        raise AssertionError("measured beside another")


def test_a_signal_ends_the_waiting(holder):
    with Interrupts() as interrupts:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(Interrupted):
            Locks(math.inf, True, lambda text: None).take(["cpu"], interrupts)
        timer.join()


def test_ctrl_c_ends_the_waiting_before_anything_is_started(holder):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), measuring(["cpu"], math.inf, True, lambda text: None):
        raise AssertionError("measured beside another")
    timer.join()


def test_who_measures_all_the_same_has_a_warning_to_keep(holder):
    told: list[str] = []
    with measuring(["cpu", "cuda"], None, False, told.append) as locks:
        assert locks.warnings == told
        assert set(holders()) == {"cpu", "cuda-0"}  # what is free is held, so that a third one knows
        locks.take(["cpu"])
    assert len(told) == 1
    assert told[0].startswith(f"measured beside another measurement on this machine: pid {holder.pid}")


def test_without_another_measurement_no_lock_has_nothing_to_warn_of():
    with measuring(["cpu"], None, False, quiet) as locks:
        assert locks.warnings == []


def test_while_it_waits_for_one_device_a_process_holds_no_other(holder):
    locks = Locks(None, True, quiet)
    with pytest.raises(Busy):
        locks.take(["cpu", "cuda"])
    assert set(holders()) == {"cpu"}


def test_what_is_held_can_be_asked_for_again(own_folder):
    with measuring(["cpu"], None, True, quiet) as locks:
        locks.take(["cpu", "cuda:0"])
        said = json.loads((own_folder / "cpu.lock").read_text())
        assert said["pid"] == os.getpid()
        assert set(holders()) == {"cpu", "cuda-0"}
    assert holders() == {}
    assert (own_folder / "cpu.lock").read_text() == ""


def test_every_user_may_use_the_files(own_folder):
    with measuring(["cpu"], None, True, quiet):
        assert own_folder.stat().st_mode & 0o7777 == 0o1777
        assert (own_folder / "cpu.lock").stat().st_mode & 0o777 == 0o666


def test_a_file_that_is_damaged_still_locks(own_folder):
    with measuring(["cpu"], None, True, quiet):
        (own_folder / "cpu.lock").write_text("{no json")
        with pytest.raises(Busy) as caught:
            Locks(None, True, quiet).take(["cpu"])
    assert caught.value.message == "another measurement runs on this machine"


def test_where_there_can_be_no_lock_measuring_goes_on_and_says_so(own_folder):
    own_folder.write_text("a file where the folder should be")
    told: list[str] = []
    with measuring(["cpu"], None, True, told.append) as locks:
        assert len(locks.warnings) == 1
    assert told[0].startswith("no lock, so another measurement would not be noticed")


def test_a_link_in_place_of_a_lock_is_not_followed(own_folder, tmp_path):
    (tmp_path / "precious").write_text("content")
    own_folder.mkdir()
    (own_folder / "cpu.lock").symlink_to(tmp_path / "precious")
    with measuring(["cpu"], None, True, lambda text: None) as locks:
        assert locks.warnings
    assert (tmp_path / "precious").read_text() == "content"


@pytest.mark.parametrize(
    ("device", "visible", "name"),
    [
        ("cpu", "", "cpu.lock"),
        ("cuda", "", "cuda-0.lock"),
        ("cuda:1", "", "cuda-1.lock"),
        ("cuda:1", "2,3", "cuda-3.lock"),
        ("CUDA:0", "GPU-8a/../x", "cuda-GPU-8a____x.lock"),
        ("../../etc/passwd", "", None),
        ("cuda:x", "", None),
    ],
)
def test_a_gpu_has_one_name_whatever_is_made_visible(device, visible, name, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert lock_name(device) == name


def test_the_folder_is_the_same_for_users_with_a_tmpdir_of_their_own(monkeypatch, tmp_path):
    monkeypatch.delenv("HARNESS_LOCKS")
    before = lock.folder()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lock.folder() == before


# ---- on the command line -----------------------------------------------------------------------------


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    plugin = Path(__file__).parents[1] / "plugins" / "tiny.py"
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments, "--plugin", str(plugin), "-m", "tiny", "-d", "cpu"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize("name", ["run", "profile"])
def test_a_command_that_measures_is_refused_at_once(holder, tmp_path, name):
    done = command(name, cwd=tmp_path)
    assert done.returncode == ExitCode.NOTHING
    assert done.stderr.startswith(f"error: another measurement runs on this machine: pid {holder.pid}")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_plan_measures_nothing_and_needs_no_lock(holder, tmp_path):
    assert command("run", "--plan", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_what_was_measured_beside_another_measurement_says_so_in_its_report(holder, tmp_path):
    done = command("run", "--no-lock", "-b", "2", "--passes", "1", "--no-memory", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results" / "benchmarks").glob("*.json")
    (warning,) = json.loads(path.read_text())["run"]["warnings"]
    assert warning.startswith("measured beside another measurement on this machine")


def test_wait_takes_a_number_or_none(holder, tmp_path):
    done = command("run", "--wait", "0.1", cwd=tmp_path)
    assert done.returncode == ExitCode.NOTHING
    assert "waited 0.1 s" in done.stderr
    holder.kill()
    assert command("run", "--plan", "--wait", cwd=tmp_path).returncode == 0
