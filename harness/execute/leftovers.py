"""What processes may leave behind when they end in any way: segments of shared memory, and orphans."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from harness.execute.zygote import PR_SET_CHILD_SUBREAPER, children_of, kill_tree, prctl

SHARED = Path("/dev/shm")  # noqa: S108 - where the kernel keeps shared memory
PATIENCE_S = 2.0


class SharedMemory:
    """The segments and named semaphores that come into being while it is there.

    They outlive their process until somebody unlinks them, and who made one the kernel does not say. So one
    goes only if it is this user's, is younger than this, and no living process has it open or mapped.
    """

    def __init__(self, folder: Path = SHARED, proc: Path = Path("/proc")) -> None:
        self._folder = folder
        self._proc = proc
        self._before = self._names()

    def _names(self) -> set[tuple[str, int]]:
        """Names with inodes: a name may be taken again."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            return {(e.name, e.inode()) for e in entries if e.is_file(follow_symlinks=False)}
        return set()

    def clear(self) -> list[str]:
        """Unlinks what was left behind; its names."""
        new = self._names() - self._before
        found: list[str] = []
        if not new:
            return found
        used = self._used()
        for name, inode in sorted(new):
            path = self._folder / name
            with contextlib.suppress(OSError):
                status = path.stat()
                if inode == status.st_ino and status.st_uid == os.getuid() and str(path) not in used:
                    path.unlink()
                    found.append(name)
        return found

    def _used(self) -> set[str]:
        """Paths of the folder that some process has mapped or open."""
        found: set[str] = set()
        mark = f"{self._folder}/"
        for entry in self._proc.iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                for line in (entry / "maps").read_text("utf-8", "replace").splitlines():
                    at = line.find(mark)
                    if at >= 0:
                        found.add(line[at:])
            with contextlib.suppress(OSError):
                for fd in (entry / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        found.add(os.readlink(fd))
        return found


MARK = "HARNESS_ZYGOTE"
"""A variable that all processes of a zygote inherit, with a value of its own."""


class Orphans:
    """Processes whose parents have died come to this one, which ends them.

    A zygote ends what its children leave behind. When a zygote itself was killed, its children's children
    would go to the first process of the machine, and stay.
    """

    _users = 0

    def __init__(self) -> None:
        self._adopts = prctl(PR_SET_CHILD_SUBREAPER, 1)
        Orphans._users += self._adopts

    def close(self) -> None:
        """Nobody's orphans come to this process any more, once the last of these is closed."""
        if self._adopts:
            self._adopts = False
            Orphans._users -= 1
            if not Orphans._users:
                prctl(PR_SET_CHILD_SUBREAPER, 0)

    def end(self, zygote: str, children: Iterable[int]) -> None:
        """Ends those of a zygote that has died.

        Args:
            zygote: the value of its mark.
            children: its own children, which die with it. Theirs come here only after that.
        """
        if self._adopts:
            for pid in children:
                kill_tree(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        mark = f"{MARK}={zygote}".encode()
        end = time.monotonic() + PATIENCE_S
        while self._adopts and time.monotonic() < end:
            orphans = [p for p in children_of(os.getpid()) if mark in _environment(p)]
            if not orphans:
                return
            for pid in orphans:
                kill_tree(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _environment(pid: int) -> list[bytes]:
    """The variables that a process was started with."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
