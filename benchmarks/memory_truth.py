"""Is a mebibyte a mebibyte? Blocks of known size, held for 5 ms, in the child of a fat parent."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks.publish import Result, Target, parser, publish, table

SIZES_MIB = (1, 100, 1000)
ROUNDS, QUICK_ROUNDS = 7, 2
FAT_MIB = 300
_CHILD = """
import json, mmap, os, sys, time
fat = bytearray({fat} << 20)
pid = os.fork()
if pid:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
from harness import MemoryTracker
with MemoryTracker("cpu") as tracker:
    block = mmap.mmap(-1, {size} << 20)
    for offset in range(0, {size} << 20, 4096):
        block[offset] = 1
    time.sleep(0.005)
    block.close()
print(json.dumps([tracker.host.delta, tracker.host.rise]), flush=True)
os._exit(0)
"""


def seen_mib(size: int) -> tuple[float, float]:
    """(what stayed, how far it rose), in a process that was forked from one of 300 MiB."""
    text = _CHILD.format(fat=FAT_MIB, size=size)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    stayed, rose = json.loads(done.stdout)
    return float(stayed), float(rose)


def main() -> int:
    options = parser("memory_truth", (__doc__ or "").partition("\n")[0])
    given = options.parse_args()
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    found = {size: [seen_mib(size) for _ in range(rounds)] for size in SIZES_MIB}
    rows, targets = [], []
    for size, seen in found.items():
        worst = max((abs(rose - size) for _, rose in seen))
        limit = max(1.0, size / 100)
        rows.append(
            [
                f"{size} MiB",
                f"{statistics.median(rose for _, rose in seen):.2f}",
                f"{worst:.2f}",
                f"{max(abs(stayed) for stayed, _ in seen):.2f}",
            ]
        )
        targets.append(
            Target(f"{size} MiB: largest error", worst <= limit, f"{worst:.2f} MiB", f"{limit:g} MiB")
        )
    result = Result(
        name="memory_truth",
        title="Is a mebibyte a mebibyte?",
        question=f"A block of known size is touched, held for 5 ms and given back, {rounds} times each.",
        tables=[table(["block", "peak seen, MiB", "largest error, MiB", "left over, MiB"], rows)],
        notes=[
            f"Each is a process of its own, forked from one that holds {FAT_MIB} MiB, which must not show.",
            "`harness.MemoryTracker` is what `harness run` and `harness infer` measure memory with.",
        ],
        targets=targets,
        figures={"mib": {str(k): v for k, v in found.items()}},
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
