"""A plugin file for tests: models whose process does what no process should, and leaves things behind."""

import contextlib
import ctypes
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path

import torch

import harness


def forever(*arguments):
    """A process that ignores what can be ignored, out of the session of whoever starts it."""
    code = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], start_new_session=True)


def marked():
    """Such a process, found by the test through its command line."""
    forever(os.environ["FAULT_MARK"])


def pipes_to_write():
    """Every pipe of this process that it may write to, besides the standard streams."""
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        with contextlib.suppress(OSError):
            writes = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
            if fd > 2 and writes and stat.S_ISFIFO(os.fstat(fd).st_mode):
                yield fd


def deaf():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def deadlock():
    one, other = threading.Lock(), threading.Lock()
    meet = threading.Barrier(2)

    def take(first, second):
        with first:
            meet.wait()
            with second:
                pass

    thread = threading.Thread(target=take, args=(other, one))
    thread.start()
    take(one, other)


def threads():
    for daemon in (False, True):
        threading.Thread(target=time.sleep, args=(600,), daemon=daemon).start()


def daemon():
    """What a daemon does: its parent ends at once, and it is nobody's."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            marked()
        os._exit(0)
    os.waitpid(pid, 0)


def kill_parent():
    marked()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def kill_group():
    os.killpg(0, signal.SIGKILL)


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def close_pipes():
    os.closerange(3, 1000)
    raise RuntimeError("and nobody hears of it")


def garbage():
    for fd in pipes_to_write():
        os.write(fd, b"no message of anybody")


def half_a_message():
    for fd in pipes_to_write():
        os.write(fd, b"\0\0\1\0{")
    os._exit(0)


def endless_garbage():
    fds = list(pipes_to_write())
    while True:
        for fd in fds:
            os.write(fd, b"\0" * 65536)


def flood():
    for _ in range(300):
        os.write(1, b"x" * (1 << 20))
        os.write(2, b"y" * (1 << 10))


def fill():
    """Temporary files until there is no more room, as far as a test lets it go."""
    while True:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"x" * (8 << 20))


def files():
    tempfile.mkdtemp()
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"x")


def shared():
    """A segment by Python, one by torch, and a semaphore and a segment by the C library; none is unlinked."""
    shared_memory.SharedMemory(create=True, size=4096)
    torch.multiprocessing.set_sharing_strategy("file_system")
    torch.ones(4096).share_memory_()
    libc = ctypes.CDLL(None, use_errno=True)
    name = f"/{os.environ['FAULT_MARK']}".encode()
    libc.sem_open(name, os.O_CREAT, 0o600, 1)
    os.close(libc.shm_open(name, os.O_CREAT | os.O_RDWR, 0o600))


def shared_and_crash():
    shared()
    os.abort()


def spread():
    """Processes without end, each of which is small."""
    while True:
        os.posix_spawn("/bin/sleep", ["sleep", "600"], os.environ)


def bomb():
    while True:
        os.fork()


def host_memory():
    """Memory without end, touched, in pieces."""
    held = []
    while True:
        held.append(torch.ones(16 << 20, dtype=torch.uint8))


def device_memory():
    held = []
    while True:
        held.append(torch.ones(1 << 28, device="cuda"))


def device_assert_later():
    """An index that is not there: told by whatever waits for the device next."""
    torch.zeros(4, device="cuda")[torch.tensor([9], device="cuda")]


def device_assert():
    device_assert_later()
    torch.cuda.synchronize()


def illegal_access():
    """A kernel that reads what is nobody's."""
    poke = torch.cuda.jiterator._create_jit_fn(
        "template <typename T> T poke(T x) { return x + *reinterpret_cast<T*>(16); }"
    )
    poke(torch.ones(4, device="cuda"))
    torch.cuda.synchronize()


def memory_of_children():
    """The same in many processes, none of which holds much."""
    for _ in range(64):
        if os.fork() == 0:
            held = torch.ones(64 << 20, dtype=torch.uint8)
            time.sleep(600)
            del held
            os._exit(0)
    time.sleep(600)


def shared_memory_without_end():
    """Memory that no limit of a process counts."""
    import mmap

    held = []
    while True:
        held.append(mmap.mmap(-1, 16 << 20))
        held[-1].write(b"x" * (16 << 20))


DOES = {
    f.__name__.replace("_", "-"): f
    for f in (
        *(deaf, deadlock, threads, daemon, kill_parent, kill_group, stop, close_pipes, garbage),
        *(
            half_a_message,
            endless_garbage,
            flood,
            fill,
            files,
            shared,
            shared_and_crash,
            bomb,
            spread,
            host_memory,
        ),
        *(
            device_memory,
            device_assert,
            device_assert_later,
            illegal_access,
            memory_of_children,
            shared_memory_without_end,
        ),
    )
}
"""What a model may do in its first call."""


class Unruly(torch.nn.Module):
    def __init__(self, does):
        super().__init__()
        self.does = does
        self.linear = torch.nn.Linear(16, 16)
        self.done = False

    def forward(self, x):
        if x.dtype != torch.float64 and not self.done:  # the reference is as it should be
            self.done = True
            for does in self.does.split("+"):
                if does in DOES:
                    DOES[does]()
        return self.linear(x)


class Large(torch.nn.Module):
    """An output of so many MiB."""

    def __init__(self, mib):
        super().__init__()
        self.mib = mib
        self.linear = torch.nn.Linear(16, 16)

    def forward(self, x):
        y = self.linear(x)
        return y.repeat(1, (self.mib << 20) // (y.numel() * 4))


class UnrulyModel(harness.Model):
    name = "unruly"
    summary = "a process that behaves badly"

    @dataclass(frozen=True)
    class Params:
        does: str = "nothing"

    def build(self, params):
        return Unruly(params.does)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


class LargeModel(harness.Model):
    name = "large"
    summary = "a large output"

    @dataclass(frozen=True)
    class Params:
        mib: int = 1

    def build(self, params):
        return Large(params.mib)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


class BadRunner(harness.Runner):
    """Breaks where its option says."""

    name = "bad-runner"
    summary = "breaks on purpose"

    @dataclass(frozen=True)
    class Params:
        at: str = "load"

    def preload(self, devices):
        where = Path(os.environ.get("PRELOADS", os.devnull))
        with where.open("a") as file:
            file.write("preload\n")
        later = where.is_file() and len(where.read_text().splitlines()) > 1
        if os.environ.get("PRELOAD") == "dies" or (later and os.environ.get("PRELOAD") == "dies-later"):
            os._exit(3)
        if os.environ.get("PRELOAD") == "raises":
            raise RuntimeError("no")
        if os.environ.get("PRELOAD") == "threads":
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    def build(self, work):
        if work.options.at == "build":
            raise RuntimeError("cannot write")

    def load(self, work):
        at = work.options.at
        if at == "load":
            raise RuntimeError("cannot load")
        if at == "load-crash":
            os.abort()
        if at == "nothing":
            return None
        return harness.TorchSession(work, work.module)


@harness.hookimpl
def harness_models():
    return [UnrulyModel(), LargeModel()]


@harness.hookimpl
def harness_runners():
    return [BadRunner()]
