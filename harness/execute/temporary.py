"""Temporary folders that go, whatever becomes of the process that made them.

A process that ends removes its folder itself. One that is killed cannot; then a keeper does, a small
process that waits for nothing else. Where that is killed as well, the next folder that is made here takes the
old one away: its owner held a lock on a file in it, which the kernel has freed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import TMPDIR_HINT, EnvironmentFault

PREFIX = "harness-"
OWNER = "owner"
"""A file that the owner of a folder keeps locked. It appears under this name with the lock on it."""
_KEEPER = """
import os, shutil, sys, time

sys.stdin.buffer.read()  # ends with the process that holds the other end
for _ in range(100):
    if not os.path.lexists(sys.argv[1]):
        break
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    time.sleep(0.05)  # the owner's children are dying, too, and one may still be writing
"""


class TemporaryFolder:
    """A folder of this process, gone with it.

    Args:
        name: what it is for, as part of its name.

    Raises:
        OSError: no folder can be made where temporary files go.
    """

    def __init__(self, name: str = "") -> None:
        base = Path(tempfile.gettempdir())
        remove_ownerless(base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX + (f"{name}-" if name else "")))
        self._lock = _locked(self.path)
        self._keeper = _keeper(self.path)

    def close(self) -> None:
        """Removes it with all that is in it; may be called again, while others are still writing into it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._keeper is not None:
            # Not asked to end: a process that somebody forked from this one may hold the pipe as well.
            self._keeper.kill()
            self._keeper.communicate()
            self._keeper = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def temporary_folder(name: str = "") -> Iterator[Path]:
    """A `TemporaryFolder` for as long as a block.

    Raises:
        EnvironmentFault: no folder can be made where temporary files go.
    """
    try:
        folder = TemporaryFolder(name)
    except OSError as error:
        where = os.environ.get("TMPDIR", "")
        raise EnvironmentFault(
            f"no temporary folder can be made{f' in {where}' if where else ''}: {error.strerror}", TMPDIR_HINT
        ) from error
    try:
        yield folder.path
    finally:
        folder.close()


def _locked(folder: Path) -> int | None:
    """The lock on a new folder; None where the file system has no locks."""
    unlocked = folder / f"{OWNER}-unlocked"
    file = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    unlocked.rename(folder / OWNER)
    return file


def _keeper(folder: Path) -> subprocess.Popen[bytes] | None:
    """Removes the folder once this process has ended; None where no process can be started."""
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # no signal of the terminal is meant for it
            cwd="/",
        )
    except OSError:
        return None


def remove_ownerless(base: Path) -> None:
    """Removes folders whose owners were killed together with their keepers."""
    for folder in base.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            # Only what is surely this user's own, and no link: where temporary files go, anyone may write.
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
                continue
            file = os.open(folder / OWNER, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(file)
