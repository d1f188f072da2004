"""Does a sweep come to its end by itself when every third case breaks, each in another way?

200 cases, of which 134 are sound: two small models at many batch sizes. The others are the broken models of
the tests, which fail in every way that a model, its process or a runner can. Nobody looks after it. Counted
are cases that were measured right, broken ones that got a status and a reason, and what is left behind.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.publish import (
    ROOT,
    Result,
    Target,
    environment,
    harness_command,
    parser,
    progress,
    publish,
    table,
)

CASES, QUICK_CASES = 200, 30
SOUND = ("mlp:hidden_dim=64", "unruly:does=nothing")
FAULTY = (
    *(
        "build",
        "no-module",
        "inputs",
        "no-inputs",
        "forward",
        "first",
        "thousandth",
        "recursion",
        "interrupt",
    ),
    *("segfault", "abort", "core", "illegal", "killed", "exit", "sys-exit", "weights", "draws", "loop"),
    *("c-loop", "memory", "grandchild", "nan", "inf", "zeros", "shape", "empty", "nothing", "dtype"),
    *("drift", "mutates"),
)
UNRULY = (
    *("deaf", "deadlock", "stop", "kill-parent", "kill-group", "close-pipes", "garbage", "half-a-message"),
    *("endless-garbage", "spread", "shared-and-crash", "host-memory", "memory-of-children"),
    "shared-memory-without-end",
)
RUNNER = ("load", "load-crash", "nothing", "build")
ELSEWHERE = ("forward", "segfault", "exit", "loop", "recursion", "illegal", "killed", "nan", "sys-exit")
"""The same in other places: while ONNX Runtime's file is made, and in another precision."""
PLUGINS = tuple(ROOT / "tests" / "plugins" / name for name in ("faulty.py", "unruly.py"))
SHARED = Path("/dev/shm")
OURS = re.compile(r"^(psm_|torch_|sem\.)")
"""What Python, torch and the C library call a segment; others may make some of their own meanwhile."""
GONE_S = 10.0
_LIMIT_S = 7200.0


def faults() -> Iterator[dict[str, str]]:
    """Axes of a case that breaks, each in another way."""
    first = [
        [{"model": f"faulty:how={how}"} for how in FAULTY],
        [{"model": f"unruly:does={does}"} for does in UNRULY],
        [{"model": SOUND[0], "runner": f"bad-runner:at={at}"} for at in RUNNER],
        [{"model": f"faulty:how={how}", "runner": "onnxruntime"} for how in ELSEWHERE],
        [{"model": f"faulty:how={how}", "precision": "bf16-true"} for how in ELSEWHERE],
    ]
    # Taken in turn, so that a shortened sweep has some of each.
    for some in itertools.zip_longest(*first):
        yield from (one for one in some if one)


def suite(count: int) -> tuple[str, set[str]]:
    """The text of a suite of so many cases, and the models of the broken ones."""
    broken, lines, used = faults(), [f'summary = "{count} cases, every third of which breaks"'], set()
    sizes = itertools.count(1)
    for number in range(count):
        axes = {"model": SOUND[number % 2], "batch_size": next(sizes)}
        if number % 3 == 2:
            axes = {"batch_size": 4, **next(broken)}
            used.add(f"{axes['model']} {axes.get('runner', '')} {axes.get('precision', '')}")
        lines.append("\n[[matrix]]")
        whole: dict[str, Any] = {"runner": "eager", "precision": "fp32", **axes}
        lines += [f"{axis} = [{json.dumps(value)}]" for axis, value in whole.items()]
    return "\n".join(lines) + "\n", used


def segments() -> set[str]:
    """Names of what there is of shared memory, semaphores included."""
    return set(os.listdir(SHARED)) if SHARED.is_dir() else set()


def is_sound(record: dict[str, Any]) -> bool:
    params = record["case"]["params"]
    return record["case"]["runner"] == "eager" and (
        record["case"]["model"] == "mlp" or params.get("does") == "nothing"
    )


def left(mark: str, temporary: Path, shared: set[str]) -> list[str]:
    """Processes of the sweep that are still there some seconds later, its temporary files, shared memory."""

    def found() -> list[str]:
        there = [f"file {p.name}" for p in temporary.iterdir()]
        there += [f"shared memory {n}" for n in segments() - shared if OURS.search(n) or mark in n]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if f"FAULT_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                        there.append(f"process {entry.name}")
        return there

    end = time.monotonic() + GONE_S
    while found() and time.monotonic() < end:
        time.sleep(0.1)
    return found()


