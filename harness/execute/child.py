"""A job under way in a child process, as the parent sees it: its messages, its end, its pauses.

The parent sleeps in one `select`: it wakes for a message, the end of the child, the deadline or a
signal, and for nothing else.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from harness.execute.signals import Interrupts
from harness.jobs import Reader

if TYPE_CHECKING:
    from harness.execute.supervise import ZygoteProcess

KILL_PATIENCE_S = 10.0
_LOG_TAIL = 2000


@dataclass
class Outcome:
    """How a job ended."""

    messages: dict[str, Any] = field(default_factory=dict)
    """The last message of each name."""
    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    interrupted: bool = False
    lost: bool = False
    """The zygote died under it."""
    oom_killed: bool = False
    """The kernel's out-of-memory killer struck while it ran."""
    log: str = ""
    """The end of what the child printed."""
    seconds: float = 0.0

    @property
    def ended(self) -> bool:
        return self.exit_code is not None or self.signal is not None or self.lost


class Child:
    """One child of a zygote.

    Args:
        zygote: its parent, which reports its end.
        answers: the end of the pipe its messages come from; closed by `close`.
        commands: the end of the pipe it takes commands from; closed by `close`.
        log: the file it prints to; closed by `close`.
    """

    def __init__(self, zygote: ZygoteProcess, answers: int, commands: int, log: IO[bytes]) -> None:
        self.outcome = Outcome()
        self.pid: int | None = None
        """Known once the zygote has said it."""
        self._zygote = zygote
        self._answers = answers
        self._commands = commands
        self._log = log
        self._reader = Reader()
        self._more = True
        self._stopped = False
        self._began = time.monotonic()
        self._oom_before = _oom_kills()

    # -- waiting ----------------------------------------------------------------------------------

    def wait(
        self,
        deadline: float,
        interrupts: Interrupts | None = None,
        until: Callable[[], bool] = lambda: False,
        on_message: Callable[[str, Any], None] = lambda name, body: None,
    ) -> None:
        """Waits for its end, the deadline or a signal, which both end it, or until something is so.

        Args:
            deadline: by `time.monotonic`.
            until: asked after each message.
        """
        outcome = self.outcome
        killed_at: float | None = None
        while not outcome.ended and not (killed_at is None and until()):
            if killed_at is None and (interrupts or time.monotonic() >= deadline):
                outcome.interrupted = bool(interrupts)
                outcome.timed_out = not outcome.interrupted
                killed_at = time.monotonic()
                self._kill()
            limit = deadline if killed_at is None else killed_at + KILL_PATIENCE_S
            if killed_at is not None and time.monotonic() > limit:
                outcome.lost = True
                break
            waiting: list[Any] = [self._zygote.control, *([self._answers] if self._more else [])]
            if interrupts is not None and killed_at is None:
                waiting.append(interrupts)
            ready, _, _ = select.select(waiting, [], [], max(0.0, limit - time.monotonic()))
            if self._answers in ready:
                self._more = self._drain(on_message)
            if self._zygote.control in ready:
                self._zygote.hear()
        if outcome.ended and self._more:
            self._drain(on_message)

    def wait_for(self, name: str, deadline: float, interrupts: Interrupts | None = None) -> Any:
        """Waits for the next message of that name and returns its body; None if the child ends first."""
        found: list[Any] = []

        def take(said: str, body: Any) -> None:
            if said == name:
                found.append(body)

        self.wait(deadline, interrupts, lambda: bool(found), take)
        return found[-1] if found else None

    def _drain(self, on_message: Callable[[str, Any], None]) -> bool:
        """Takes what the pipe holds; False at its end."""
        while True:
            try:
                data = os.read(self._answers, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            for name, body in self._reader.feed(data):
                self.outcome.messages[name] = body
                on_message(name, body)

    # -- what it is told --------------------------------------------------------------------------

    def command(self, text: str) -> None:
        """Gives it a command; a child that has ended hears none."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._commands, text.encode() + b"\n")

    def stop(self) -> None:
        """Freezes it with all its threads: pools that wait by spinning use no processor either."""
        self._signal(signal.SIGSTOP)
        self._stopped = True

    def resume(self) -> None:
        """Lets it go on."""
        if self._stopped:
            self._signal(signal.SIGCONT)
            self._stopped = False

    def _signal(self, number: int) -> None:
        if self.pid is not None and not self.outcome.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _kill(self) -> None:
        self._zygote.kill_child(self.pid)

    def close(self) -> Outcome:
        """Ends it, if it has not ended, and says how it ended."""
        outcome = self.outcome
        if not outcome.ended:
            self._kill()
            self.wait(time.monotonic() + KILL_PATIENCE_S)
        if outcome.lost:
            self._zygote.kill()
        os.close(self._answers)
        os.close(self._commands)
        outcome.log = tail_of(self._log.fileno())
        self._log.close()
        outcome.oom_killed = outcome.signal == signal.SIGKILL and _oom_kills() > self._oom_before
        outcome.seconds = time.monotonic() - self._began
        return outcome


def tail_of(fd: int) -> str:
    """The end of a file of text."""
    size = os.fstat(fd).st_size
    data = os.pread(fd, _LOG_TAIL, max(0, size - _LOG_TAIL))
    return data.decode("utf-8", "replace")


def _oom_kills() -> int:
    """How often the kernel's out-of-memory killer has struck so far; 0 where it does not say."""
    try:
        with open("/proc/vmstat") as file:
            return next(int(x.split()[1]) for x in file if x.startswith("oom_kill "))
    except (OSError, StopIteration):
        return 0
