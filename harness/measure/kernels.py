"""Which kernels the CPU's libraries say they ran: oneDNN and MKL, by their verbose output.

Both print to the process's standard output, so that is led into a file meanwhile. Only processes that time
nothing do this.
"""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from harness.records.anatomy import KernelUse

_FORMAT = re.compile(r"(?:^|[\s,])(src|wei|dst)\w*?[_:]([a-z]+\d\w*)(?=:)")
_MKL = re.compile(r"^MKL_VERBOSE (\w+)\(.*?\)\s+([\d.]+)(ns|us|ms|s)\b")
_IN_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


def kernels(call: Callable[[], object], calls: int = 1) -> list[KernelUse]:
    """What ran in `calls` calls, for one of them, the most expensive first."""
    import torch

    mkldnn, mkl = torch.backends.mkldnn, torch.backends.mkl
    # The first call of a shape may create primitives, which is told as well, and reorder weights.
    with tempfile.TemporaryFile() as file:
        _flush()
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with mkldnn.verbose(mkldnn.VERBOSE_ON), mkl.verbose(mkl.VERBOSE_ON):  # type: ignore[no-untyped-call]
                for _ in range(calls):
                    call()
        finally:
            _flush()
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        lines = file.read().decode("utf-8", "replace").splitlines()
    return summed([*onednn(lines), *mkl_calls(lines)], calls)


def _flush() -> None:
    """The libraries print through C's buffers, which Python does not flush."""
    ctypes.CDLL(None).fflush(None)


def onednn(lines: Iterable[str]) -> list[KernelUse]:
    """`onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_bf16,undef,src:bf16...,...,0.42`.

    The fields before `exec` and after the implementation differ between versions.
    """
    found = []
    for line in lines:
        fields = line.split(",")
        if not fields[0].startswith(("onednn_verbose", "dnnl_verbose")) or "exec" not in fields:
            continue
        at = fields.index("exec")
        if len(fields) < at + 5:
            continue
        primitive, name = fields[at + 2], fields[at + 3] or fields[at + 2]  # some kernels have no name
        if primitive == "reorder":
            name = f"reorder {name}"
        try:
            ms = float(fields[-1])
        except ValueError:
            continue
        formats = " ".join(kind for _, kind in _FORMAT.findall(line))
        found.append(KernelUse("oneDNN", name, 1, ms, formats))
    return found


def mkl_calls(lines: Iterable[str]) -> list[KernelUse]:
    """`MKL_VERBOSE SGEMM(N,N,...) 1.23ms CNR:OFF ...`."""
    found = []
    for line in lines:
        match = _MKL.match(line)
        if match:
            name, value, unit = match.groups()
            found.append(KernelUse("MKL", name, 1, float(value) * _IN_MS[unit]))
    return found


def summed(uses: Iterable[KernelUse], calls: int) -> list[KernelUse]:
    """Identical ones together, of one call."""
    counts: Counter[tuple[str, str, str]] = Counter()
    times: dict[tuple[str, str, str], float] = defaultdict(float)
    for use in uses:
        key = (use.library, use.name, use.formats)
        counts[key] += 1
        times[key] += use.ms or 0.0
    found = [
        KernelUse(library, name, n / calls, times[library, name, formats] / calls, formats)
        for (library, name, formats), n in counts.items()
    ]
    return sorted(found, key=lambda k: -(k.ms or 0.0))
