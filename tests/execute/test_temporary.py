"""A temporary folder is gone with its owner: one that ends, one that is killed, one whose keeper is killed as well."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.execute.temporary import PREFIX, TemporaryFolder, temporary_folder

OWNER = """
import sys, time
from harness.execute.temporary import TemporaryFolder
folder = TemporaryFolder("test")
(folder.path / "weights.bin").write_bytes(b"x")
print(folder._keeper.pid, flush=True)
time.sleep(120)
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def gone(test) -> bool:
    end = time.monotonic() + 30
    while not test() and time.monotonic() < end:
        time.sleep(0.02)
    return test()


def running(pid) -> bool:
    """What has ended may wait for a parent that does not ask for it: some first process of a container."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def owner(base):
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], env={**os.environ, "TMPDIR": str(base)}, stdout=subprocess.PIPE
    )
    keeper = int(process.stdout.readline())
    assert [p.name for p in base.glob("harness-test-*/weights.bin")]
    return process, keeper


def killed(process):
    process.kill()
    process.communicate()


def test_it_is_gone_at_the_end_with_its_keeper(base):
    folder = TemporaryFolder()
    keeper = folder._keeper
    assert list(base.iterdir()) == [folder.path]
    folder.close()
    assert list(base.iterdir()) == []
    assert keeper.returncode is not None
    folder.close()


def test_an_error_in_the_block_leaves_nothing(base):
    def work():
        with temporary_folder() as folder:
            (folder / "deep" / "er").mkdir(parents=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert list(base.iterdir()) == []


def test_the_keeper_removes_it_when_the_owner_is_killed_and_ends(base):
    process, keeper = owner(base)
    killed(process)
    assert gone(lambda: not list(base.iterdir()))
    assert gone(lambda: not running(keeper))


def test_the_keeper_hears_nothing_of_a_terminal(base):
    process, keeper = owner(base)
    assert os.getsid(keeper) == keeper
    killed(process)


def test_the_next_one_removes_what_is_left_when_both_are_killed(base):
    process, keeper = owner(base)
    os.kill(keeper, signal.SIGKILL)
    killed(process)
    assert [p.name for p in base.glob("harness-test-*/weights.bin")]
    with temporary_folder() as folder:
        assert list(base.iterdir()) == [folder]


def test_folders_in_use_and_folders_of_others_stay(base):
    process, _ = owner(base)
    strange = base / f"{PREFIX}of-somebody"
    (strange / "data").mkdir(parents=True)
    elsewhere = base / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").touch()
    (base / f"{PREFIX}link").symlink_to(elsewhere)
    with temporary_folder("test"):
        assert len(list(base.glob("harness-test-*"))) == 2
    assert len(list(base.glob("harness-test-*/weights.bin"))) == 1
    assert (strange / "data").is_dir() and (elsewhere / "owner").is_file()
    killed(process)


def test_a_link_in_the_place_of_the_lock_is_not_followed(base):
    victim = base / "victim"
    victim.write_text("kept")
    fake = base / f"{PREFIX}fake"
    fake.mkdir()
    (fake / "owner").symlink_to(victim)
    with temporary_folder():
        pass
    assert fake.is_dir() and victim.read_text() == "kept"
