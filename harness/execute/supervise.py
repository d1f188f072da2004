"""The parent's side of a zygote: start it, give it jobs, hear how its children end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import TMPDIR_HINT, EnvironmentFault
from harness.execute.child import Child, Outcome, tail_of
from harness.execute.leftovers import MARK
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.zygote import MOST, children_of, kill_tree
from harness.jobs import Job, encode_job

START_TIMEOUT_S = 180.0
_ENDING_S = 1.0


class ZygoteProcess:
    """One zygote as the parent sees it.

    Args:
        folder: where its log and the jobs' files go.
        solo: no forking: each job is a process of its own, started from nothing.
        environment: variables that only its children are to see.
        python: another interpreter than this one's.
        imports: a module that its children need besides what all of them do.
        memory: bytes that a job may hold; None for what the machine has.
    """

    def __init__(
        self,
        folder: Path,
        solo: bool = False,
        environment: dict[str, str] | None = None,
        python: str = sys.executable,
        imports: str = "",
        memory: int | None = None,
    ) -> None:
        self.folder = folder
        self._memory = memory
        self.python = python
        self.identity: dict[str, str | None] = {}
        """Which harness it runs, once it is ready."""
        self.solo = solo
        self.threads = 1
        self.note: str | None = None
        self.start_s = 0.0
        self._began = time.monotonic()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        variables = {**os.environ, **(environment or {})}
        # numpy's BLAS would start a thread at import, and then forking is not safe.
        variables["OPENBLAS_NUM_THREADS"] = "1"
        # What a child leaves behind, however it ends, goes with the folder.
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        variables["TMPDIR"] = str(temporary)
        self.mark = uuid.uuid4().hex
        """Tells its processes from all others."""
        variables[MARK] = self.mark
        # Another layout in every zygote: an environment of another size shifts every stack.
        variables["HARNESS_PADDING"] = "x" * random.SystemRandom().randrange(4096)
        command = [python, "-m", "harness.execute.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            [*command, *(["--solo"] if solo else []), *(["--import", imports] if imports else [])],
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
        self._jobs = 0
        self._starting: list[Child] = []
        """Children whose pids the zygote has not said yet, in the order they were asked for."""
        self._children: dict[int, Child] = {}
        self.orphaned: list[int] = []
        """Children that it has left by its own death."""

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
        self.identity = message["ready"]["harness"]
        self._ready = True
        self.start_s = time.monotonic() - self._began

    def _note_ready(self, state: dict[str, Any]) -> None:
        self.threads = int(state["threads"])
        self.note = state["note"] or self.note

    def ask_preload(self, request: dict[str, Any]) -> None:
        """Lets a runner import what every child would import again; `preloaded` waits for it."""
        with contextlib.suppress(OSError):
            self.control.send(json.dumps({"preload": request}).encode())

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
        self.control.close()
        if self._process.poll() is None:
            kill_tree(self._process.pid)
            self._process.wait()
        self._log.close()

    def _receive(self, timeout: float, interrupts: Interrupts | None) -> dict[str, Any] | None:
        """The next control message; None on a timeout, a signal or the zygote's end."""
        waiting: list[Any] = [self.control, *([interrupts] if interrupts is not None else [])]
        if interrupts:
            return None
        ready, _, _ = select.select(waiting, [], [], timeout)
        if self.control not in ready:
            return None
        with contextlib.suppress(OSError):
            data = self.control.recv(MOST)
            return dict(json.loads(data)) if data else None
        return None

    def _tail(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return tail_of(self._log.fileno())
        return ""

    # -- jobs -------------------------------------------------------------------------------------

    def begin(self, kind: str, job: Job) -> Child:
        """Starts a child for a job; the caller waits for it and closes it.

        Raises:
            EnvironmentFault: its files cannot be written.
        """
        self._used = True
        self._jobs += 1
        file = self.folder / f"job-{kind}-{self._jobs}.json"
        try:
            file.write_bytes(encode_job(kind, job))
            log = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - closed by the child's close()
        except OSError as error:
            raise EnvironmentFault(
                f"temporary files cannot be written in {self.folder}: {error.strerror}", TMPDIR_HINT
            ) from error
        answers, write_end = os.pipe()
        read_end, commands = os.pipe()
        os.set_blocking(answers, False)
        # What is printed is cut off at its beginning when it is too much, and goes on at the new end.
        fcntl.fcntl(log, fcntl.F_SETFL, fcntl.fcntl(log, fcntl.F_GETFL) | os.O_APPEND)
        # A short name: sockets are made there, whose paths must not be long.
        temporary = str(self.folder / f"t{self._jobs}")
        child = Child(self, answers, commands, log, temporary, self._memory)
        told = {"file": str(file), "temporary": temporary, "memory": self._memory}
        message = json.dumps({"job": told}).encode()
        try:
            socket.send_fds(self.control, [message], [write_end, log.fileno(), read_end])
            self._starting.append(child)
        except OSError:
            child.outcome.lost = True
        finally:
            os.close(write_end)
            os.close(read_end)
        return child

    def run(
        self,
        kind: str,
        job: Job,
        timeout_s: float,
        interrupts: Interrupts | None = None,
        on_message: Callable[[str, Any], None] = lambda name, body: None,
    ) -> Outcome:
        """Does one job in a child and waits for its end, the deadline or a signal."""
        child = self.begin(kind, job)
        try:
            child.wait(time.monotonic() + timeout_s, interrupts, on_message=on_message)
        finally:
            outcome = child.close()
        return outcome

    def hear(self) -> None:
        """Takes one control message, and tells the child it concerns."""
        try:
            data = self.control.recv(MOST)
        except OSError:
            data = b""
        if not data:
            self._gone()
            return
        message = json.loads(data)
        if "started" in message:
            child = self._starting.pop(0)
            child.pid = message["started"]
            self._children[message["started"]] = child
        elif "ended" in message:
            ended = message["ended"]
            child = self._children.pop(ended["pid"])
            child.outcome.exit_code, child.outcome.signal = ended.get("exit"), ended.get("signal")

    def _gone(self) -> None:
        """It has ended: with its only child in solo mode, under its children otherwise."""
        for child in (*self._starting, *self._children.values()):
            if self.solo:
                code = self._process.wait()
                child.outcome.exit_code, child.outcome.signal = (code, None) if code >= 0 else (None, -code)
            else:
                child.outcome.lost = True
        self.orphaned = list(self._children)
        self._starting.clear()
        self._children.clear()

    def adopted(self) -> list[int]:
        """Processes that its children started and left."""
        if self.solo:
            return []
        return [p for p in children_of(self._process.pid) if p not in self._children]

    def kill_child(self, pid: int | None) -> None:
        """Ends a child with everything it started."""
        if self.solo or pid is None:
            kill_tree(self._process.pid)
        else:
            with contextlib.suppress(OSError):
                self.control.send(json.dumps({"kill": pid}).encode())

    def ended(self) -> bool:
        """Whether it has ended, or does so now: its socket closes a moment before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDING_S)
        return self._process.poll() is not None

    @property
    def usable(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None and not (self.solo and self._used)
