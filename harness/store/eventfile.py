"""Writes the file of a run or a comparison: one event, one line, one write, on the disk before it counts.

Whoever removes, moves or cuts the file while it is written takes nothing away: all that was written is
kept at hand, and is written anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import tempfile
from pathlib import Path

from harness.errors import StoreError
from harness.records import codec
from harness.records.events import Event, Resumed, RunStarted
from harness.records.pairs import ComparisonStarted, PairEvent

_ELSEWHERE = "choose another folder with --results"


class EventWriter:
    """Appends events to a new file, of a run or of a comparison; or to that of a run that is taken up again.

    Args:
        run: the id of the run that is taken up again; a header says its own.

    Raises:
        StoreError: the file cannot be made.
    """

    def __init__(
        self, path: Path, header: RunStarted | ComparisonStarted | Resumed, run: str | None = None
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        """What became of the file meanwhile, for the report."""
        self._run = run if isinstance(header, Resumed) else header.id
        again = isinstance(header, Resumed)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (0 if again else _NEW), 0o644)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}", _ELSEWHERE) from error
        _take(self._fd, path)
        self._whole = bytearray(path.read_bytes() if again else b"")
        """All that the file holds."""
        try:
            # A torn last line stays one damaged line, and what follows is whole.
            self._append(b"\n" if self._whole and not self._whole.endswith(b"\n") else b"")
            self._append(codec.encode_event(header, self._run if again else None) + b"\n")
        except BaseException:
            if not again:
                # Half a header is no run, and would be in the way of `latest`.
                with contextlib.suppress(OSError):
                    path.unlink()
            self.close()
            raise

    def write(self, event: Event | PairEvent) -> None:
        """Appends one event and waits until the disk has it.

        Raises:
            StoreError: the disk does not take it, or the file is gone and cannot be written anew.
        """
        self.hold()
        self._append(codec.encode_event(event, self._run) + b"\n")

    def close(self) -> None:
        os.close(self._fd)

    def hold(self) -> None:
        """Sees to it that the file is there and whole; nothing is ever written over a file of somebody else.

        Raises:
            StoreError: it is gone and cannot be written anew.
        """
        own = os.fstat(self._fd)
        there = None
        try:
            there = os.stat(self.path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                return  # it cannot be looked at, and may well be there
        if there is None or not os.path.samestat(own, there):
            self._anew(own.st_nlink > 0, taken=there is not None)
        elif own.st_size < len(self._whole):
            self._note("was cut short while the run was measured, and was written anew")
            os.ftruncate(self._fd, 0)
            self._put(bytes(self._whole), before=0)

    def _anew(self, elsewhere: bool, taken: bool) -> None:
        """Writes the whole file again: at its place, or beside what has taken it."""
        path = self.path.with_name(f"{self.path.stem}-anew{self.path.suffix}") if taken else self.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | _NEW, 0o644)
        except OSError as error:
            if elsewhere:
                self._note("was moved while the run was measured, and goes on where it is now")
                return
            raise StoreError(
                f"{self.path} was removed while it was written, and cannot be written anew: {error.strerror}",
                self._rescued(),
            ) from error
        _take(fd, path)
        self._note("was removed, moved or replaced while the run was measured, and was written anew")
        os.close(self._fd)
        self._fd, self.path = fd, path
        self._put(bytes(self._whole), before=0)

    def _rescued(self) -> str:
        """Writes all that is known among the temporary files, where it will be found; says where."""
        path = Path(tempfile.gettempdir(), self.path.name)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CLOEXEC | _NEW, 0o600), "wb") as file:
                file.write(self._whole)
        except OSError:
            return _ELSEWHERE
        return f"what was measured is in {path}"

    def _note(self, what: str) -> None:
        note = f"{self.path.name} {what}"
        if note not in self.notes:
            self.notes.append(note)

    def _append(self, line: bytes) -> None:
        self._put(line, before=len(self._whole))
        self._whole += line

    def _put(self, data: bytes, before: int) -> None:
        rest = memoryview(data)
        try:
            while rest:  # once, unless the disk is full
                rest = rest[os.write(self._fd, rest) :]
            os.fdatasync(self._fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, before)
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error


_NEW = os.O_CREAT | os.O_EXCL


def _take(fd: int, path: Path) -> None:
    """So that no other process takes the run up meanwhile; the kernel frees it with its holder."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise StoreError(f"{path} is being written by another process", "wait until it ends") from error
    except OSError:
        return  # a file system without locks


def append(path: Path, event: Event, run: str | None = None) -> None:
    """Appends one event to the file of a run that has ended. A torn last line is closed first: it stays one
    damaged line, and what follows is whole.

    Args:
        run: the run's id.

    Raises:
        StoreError: the file cannot be written.
    """
    line = codec.encode_event(event, run) + b"\n"
    try:
        with path.open("a+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            if file.write(line) != len(line):
                raise StoreError(f"cannot write {path}: the disk is full")
            os.fdatasync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
