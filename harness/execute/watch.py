"""What a running case takes, looked at a few times a second: memory, processes, what it prints.

A look reads a few small files of /proc, for 0.04 ms, or 0.2 ms where processes have been started meanwhile;
in the parent, and not in what is timed. What it finds is real use, never what is reserved.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.execute.limits import size_text
from harness.execute.zygote import children_of

LOOK_S = 0.25
MOST_PROCESSES = 512
"""More than any pool of workers has; a fork bomb has so many in half a second."""
MOST_LOG = 64 << 20
"""Of what a process prints so much is kept on the disk at most; its end is what is shown."""
_RESIDENT = (b"RssAnon", b"RssShmem", b"VmSwap")
_BY_SHARE = (b"Pss_Anon", b"Pss_Shmem", b"SwapPss")
SPARE, MOST_SPARE = 0.05, 2 << 30
"""The share of the machine's memory, and at most so many bytes, that a case leaves to everybody else."""


@dataclass(frozen=True)
class Breach:
    """Why a case is ended: its status, and what it did."""

    status: str
    text: str


class Watch:
    """Watches one child with all that it started.

    Args:
        limit: bytes that they may hold together; None for what the machine has.
        log: the open file that they print to.
        proc: where the kernel tells of its processes.
    """

    def __init__(self, limit: int | None, log: int, proc: str | Path = "/proc") -> None:
        self._limit = limit
        self._log = log
        self._proc = proc
        self._total = 0
        self._last_pid = ""
        self._tree: list[int] = []

    def look(self, pid: int, adopted: Iterable[int] = ()) -> Breach | None:
        """Why the child is to be ended, if so.

        Args:
            adopted: processes of the child that are no descendants of it any more.
        """
        self._shorten_log()
        tree = self._processes([pid, *adopted])
        if len(tree) > MOST_PROCESSES:
            return Breach("failed", f"it had started more than {MOST_PROCESSES} processes")
        if self._limit is not None:
            # Pages that processes share count in each of them here, and by shares in the slower reading.
            if self._resident(tree) > self._limit and (held := self._held(tree)) > self._limit:
                said = f"it held {size_text(held)}, more than --memory-limit {size_text(self._limit)}"
                return Breach("out_of_memory", said)
            return None
        total, left = self._machine()
        spare = min(SPARE * total, MOST_SPARE)
        if left < spare and self._resident(tree) > spare and (held := self._held(tree)) > spare:
            return Breach(
                "out_of_memory", f"it held {size_text(held)}, and this machine had {size_text(left)} left"
            )
        return None

    def _shorten_log(self) -> None:
        with contextlib.suppress(OSError):
            if os.fstat(self._log).st_size > MOST_LOG:
                os.ftruncate(self._log, 0)

    def _processes(self, roots: list[int]) -> list[int]:
        """The processes of the case: those of before, as long as nobody on the machine has started any."""
        last = ""
        with contextlib.suppress(OSError, IndexError):
            with open(f"{self._proc}/loadavg") as file:
                last = file.read().split()[4]
        if not last or last != self._last_pid or not self._tree:
            self._last_pid = last
            self._tree = []
            waiting = list(roots)
            while waiting and len(self._tree) <= MOST_PROCESSES:
                one = waiting.pop()
                self._tree.append(one)
                waiting += children_of(one)
        return self._tree

    def _resident(self, tree: list[int]) -> int:
        """Bytes that are no file's, with what is shared counted in each process."""
        return sum(_sizes(f"{self._proc}/{pid}/status", _RESIDENT) for pid in tree)

    def _held(self, tree: list[int]) -> int:
        """The same with what is shared by its shares; without the shares where the kernel is too old."""
        found = 0
        for pid in tree:
            shares = _sizes(f"{self._proc}/{pid}/smaps_rollup", _BY_SHARE)
            found += shares or _sizes(f"{self._proc}/{pid}/status", _RESIDENT)
        return found

    def _machine(self) -> tuple[int, float]:
        """Bytes of memory, and how many are left; without end where the kernel does not say."""
        file = f"{self._proc}/meminfo"
        if not self._total:
            self._total = _sizes(file, (b"MemTotal",))
        left = _sizes(file, (b"MemAvailable", b"SwapFree"))
        return self._total, float(left) if self._total else float("inf")


def _sizes(file: str, keys: tuple[bytes, ...]) -> int:
    """The sum of some lines of `key: 123 kB`, in bytes."""
    total = 0
    with contextlib.suppress(OSError, ValueError, IndexError), open(file, "rb") as opened:
        text = b"\n" + opened.read()
        for key in keys:
            at = text.find(b"\n" + key + b":")
            if at >= 0:
                total += int(text[at + len(key) + 2 : at + len(key) + 40].split()[0]) << 10
    return total
