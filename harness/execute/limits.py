"""What a child process of the harness is held to, set by itself before it runs anybody's code."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile

try:
    import resource
except ImportError:  # no POSIX
    resource = None  # type: ignore[assignment]

FIRST_VICTIM = 1000
"""The highest score there is: under want of memory the kernel ends this process before any other."""
NO_ANSWERS = 74
"""The exit code of a child whose pipe for answers does not work any more."""
OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|cannot allocate memory"
    r"|failed to allocate memory|std::bad_alloc|bad allocation|CUDA_ERROR_OUT_OF_MEMORY",
    re.IGNORECASE,
)
"""What libraries say when an allocator has given up."""
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def contain(temporary: str) -> None:
    """No core dumps, the first to go when memory is short, and a folder for temporary files that goes with
    the process.

    Both are inherited by all that the process starts.

    Args:
        temporary: the folder; made if it is not there.
    """
    if resource is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where a container forbids it, the kernel chooses by size: this process is mostly the largest, too.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(FIRST_VICTIM))
    with contextlib.suppress(OSError):
        os.makedirs(temporary, exist_ok=True)
        os.environ["TMPDIR"] = temporary
        tempfile.tempdir = None


def hold_memory(limit: int | None, rlimit: bool) -> None:
    """Refuses memory beyond a limit where it is asked for.

    By RLIMIT_DATA, which counts what the process may write to and shares with nobody, as soon as it is
    reserved. (RLIMIT_AS would count code and files that are mapped, too, and RLIMIT_RSS does nothing.) What
    is shared and what other processes of the case hold, the parent watches (`harness.execute.watch`).

    Args:
        limit: bytes; None for no limit.
        rlimit: False where drivers reserve far more than they use: there the parent alone watches.
    """
    if limit is None or not rlimit or resource is None:
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def size_text(size: float) -> str:
    """Bytes as a person writes them: `1.5 GiB`."""
    unit = next((u for u in ("TiB", "GiB", "MiB", "KiB") if size >= UNITS[u]), "B")
    return f"{size / UNITS[unit]:.3g} {unit}"
