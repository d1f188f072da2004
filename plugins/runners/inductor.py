"""What both ways to inductor share: imports before a fork, and when weights become constants."""

from __future__ import annotations

import contextlib
import os
import shutil

import harness


def preload(devices: frozenset[str]) -> None:
    """The compiler's imports, and what it finds out of the processor, once and not in every cold start."""
    import torch
    import torch._dynamo

    if torch.version.cuda is None and torch.version.hip is None:
        # With a GPU build this import starts the device, after which a fork is of no use.
        import torch._inductor.compile_fx
    if "cpu" in devices:
        # Compiles a few lines of C++ to find out what the processor can do, which takes seconds
        # (a minute on some) and would be part of every cold start. No reason to fail.
        with contextlib.suppress(Exception):
            from torch._inductor import cpu_vec_isa

            cpu_vec_isa.pick_vec_isa()


def compiler_missing() -> str | None:
    """Why nothing can be compiled here, if so: inductor writes C++ and has a compiler translate it."""
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    if any(shutil.which(name) for name in names):
        return None
    said = " or ".join(names)
    return f"inductor needs a C++ compiler, and there is no {said}: install g++, or try -r eager"


def freezes(work: harness.Work) -> bool:
    """Whether weights become constants of the code: if asked for, and for int8 on the CPU, where inductor
    knows integer products for constant weights alone.
    """
    return bool(work.options.freezing) or (work.precision.how == "quantised" and work.device.type == "cpu")
