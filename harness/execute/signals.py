"""Signals as something that a `select` can wait for."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import termios
from collections.abc import Callable
from typing import Any


class Interrupted(Exception):
    """A signal came before anything was measured."""


class Interrupts:
    """Turns SIGINT, SIGTERM and SIGHUP into something a `select` can wait for.

    The first signal asks for an end; a second SIGINT, or SIGTERM after SIGTERM, ends the process at once,
    with some last words.
    """

    last_words = "interrupted"

    def __init__(self, on_second: Callable[[], None] = lambda: None) -> None:
        self.received: int | None = None
        self.on_second = on_second
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old: dict[int, Any] = {}
        self._old_fd = -1

    def fileno(self) -> int:
        return self._read

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # nohup(1): it is to go on when the terminal is closed
            self._old[number] = signal.signal(number, self._handle)
        self._old_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._old_fd)
        try:
            for number, handler in self._old.items():
                signal.signal(number, handler)
        except KeyboardInterrupt:  # it came just before, and was heard just after
            if self.received is None:
                raise
            self._handle(signal.SIGINT, None)
        finally:
            os.close(self._read)
            os.close(self._write)

    def _handle(self, number: int, _: Any) -> None:
        again = number == signal.SIGTERM == self.received
        if again or (self.received is not None and number == signal.SIGINT):
            self.on_second()
            self._say_last_words()
            os._exit(143 if again else 130)
        if number == signal.SIGHUP:
            leave_dead_terminals()
        self.received = self.received or number

    def _say_last_words(self) -> None:
        """Straight to the terminal, whose cursor a display may have hidden: what is interrupted here may hold
        any lock.
        """
        shown = "\x1b[?25h" if os.isatty(2) else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{shown}\n{self.last_words}\n".encode())

    def __bool__(self) -> bool:
        return self.received is not None


def leave_dead_terminals() -> None:
    """Writes to nowhere what would go to a terminal that was closed, where every write is an error."""
    for fd in (1, 2):
        try:
            termios.tcgetattr(fd)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, fd)
                os.close(null)
