"""The zygote: a fresh interpreter that imports torch, stops, and forks a child for each job.

Run as `python -m harness.execute.zygote CONTROL_FD [--solo]`. It touches no device and stays
single-threaded, so that forking is safe; children of different zygotes are independent processes in
all that matters to a measurement, at a fiftieth of the price of a new interpreter.

The parent talks through a SOCK_SEQPACKET socket:

    <- {"ready": {threads, note, harness}}     harness: version and digest of what it runs
    -> {"preload": {runner, source, ...}}      run one runner's preload()
    <- {"ready": {threads, note}}
    -> {"job": {file, temporary, memory}}      the job, the folder for its temporary files, and the bytes it
       + 3 descriptors                         may hold; the pipe for answers, the file for stdout and
                                               stderr, and the pipe it takes commands from while it runs
    <- {"started": pid}
    -> {"kill": pid}                           end that child and everything it started
    <- {"ended": {"pid", "exit": code} | {"pid", "signal": number}}

With --solo (where forking is not safe) the process does one job itself and exits. --import names a module
that its children need besides what all of them do.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any, NoReturn

from harness.execute import limits
from harness.identity import identity
from harness.machine import threads_of

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MOST = 60_000
"""Bytes of one control message; jobs travel as files."""


def prctl(option: int, value: int) -> bool:
    """Linux's prctl; False where there is none."""
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def children_of(pid: int) -> list[int]:
    """Direct children of a process, over all its threads."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(p) for p in file.read().split()]
    except FileNotFoundError:
        # The process or a thread has ended, or the kernel keeps no such list.
        kept = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
        if os.path.exists(f"/proc/{pid}") and not kept:
            found = _children_by_scanning(pid)
    except OSError:
        return found
    return found


def _children_by_scanning(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat") as file:
                # The command name in brackets may hold anything, brackets too.
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
    return found


def kill_tree(pid: int) -> None:
    """SIGKILLs a process and all its descendants, stopping each first so that none slips away."""
    found = [pid]
    for one in found:  # grows meanwhile
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGSTOP)
        found += [child for child in children_of(one) if child not in found]
    for one in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def warm_imports(more: str = "") -> None:
    """What every child needs, imported once: torch, the built-in plugins, the worker's own modules.

    Args:
        more: a module that the children of this zygote need as well.
    """
    import numpy.random  # noqa: F401
    import torch.utils.serialization.config  # noqa: F401

    from harness.catalogue import load

    load(only=())
    if more:
        import_module(more)
    freeze()


def freeze() -> None:
    """Takes all that is alive out of the collector's sight.

    Otherwise the first full collection in every child walks torch's whole heap, page by copied page,
    which takes longer than the fork itself.
    """
    import gc

    gc.collect()
    gc.freeze()


class Zygote:
    """The process's state: its control socket and its children."""

    def __init__(self, control: socket.socket, solo: bool) -> None:
        self.control = control
        self.solo = solo
        self.children: set[int] = set()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Answers the parent until it goes away."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if not self.solo:
            # A wake-up through a pipe: waiting for the child and for the parent in one place.
            signal.signal(signal.SIGCHLD, lambda *_: None)
            signal.set_wakeup_fd(self._wake_write)
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            # From here on it hears of its parent's end through the socket, and ends all that its children
            # have started; a signal would end it alone.
            prctl(PR_SET_PDEATHSIG, 0)
        while True:
            waiting: list[Any] = [self.control, self._wake_read]
            ready, _, _ = select.select(waiting, [], [])
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 512)
                self.reap()
            if self.control in ready and not self.handle():
                break
        for child in children_of(os.getpid()):
            kill_tree(child)

    def handle(self) -> bool:
        """Does what one message says; False once the parent has gone."""
        data, fds, _, _ = socket.recv_fds(self.control, MOST, 3)
        if not data:
            return False
        message = json.loads(data)
        if "preload" in message:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it may hang, and hear of nothing
            self.send({"ready": preload(message["preload"])})
            prctl(PR_SET_PDEATHSIG, 0)
        elif "job" in message:
            self.start(message["job"], *fds)
        elif message.get("kill") in self.children:
            kill_tree(message["kill"])
        return True

    def send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.control.send(json.dumps(message).encode())

    def start(self, job: dict[str, Any], answers: int, log: int, commands: int) -> None:
        """Forks a child for the job, or does it here in solo mode."""
        if self.solo:
            self.send({"started": os.getpid()})
            run_job(job, answers, log, commands)
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != zygote:
                os._exit(1)
            run_job(job, answers, log, commands)
        for fd in (answers, log, commands):
            os.close(fd)
        self.children.add(pid)
        self.send({"started": pid})

    def reap(self) -> None:
        """Collects whatever has ended; when the child has, ends what it left behind and reports."""
        ended: dict[int, int] = {}
        while True:
            try:
                pid, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in self.children:
                ended[pid] = code
        if not ended:
            return
        self.children -= ended.keys()
        # Orphans of the child have become ours, since we are a subreaper.
        with contextlib.suppress(ChildProcessError):
            while orphans := set(children_of(os.getpid())) - self.children:
                for orphan in orphans:
                    kill_tree(orphan)
                    os.waitpid(orphan, 0)
        for pid, status in ended.items():
            if os.WIFSIGNALED(status):
                self.send({"ended": {"pid": pid, "signal": os.WTERMSIG(status)}})
            else:
                self.send({"ended": {"pid": pid, "exit": os.WEXITSTATUS(status)}})


def preload(request: dict[str, Any]) -> dict[str, Any]:
    """Lets one runner preload; says how many threads there are afterwards."""
    from harness.catalogue import Catalogue, PluginRequest, load
    from harness.catalogue.specs import Spec
    from harness.runner import Runner

    note = None
    name = request["runner"]
    try:
        extra = PluginRequest(tuple(request["extra"]), tuple(request["blocked"]))
        catalogue = Catalogue(load(extra, only={request["source"]}))
        component = catalogue.get("runner", Spec(name, distribution=request["source"])).component
        assert isinstance(component, Runner)
        component.preload(frozenset(request["devices"]))
        freeze()
    except (Exception, SystemExit) as error:
        note = f"preload of {name} failed: {type(error).__name__}: {error}"
    return {"threads": threads_of(), "note": note}


def run_job(job: dict[str, Any], answers: int, log: int, commands: int) -> NoReturn:
    """Does the job in this process and leaves it, whatever happens."""
    code = 70
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        limits.contain(job["temporary"])
        import faulthandler

        faulthandler.enable()
        from harness.execute import worker

        code = worker.main(job["file"], answers, commands, job["memory"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        # No atexit handlers, no destructors: they belong to the zygote, not to this copy of it.
        os._exit(code)


def alone(control: socket.socket) -> bool:
    """Whether the parent has gone: before this could ask to be killed with it, say."""
    with contextlib.suppress(BlockingIOError):
        return not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return False


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if alone(control):
        return
    solo = "--solo" in sys.argv
    more = sys.argv[sys.argv.index("--import") + 1] if "--import" in sys.argv else ""
    try:
        warm_imports(more)
    except Exception as error:
        text = json.dumps({"broken": f"{type(error).__name__}: {error}"[:2000]})
        control.send(text.encode())
        return
    zygote = Zygote(control, solo)
    zygote.send({"ready": {"threads": threads_of(), "note": None, "harness": identity()}})
    zygote.serve()


if __name__ == "__main__":
    main()
