"""The seed's own method as it was written: all cells in one process, one after the other.

Says `{}` once torch is imported, then reads cells as JSON lines and answers each; the process lives on
between them and keeps everything that torch keeps: allocator pools, compiled code, recompile limits.
Timer's number of threads is left at its default, one, while the warm-up calls use all, as the seed has
it.
"""

from __future__ import annotations

import sys

from benchmarks.peers import wire


def main() -> None:
    out = wire.answers()
    from benchmarks.peers.method import measure

    out.write("{}\n")
    out.flush()
    for line in sys.stdin:
        wire.answer(out, line, lambda cell: measure(cell, timer_threads=None))


if __name__ == "__main__":
    main()
