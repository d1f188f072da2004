"""The parent's side of a zygote: start it, give it jobs, time them out, collect what they say.

While a job runs the parent sleeps in one `select`: it wakes for a message, the end of the child, the
deadline or a signal, and for nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import EnvironmentFault
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.zygote import MOST, kill_tree
from harness.jobs import Job, Reader, encode_job

START_TIMEOUT_S = 180.0
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


class ZygoteProcess:
    """One zygote as the parent sees it.

    Args:
        folder: where its log and the jobs' files go.
        solo: no forking: each job is a process of its own, started from nothing.
        environment: variables that only its children are to see.
    """

    def __init__(self, folder: Path, solo: bool = False, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.solo = solo
        self.threads = 1
        self.note: str | None = None
        self.start_s = 0.0
        self._began = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        variables = {**os.environ, **(environment or {})}
        # numpy's BLAS would start a thread at import, and then forking is not safe.
        variables["OPENBLAS_NUM_THREADS"] = "1"
        # Another layout in every zygote: an environment of another size shifts every stack.
        variables["HARNESS_PADDING"] = "x" * random.SystemRandom().randrange(4096)
        command = [sys.executable, "-m", "harness.execute.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, "--solo"] if solo else command,
            pass_fds=(theirs.fileno(),),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        theirs.close()
        self._ready = False
        self._used = False

    # -- start and end ----------------------------------------------------------------------------

    def wait_ready(self, interrupts: Interrupts | None = None) -> None:
        """Waits until it has imported everything.

        Raises:
            EnvironmentFault: it cannot: torch is missing or broken, say.
            Interrupted: a signal came first.
        """
        if self._ready:
            return
        message = self._receive(START_TIMEOUT_S, interrupts)
        if message is None and interrupts:
            raise Interrupted
        if message is None or "ready" not in message:
            said = (message or {}).get("broken") or self._tail() or "it does not answer"
            self.close()
            raise EnvironmentFault(
                f"the measuring process does not start: {said.strip().splitlines()[-1]}",
                "see `python -c 'import torch'`; the harness needs torch in the same environment",
            )
        self._note_ready(message["ready"])
        self._ready = True
        self.start_s = time.monotonic() - self._began

    def _note_ready(self, state: dict[str, Any]) -> None:
        self.threads = int(state["threads"])
        self.note = state["note"] or self.note

    def ask_preload(self, request: dict[str, Any]) -> None:
        """Lets a runner import what every child would import again; `preloaded` waits for it."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"preload": request}).encode())

    def preloaded(self, interrupts: Interrupts | None = None) -> bool:
        """Waits for the last preload; False if that broke the zygote."""
        message = self._receive(START_TIMEOUT_S, interrupts)
        if message is None or "ready" not in message:
            return False
        self._note_ready(message["ready"])
        return True

    def kill(self) -> None:
        """Ends it with everything it started, and waits for nothing."""
        kill_tree(self._process.pid)

    def close(self) -> None:
        """Ends it with everything it started."""
        self._control.close()
        if self._process.poll() is None:
            kill_tree(self._process.pid)
            self._process.wait()
        self._log.close()

    def _receive(self, timeout: float, interrupts: Interrupts | None) -> dict[str, Any] | None:
        """The next control message; None on a timeout, a signal or the zygote's end."""
        waiting: list[Any] = [self._control, *([interrupts] if interrupts is not None else [])]
        if interrupts:
            return None
        ready, _, _ = select.select(waiting, [], [], timeout)
        if self._control not in ready:
            return None
        with contextlib.suppress(OSError):
            data = self._control.recv(MOST)
            return dict(json.loads(data)) if data else None
        return None

    def _tail(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return _tail_of(self._log.fileno())
        return ""

    # -- jobs -------------------------------------------------------------------------------------

    def run(
        self,
        kind: str,
        job: Job,
        timeout_s: float,
        interrupts: Interrupts | None = None,
        on_message: Callable[[str, Any], None] = lambda name, body: None,
    ) -> Outcome:
        """Does one job in a child and waits for its end, the deadline or a signal."""
        begin = time.monotonic()
        deadline = begin + timeout_s
        self._used = True
        outcome = Outcome()
        file = self.folder / f"job-{kind}.json"
        file.write_bytes(encode_job(kind, job))
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        oom_before = _oom_kills()
        with tempfile.TemporaryFile(dir=self.folder) as log:
            try:
                socket.send_fds(
                    self._control,
                    [json.dumps({"job": str(file)}).encode()],
                    [write_end, log.fileno()],
                )
            except OSError:
                outcome.lost = True
            os.close(write_end)
            try:
                if not outcome.lost:
                    self._watch(outcome, read_end, deadline, interrupts, on_message)
            finally:
                os.close(read_end)
                if outcome.lost or (outcome.exit_code is None and outcome.signal is None):
                    kill_tree(self._process.pid)
            outcome.log = _tail_of(log.fileno())
        outcome.oom_killed = outcome.signal == signal.SIGKILL and _oom_kills() > oom_before
        outcome.seconds = time.monotonic() - begin
        return outcome

    def _watch(
        self,
        outcome: Outcome,
        answers: int,
        deadline: float,
        interrupts: Interrupts | None,
        on_message: Callable[[str, Any], None],
    ) -> None:
        reader = Reader()
        open_ends: list[Any] = [self._control, answers]
        signals: list[Any] = [interrupts] if interrupts is not None else []
        killed_at: float | None = None
        while outcome.exit_code is None and outcome.signal is None:
            limit = deadline if killed_at is None else killed_at + KILL_PATIENCE_S
            ready, _, _ = select.select([*open_ends, *signals], [], [], max(0.0, limit - time.monotonic()))
            if answers in ready and not _drain(answers, reader, outcome, on_message):
                open_ends.remove(answers)
            if self._control in ready and not self._control_message(outcome):
                return
            interrupted = bool(interrupts)
            if killed_at is None and (interrupted or time.monotonic() >= deadline):
                outcome.interrupted = interrupted
                outcome.timed_out = not interrupted
                signals = []
                killed_at = time.monotonic()
                self._kill_child()
            elif killed_at is not None and time.monotonic() > killed_at + KILL_PATIENCE_S:
                outcome.lost = True
                return
        _drain(answers, reader, outcome, on_message)

    def _control_message(self, outcome: Outcome) -> bool:
        """Takes one control message into the outcome; False if the zygote is gone."""
        try:
            data = self._control.recv(MOST)
        except OSError:
            data = b""
        if not data:
            if self.solo:
                code = self._process.wait()
                outcome.exit_code, outcome.signal = (code, None) if code >= 0 else (None, -code)
            else:
                outcome.lost = True
            return self.solo
        ended = json.loads(data).get("ended")
        if ended is not None:
            outcome.exit_code, outcome.signal = ended.get("exit"), ended.get("signal")
        return True

    def _kill_child(self) -> None:
        if self.solo:
            kill_tree(self._process.pid)
        else:
            with contextlib.suppress(OSError):
                self._control.send(json.dumps({"kill": True}).encode())

    @property
    def usable(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None and not (self.solo and self._used)


def _drain(answers: int, reader: Reader, outcome: Outcome, on_message: Callable[[str, Any], None]) -> bool:
    """Takes what the pipe holds; False at its end."""
    while True:
        try:
            data = os.read(answers, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            return False
        for name, body in reader.feed(data):
            outcome.messages[name] = body
            on_message(name, body)


def _tail_of(fd: int) -> str:
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
