"""A job under way in a child process, as the parent sees it: its messages, its end, its pauses.

The parent sleeps in one `select`: it wakes for a message, the end of the child, the deadline or a
signal, and four times a second for a look at what the child takes (see `harness.execute.watch`).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from harness.channel import Reader
from harness.execute.leftovers import SharedMemory
from harness.execute.signals import Interrupts
from harness.execute.watch import LOOK_S, Breach, Watch

if TYPE_CHECKING:
    from harness.execute.supervise import ZygoteProcess

KILL_PATIENCE_S = 10.0
_LOG_TAIL = 2000
_AT_ONCE = 4 << 20
"""So many bytes of answers are taken before the deadline and signals are looked at again."""


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
    breach: Breach | None = None
    """What it did that it was ended for."""
    oom_killed: bool = False
    """The kernel's out-of-memory killer struck while it ran."""
    oom_told: bool = False
    """The kernel says how often that killer strikes."""
    garbled: bool = False
    """The last thing that came through the pipe of its answers is no whole message."""
    log: str = ""
    """The end of what the child printed."""
    seconds: float = 0.0

    @property
    def ended_by_others(self) -> bool:
        """Whether it was not the harness that ended it."""
        return not (self.timed_out or self.interrupted or self.breach)

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
        temporary: the folder of its temporary files; removed by `close`.
        memory: bytes that it may hold; None for what the machine has.
    """

    def __init__(
        self,
        zygote: ZygoteProcess,
        answers: int,
        commands: int,
        log: IO[bytes],
        temporary: str,
        memory: int | None = None,
    ) -> None:
        self.outcome = Outcome()
        self.pid: int | None = None
        """Known once the zygote has said it."""
        self._zygote = zygote
        self._answers = answers
        self._commands = commands
        self._log = log
        self._temporary = temporary
        self._watch = Watch(memory, log.fileno())
        self._next_look = time.monotonic() + LOOK_S
        self._shared = SharedMemory()
        self._reader = Reader()
        self._more = True
        self._stopped = False
        self._began = time.monotonic()
        self._oom_before = oom_kills()

    # -- waiting ----------------------------------------------------------------------------------

    def wait(
        self,
        deadline: float,
        interrupts: Interrupts | None = None,
        until: Callable[[], bool] = lambda: False,
        on_message: Callable[[str, Any], None] = lambda name, body: None,
    ) -> None:
        """Waits for its end, or the deadline, a signal or more than it may take, which all end it, or until
        something is so.

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
            elif killed_at is None and self._breaches():
                killed_at = time.monotonic()
                self._kill()
            limit = min(deadline, self._next_look) if killed_at is None else killed_at + KILL_PATIENCE_S
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
        outcome.garbled = self._reader.broken or self._reader.unfinished

    def _breaches(self) -> bool:
        """Whether it is to be ended for what it says or, looked at when it is time to, for what it takes."""
        if self._reader.broken and "result" not in self.outcome.messages:
            self.outcome.breach = Breach("failed", "its code wrote into the pipe of its answers")
            return True
        if self.pid is None or time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + LOOK_S
        self.outcome.breach = self._watch.look(self.pid, self._zygote.adopted())
        return self.outcome.breach is not None

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
        taken = 0
        while taken < _AT_ONCE:
            try:
                data = os.read(self._answers, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            taken += len(data)
            for name, body in self._reader.feed(data):
                self.outcome.messages[name] = body
                on_message(name, body)
        return True

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
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._shared.clear()
        before, after = self._oom_before, oom_kills()
        outcome.oom_told = before is not None and after is not None
        struck = (after or 0) > (before or 0)
        killed = outcome.lost or outcome.signal == signal.SIGKILL
        outcome.oom_killed = struck and killed and outcome.ended_by_others
        outcome.seconds = time.monotonic() - self._began
        return outcome


def tail_of(fd: int) -> str:
    """The end of a file of text."""
    size = os.fstat(fd).st_size
    data = os.pread(fd, _LOG_TAIL, max(0, size - _LOG_TAIL))
    return data.decode("utf-8", "replace")


def oom_kills() -> int | None:
    """How often the kernel's out-of-memory killer has struck so far; None where it does not say."""
    try:
        with open("/proc/vmstat") as file:
            return next(int(x.split()[1]) for x in file if x.startswith("oom_kill "))
    except (OSError, StopIteration):
        return None
