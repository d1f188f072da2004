"""What a new page of memory costs: the kernel takes it, clears it and maps it when it is first touched."""

from __future__ import annotations

import ctypes
import mmap
import time

_MIB = 1 << 20
_FAULTED_MIB = 16
_TRIES = 5


def fault_us() -> float | None:
    """Microseconds for one page: memory written for the first time less the same written again, the best of
    some tries; None where that is no more than nothing.
    """
    count = _FAULTED_MIB * _MIB
    found = []
    for _ in range(_TRIES):
        memory = mmap.mmap(-1, count)
        view = (ctypes.c_char * count).from_buffer(memory)
        times = []
        for _ in range(2):
            start = time.perf_counter()
            ctypes.memset(ctypes.addressof(view), 1, count)
            times.append(time.perf_counter() - start)
        del view
        memory.close()
        found.append((times[0] - times[1]) / (count / mmap.PAGESIZE) * 1e6)
    return min(found) if min(found) > 0 else None
