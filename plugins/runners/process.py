"""Settings of the whole process that change how fast the same operators run on the CPU."""

from __future__ import annotations

import ctypes
from typing import Any

import harness

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Of mallopt(3)."""
_SHARE = 1 << 16
"""Elements for each thread: torch splits nothing smaller than half of this."""


def keep_memory() -> None:
    """The allocator keeps what is freed and takes large blocks from the heap, too.

    By default glibc asks the kernel for every block of more than some MiB and gives it back when it is
    freed, so that each call touches new pages.

    Raises:
        Unsupported: the C library has no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        raise harness.Unsupported("this C library has no mallopt: try -r eager") from None
    if not (mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1)):
        raise harness.Unsupported("this C library keeps its allocator as it is: try -r eager")


def built_alone(work: harness.Work) -> Any:
    """The module, built by this thread alone.

    Threads of a pool take their mode from the one that starts them. So the pool must not have been started
    before the mode is set, and the weights must have been drawn by then: they would be flushed, too.
    """
    import torch

    torch.set_num_threads(1)
    module = work.module
    torch.set_num_threads(work.threads)
    return module


def flush_denormals() -> None:
    """Numbers too small to be normal count as zero, in every thread that computes: this is tried.

    Raises:
        Unsupported: the processor has no such mode, or some threads were started before.
    """
    import torch

    if not torch.set_flush_denormal(True):
        raise harness.Unsupported("this processor cannot flush subnormal numbers: try -r eager")
    # Written as bits: as a number it would be flushed on its way. Every thread gets a share.
    subnormal = torch.full((torch.get_num_threads() * _SHARE,), 1, dtype=torch.int32).view(torch.float32)
    if torch.count_nonzero((subnormal * 1.0).view(torch.int32)):
        raise harness.Unsupported("threads had been started before the mode was set: try --threads 1")