def main() -> int:
    options = parser("unattended", __doc__.partition("\n")[0])
    given = options.parse_args()
    count = QUICK_CASES if given.quick else CASES
    mark = f"unattended-{uuid.uuid4()}"
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        base, temporary = Path(name), Path(name) / "tmp"
        temporary.mkdir()
        text, broken = suite(count)
        (base / "sweep.toml").write_text(text)
        shared = segments()
        progress(f"{count} cases, {len(broken)} of which break; this takes some minutes")
        began = time.monotonic()
        done = subprocess.run(
            [
                *(harness_command(), "run", "--suite", "sweep.toml", "--baseline", "none", "--passes", "1"),
                *(x for p in PLUGINS for x in ("--plugin", str(p))),
                *(
                    "--timeout",
                    "30",
                    "--threads",
                    "1",
                    "--memory-limit",
                    "1GiB",
                    "--no-memory",
                    "--no-anatomy",
                    "--no-lock",
                ),
            ],
            cwd=base,
            env={**environment(base), "FAULT_MARK": mark, "TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        took = time.monotonic() - began
        remains = left(mark, temporary, shared)
        files = list((base / "results" / "benchmarks").glob("*.json"))
        if not files:
            raise SystemExit("error: there is no report\n" + done.stderr[-2000:])
        report = json.loads(files[0].read_text())
    return publish(_result(report, done, took, remains, given.quick), given.output)


def _result(
    report: dict[str, Any],
    done: subprocess.CompletedProcess[str],
    took: float,
    remains: list[str],
    quick: bool,
) -> Result:
    records = report["records"]
    sound = [r for r in records if is_sound(r)]
    broken = [r for r in records if not is_sound(r)]
    right = [r for r in sound if r["status"] == "ok" and r["verification"]["passed"] and r["latency_ms"]]
    told = [r for r in broken if r["status"] != "ok" and r["reason"] and "\n" not in r["reason"]]
    fast = [r for r in broken if r["best"]]
    statuses = Counter(r["status"] for r in broken)
    rows = [[status.replace("_", " "), str(number)] for status, number in statuses.most_common()]
    end = done.stdout[done.stdout.find(f"{len(records)} cases: ") :]
    ways = re.sub(r"/\S+/", "", end)
    return Result(
        name="unattended",
        title="An unattended sweep",
        question="Does a sweep come to its end by itself when every third case breaks, each in another way?",
        tables=[
            table(["how broken cases ended", "cases"], rows),
            f"What the report says under its tables:\n\n```text\n{ways.strip()}\n```",
        ],
        notes=[
            f"{len(records)} cases in {took / 60:.0f} minutes: {len(sound)} sound ones, and {len(broken)} "
            "that break: models that raise, crash, hang, lie or draw at random, processes that spread, "
            "attack their surroundings or take memory without end, a runner that cannot load.",
            "`--timeout 30 --threads 1 --memory-limit 1GiB --passes 1`; nobody looked after it.",
        ],
        targets=[
            Target(
                "it comes to its end",
                report["run"]["status"] == "finished" and done.returncode == 3,
                f"{report['run']['status']}, exit code {done.returncode}",
                "finished, exit code 3",
            ),
            Target("sound cases measured right", right == sound, f"{len(right)} of {len(sound)}", "all"),
            Target(
                "broken cases with a status and a reason of one line",
                told == broken,
                f"{len(told)} of {len(broken)}",
                "all",
            ),
            Target("broken cases called the best", not fast, str(len(fast)), "0"),
            Target("no traceback", "Traceback" not in done.stderr, str(done.stderr.count("Traceback")), "0"),
            Target(
                "processes, temporary files and shared memory left",
                not remains,
                "; ".join(remains) or "0",
                "0",
            ),
        ],
        figures={
            "seconds": round(took),
            "records": [
                {"case": f"{r['label']['model']} {r['label']['runner']} {r['case']['precision']}"}
                | {k: r[k] for k in ("status", "reason")}
                for r in broken
            ],
        },
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())
