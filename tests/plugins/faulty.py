"""A plugin file for tests: models that break in every way a model can."""

import ctypes
import mmap
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import torch

import harness

HOW = (
    "none",
    "build",
    "no-module",
    "inputs",
    "forward",
    "thousandth",
    "segfault",
    "abort",
    "exit",
    "sys-exit",
    "loop",
    "c-loop",
    "memory",
    "flood",
    "close",
    "nan",
    "zeros",
    "shape",
    "drift",
    "weights",
    "draws",
    "no-inputs",
    "grandchild",
    "first",
    "interrupt",
    "recursion",
    "illegal",
    "killed",
    "inf",
    "dtype",
    "empty",
    "nothing",
    "random",
    "mutates",
    "state",
    "core",
    "surrogate",
    "out-of-memory",
    "subclass",
    "dtype-in-forward",
    "clock",
)


class Labelled(torch.Tensor):
    """A class of one's own for outputs."""


def illegal_instruction():
    """Runs what no processor has: ud2 on x86, zeros on ARM."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x0f\x0b" if platform.machine() in ("x86_64", "AMD64", "i686") else b"\0\0\0\0")
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


class Broken(torch.nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.calls = 0
        self.linear = torch.nn.Linear(16, 16)
        if how == "weights":
            with torch.no_grad():
                self.linear.weight.copy_(
                    torch.from_numpy(
                        __import__("numpy")
                        .frombuffer(os.urandom(256), dtype="uint8")
                        .reshape(16, 16)
                        .astype("float32")
                    )
                )

    def forward(self, x):
        self.calls += 1
        how, double = self.how, x.dtype == torch.float64
        if how == "dtype-in-forward":
            torch.set_default_dtype(torch.float64)
        if how == "subclass":
            return self.linear(x).as_subclass(Labelled)
        if double:  # the reference is as it should be
            return self.linear(x)
        if how == "forward":
            raise ValueError("this model\ndoes not work")
        if how == "first" and self.calls == 1:
            raise RuntimeError("early")
        if how == "thousandth" and self.calls == 1000:
            raise RuntimeError("late")
        if how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if how == "recursion":
            return self.forward(x)
        if how == "illegal":
            illegal_instruction()
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "core":
            resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
            os.abort()
        if how == "nothing":
            return None
        if how == "surrogate":
            raise ValueError(f"no such file: {os.fsdecode(bytes([255]))}.txt")
        if how == "out-of-memory":
            raise MemoryError("too many words")
        if how == "clock":
            time.perf_counter = lambda: 0.0
        if how == "state":
            torch.use_deterministic_algorithms(True)
            torch.set_num_threads(1)
            torch.set_float32_matmul_precision("medium")
        if how == "segfault":
            ctypes.string_at(0)
        if how == "abort":
            os.abort()
        if how == "exit":
            os._exit(7)
        if how == "sys-exit":
            sys.exit("enough")
        if how == "loop":
            while True:
                pass
        if how == "c-loop":
            ctypes.PyDLL(None).sleep(10_000)
        if how == "memory":
            torch.empty(1 << 50)
        if how == "flood":
            for _ in range(100):
                print("x" * 10_000)
        if how == "close" and self.calls == 1:
            for fd in (0, 1, 2):
                os.close(fd)
        if how == "grandchild":
            # Out of the process group and the session, and ignoring what can be ignored.
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)",
                    os.environ["FAULT_MARK"],
                ],
                start_new_session=True,
            )
            time.sleep(600)
        y = self.linear(x)
        if how == "nan":
            y = y.clone()
            y[0, 0] = float("nan")
        if how == "mutates":
            x.add_(1)
        if how == "inf":
            y = y / torch.zeros(1)
        if how == "dtype":
            y = y.round().to(torch.int64)
        if how == "empty":
            y = y[:0]
        if how == "random":
            y = y + 1e-6 * torch.randn_like(y)
        if how == "zeros":
            y = torch.zeros_like(y)
        if how == "shape":
            y = y[:, :8]
        if how == "drift":
            y = y * (1 + 0.01 * self.calls)
        return y


class Faulty(harness.Model):
    name = "faulty"
    summary = "breaks on purpose"

    @dataclass(frozen=True)
    class Params:
        how: str = "none"

        def __post_init__(self):
            if self.how not in HOW:
                raise ValueError(f"how must be one of {', '.join(HOW)}")

    def build(self, params):
        if params.how == "build":
            raise RuntimeError("cannot build")
        if params.how == "no-module":
            return None
        module = Broken(params.how)
        if params.how == "state":
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(False)
        return module

    def inputs(self, params, batch_size):
        if params.how == "inputs":
            raise KeyError("inputs")
        if params.how == "no-inputs":
            return torch.randn(batch_size, 16)
        if params.how == "draws":
            return harness.Inputs(torch.full((batch_size, 16), time.time_ns() % 1e6))
        return harness.Inputs(torch.randn(batch_size, 16))


class Script(harness.Model):
    name = "script"
    summary = "a ScriptModule, which torch.compile passes through"

    def build(self, params):
        return torch.jit.trace(torch.nn.Linear(8, 8), torch.randn(2, 8))

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 8))


@harness.hookimpl
def harness_models():
    return [Faulty(), Script()]
