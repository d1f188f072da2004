"""The process in which a recorded trace is timed: an MLP of PyTorch, on orders of its parent.

    python -m benchmarks.record_worker FD [FD ...]

Imports, then forks one child for each descriptor of a socket, as a zygote does: what is forked from one
interpreter shares its layout, and another run of this command has another. A child reads one JSON object
a line and answers each with one: {"warm": s} calls the model for so many seconds and answers the median
time of a call; {"extra_ns": n} makes each call longer by n; {"time": n, "loops": k} answers with n
readings of k calls each; an empty line ends it.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import sys
import time
from typing import Any

THREADS = 1
BATCH, WIDTH = 64, 1024


class Work:
    """A model that is called, and can be made slower by a known time."""

    def __init__(self) -> None:
        import torch
        from torch import nn

        torch.set_num_threads(THREADS)
        torch.manual_seed(0)
        layers = [nn.Linear(512, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 512)]
        self.model = nn.Sequential(*layers).eval()
        self.inputs = torch.randn(BATCH, 512)
        self.inference = torch.inference_mode
        self.extra_ns = 0

    def readings(self, count: int, loops: int) -> list[int]:
        """The times of `loops` calls each."""
        found, clock = [], time.perf_counter_ns
        with self.inference():
            for _ in range(count):
                start = clock()
                for _ in range(loops):
                    self.model(self.inputs)
                    if self.extra_ns:
                        end = clock() + self.extra_ns
                        while clock() < end:
                            pass
                found.append(clock() - start)
        return found

    def warm(self, seconds: float) -> float:
        """The median time of a call of the second half, in ns."""
        found, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            found += self.readings(1, 1)
        return statistics.median(found[len(found) // 2 :])


def serve(fd: int) -> None:
    """Answers until the parent has had enough."""
    with socket.socket(fileno=fd) as connection, connection.makefile("rw", encoding="ascii") as lines:
        work = Work()
        for line in lines:
            order = json.loads(line or "null")
            if not order:
                return
            lines.write(json.dumps(_answer(work, order)) + "\n")
            lines.flush()


def _answer(work: Work, order: dict[str, Any]) -> Any:
    if "pid" in order:
        return os.getpid()
    if "warm" in order:
        return work.warm(order["warm"])
    if "extra_ns" in order:
        work.extra_ns = order["extra_ns"]
        return None
    start_ns = time.monotonic_ns()
    return [start_ns, work.readings(order["time"], order["loops"])]


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's threads would not survive the fork
    import torch  # noqa: F401

    fds = [int(word) for word in sys.argv[1:]]
    children = []
    for fd in fds:
        child = os.fork()
        if not child:
            for other in fds:
                if other != fd:
                    os.close(other)
            serve(fd)
            os._exit(0)
        children.append(child)
    for fd in fds:
        os.close(fd)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
