"""One measurement at a time on a machine: a lock for each device, which the kernel frees with its holder.

The locks are files in one folder for all users, locked by flock(2). Whoever is killed, in whatever way,
holds nothing any more; the file stays and means nothing. Containers with a /tmp of their own do not see
each other's locks.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import shlex
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Busy
from harness.execute.signals import Interrupted, Interrupts

FOLDER_VARIABLE = "HARNESS_LOCKS"
"""The folder of the locks, where another one is wanted."""
POLL_S = 0.5
_MOST_COMMAND = 200


def folder() -> Path:
    """Where the locks are: the same for all users, so not where TMPDIR points if there is a /tmp."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    base = Path("/tmp")  # noqa: S108 - the lock of every user, opened without following links
    return (base if os.access(base, os.W_OK) else Path(tempfile.gettempdir())) / "pytorch-inference-lab-locks"


def lock_name(device: str) -> str | None:
    """The file of a device: `cpu.lock`, `cuda-0.lock`; a GPU as the driver counts them, not as
    CUDA_VISIBLE_DEVICES shows them. None for what is no device: others complain of it.
    """
    match = re.fullmatch(r"([a-z]+)(?::([0-9]{1,4}))?", device.strip().lower())
    if match is None:
        return None
    kind, number = match[1], int(match[2] or 0)
    if kind != "cuda":
        return f"{kind}.lock"
    visible = [v.strip() for v in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if v.strip()]
    real = visible[number] if number < len(visible) else str(number)
    return f"cuda-{re.sub(r'[^A-Za-z0-9-]', '_', real)}.lock"


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file says."""

    pid: int
    command: str
    since: float
    """Seconds since the epoch."""

    def __str__(self) -> str:
        then = time.localtime(self.since)
        today = then[:3] == time.localtime()[:3]
        when = time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)
        return f"pid {self.pid}, '{self.command}', since {when}"


def _read_holder(file: int) -> Holder | None:
    """What the file says; None where it cannot be read, or not yet."""
    try:
        said = json.loads(os.pread(file, 4096, 0))
        return Holder(int(said["pid"]), str(said["command"]), float(said["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Locks:
    """The locks this process holds. Make it with `measuring`.

    `warnings` is what belongs into the record of what is measured meanwhile.
    """

    def __init__(self, wait_s: float | None, use: bool, tell: Callable[[str], None]) -> None:
        self.warnings: list[str] = []
        self._wait_s = wait_s
        self._use = use
        self._tell = tell
        self._held: dict[str, int] = {}
        self._without: set[str] = set()

    def take(self, devices: Iterable[str], interrupts: Interrupts | None = None) -> None:
        """Takes the locks of these devices, all or none, beside those that are held.

        Raises:
            Busy: another process has one, and does not give it back in time.
            Interrupted: a signal came while waiting.
        """
        names = sorted({name for d in devices if (name := lock_name(d))})
        began = time.monotonic()
        told = False
        while (busy := self._first_busy(names)) is not None:
            waited = time.monotonic() - began
            if self._wait_s is None:
                raise Busy(busy, "wait for it with --wait, or measure beside it with --no-lock")
            if waited >= self._wait_s:
                hint = "--wait without a number waits as long as it takes"
                raise Busy(f"{busy}; waited {self._wait_s:g} s", hint)
            if not told:
                self._tell(f"waiting, {busy}")
                told = True
            _pause(min(POLL_S, self._wait_s - waited), interrupts)

    def _first_busy(self, names: list[str]) -> str | None:
        """None if all are held now; else who has one, and none of `names` is held: waiting for one while
        holding another could last for ever.
        """
        for name in names:
            if name in self._held or name in self._without:
                continue
            try:
                file = _open(folder() / name)
            except OSError as error:
                self._no_lock(name, error)
                continue
            try:
                free = _flock(file)
            except OSError as error:  # a file system without locks
                os.close(file)
                self._no_lock(name, error)
                continue
            if free:
                _sign(file)
                self._held[name] = file
                continue
            holder = _read_holder(file)
            os.close(file)
            who = f": {holder}" if holder else ""
            if self._use:
                self._release(names)
                return f"another measurement runs on this machine{who}"
            self._without.add(name)
            self._warn(f"measured beside another measurement on this machine{who}")
        return None

    def _no_lock(self, name: str, error: OSError) -> None:
        """A lock is a courtesy: where there can be none, measuring goes on, and says so."""
        self._without.add(name)
        self._warn(
            f"no lock, so another measurement would not be noticed: {folder() / name}: {error.strerror}"
        )

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            self._tell(text)

    def _release(self, names: Iterable[str]) -> None:
        for name in names:
            file = self._held.pop(name, None)
            if file is not None:
                with contextlib.suppress(OSError):
                    os.ftruncate(file, 0)
                os.close(file)

    def close(self) -> None:
        """Frees what is held."""
        self._release(list(self._held))


@contextmanager
def measuring(
    devices: Iterable[str], wait_s: float | None, use: bool, tell: Callable[[str], None]
) -> Iterator[Locks]:
    """Holds the locks of some devices as long as the context lasts.

    Args:
        devices: those that are known already; `Locks.take` adds others.
        wait_s: how long to wait for another measurement: None not at all, infinity as long as it takes.
        use: refuse to measure beside another measurement. Without, it is a warning, and what is free is
            held all the same.
        tell: gets one line for each thing the user should know.

    Raises:
        Busy: another measurement runs here.
    """
    locks = Locks(wait_s, use, tell)
    try:
        locks.take(devices)
        yield locks
    finally:
        locks.close()


def holders(among: Path | None = None) -> dict[str, Holder | None]:
    """Which locks are held now, and by whom: device -> holder."""
    found: dict[str, Holder | None] = {}
    for path in sorted((among or folder()).glob("*.lock")):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            found[path.stem] = _read_holder(file)
        except OSError:
            pass
        finally:
            os.close(file)
    return found


def _open(path: Path) -> int:
    """The file of a lock, made if there is none; readable at least.

    Not with O_CREAT where it exists: in a folder like /tmp the kernel refuses that to all but its owner
    (fs.protected_regular), and flock needs no more than reading.

    Raises:
        OSError: it can be neither opened nor made.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    for _ in range(3):
        for mode in (os.O_RDWR, os.O_RDONLY):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                file = os.open(path, flags | mode)
                if stat.S_ISREG(os.fstat(file).st_mode):
                    return file
                os.close(file)
                raise OSError(0, "it is no plain file")
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                path.parent.chmod(0o1777)
        try:
            file = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue  # somebody else made it just now
        with contextlib.suppress(OSError):
            os.fchmod(file, 0o666)
        return file
    raise PermissionError(13, "permission denied")


def _flock(file: int) -> bool:
    """Whether the lock is ours now. Asked twice, since `holders` has it for a moment.

    Raises:
        OSError: the file system has no locks.
    """
    for wait_s in (0.01, 0.0):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(wait_s)
    return False


def _sign(file: int) -> None:
    """Says in the file who holds it, where that may be written."""
    command = shlex.join(["harness", *sys.argv[1:]])
    if len(command) > _MOST_COMMAND:
        command = f"{command[:_MOST_COMMAND]} ..."
    said = {"pid": os.getpid(), "command": command, "since": time.time()}
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(said).encode(), 0)


def _pause(seconds: float, interrupts: Interrupts | None) -> None:
    if interrupts is None:
        time.sleep(max(seconds, 0.01))
        return
    select.select([interrupts], [], [], max(seconds, 0.01))
    if interrupts:
        raise Interrupted
