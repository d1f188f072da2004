"""The seed's method made honest: this process measures one cell and ends.

Run as `python -m benchmarks.peers.honest_method CELL THREADS`, with a compiler cache that no other
cell has touched (TORCHINDUCTOR_CACHE_DIR). Warm-up and timed calls use the same number of threads.
"""

from __future__ import annotations

import sys

from benchmarks.peers import wire


def main() -> None:
    out = wire.answers()
    import torch

    from benchmarks.peers.method import measure

    threads = int(sys.argv[2])
    torch.set_num_threads(threads)
    wire.answer(out, sys.argv[1], lambda cell: measure(cell, timer_threads=threads))


if __name__ == "__main__":
    main()
