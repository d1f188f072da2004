"""Is anything that was measured ever lost? Runs that are killed at a random moment, and taken up again.

Each run measures three cases twice, and is killed by SIGKILL at a moment drawn from the time that a whole run
takes: the parent alone, the child that is measuring, the waiting processes that children are forked from, or
all of them at once. Then `harness run --resume` goes on, until the run is finished. Counted are finished
samples that were on the disk and are gone, replicates that count twice, moments at which the run's file could
not be read, and processes and temporary files that are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.publish import Result, Target, environment, harness_command, parser, progress, publish, table
from harness.errors import StoreError
from harness.store import runfile

RUNS, QUICK_RUNS = 200, 8
KINDS = ("parent", "child", "zygote", "all")
MODEL = """
import harness
import torch


class Small(harness.Model):
    name = "small"
    summary = "one layer"

    def build(self, params):
        return torch.nn.Linear(16, 16)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 16))


@harness.hookimpl
def harness_models():
    yield Small()
"""
ASKED = (
    *("--plugin", "small.py", "-m", "small", "-b", "1,2,3", "--passes", "2"),
    *("--no-memory", "--no-anatomy", "--format", "json"),
)
TOGETHER = 2
"""Trials at a time: nothing is timed here."""
EXPECTED = 6
"""Replicates of a whole run."""
MARK = "BENCHMARK_KILL_MARK"
GONE_S = 5.0
"""So long after a kill nothing may be left."""
_LIMIT_S = 300.0
_SIGNALS = 3
"""A run that is still not finished after so many resumptions is stuck."""


@dataclass
class Told:
    """What came of one run."""

    kind: str
    moment_s: float
    before: int = 0
    """Finished samples on the disk when it was killed."""
    lost: int = 0
    doubled: int = 0
    unreadable: int = 0
    left: list[str] = field(default_factory=list)
    finished: bool = False
    said: str = ""


def family(pid: int) -> dict[int, list[int]]:
    """Parent -> children, of a process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: dict[int, list[int]] = {pid: []}
    grown = True
    while grown:
        grown = False
        for one, parent in parents.items():
            if parent in found and one not in found:
                found[one] = []
                found[parent].append(one)
                grown = True
    return found


def kill(pid: int, kind: str) -> None:
    """Kills the parent, the youngest below it, the processes right below it, or all."""
    tree = family(pid)
    below = [p for p in tree if p != pid]
    chosen = {
        "parent": [pid],
        "child": [p for p in below if not tree[p] and p not in tree[pid]],
        "zygote": tree[pid],
        "all": [pid, *below],
    }[kind]
    for one in chosen or [pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """Processes that carry the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


class Trial:
    """One run in a folder of its own."""

    def __init__(self, base: Path, number: int) -> None:
        self.folder = base / f"run-{number}"
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir(parents=True)
        (self.folder / "small.py").write_text(MODEL)
        self.mark = f"{os.getpid()}-{number}"
        self.variables = {
            **environment(base),
            MARK: self.mark,
            "TMPDIR": str(self.temporary),
            "HARNESS_LOCKS": str(self.folder),
        }

    @property
    def file(self) -> Path | None:
        return next((self.folder / "results" / "benchmarks").glob("*.jsonl"), None)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        with log:
            return subprocess.Popen(
                [harness_command(), "run", *words, "--no-lock"],
                cwd=self.folder,
                env=self.variables,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def good(self) -> Counter[tuple[str, int]] | None:
        """(case, replicate) -> how often the file holds a good sample of it; None if it cannot be read."""
        if self.file is None:
            return Counter()
        try:
            runfile.read(self.file)
        except StoreError:
            # The header is the first thing that is written: before it there is no run.
            return Counter() if not self.file.read_bytes().count(b"\n") else None
        found: Counter[tuple[str, int]] = Counter()
        for line in self.file.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "sample" and event.get("status") == "ok":
                    found[event["case"], event["replicate"]] += 1
        return found

    def left(self, files: bool) -> list[str]:
        """What is still there after some seconds: processes and, if asked for, temporary files."""

        def found() -> list[str]:
            there = list(self.temporary.iterdir()) if files else []
            return [f"process {p}" for p in marked(self.mark)] + [f"file {p.name}" for p in there]

        end = time.monotonic() + GONE_S
        while found() and time.monotonic() < end:
            time.sleep(0.05)
        return found()


def tried(trial: Trial, kind: str, moment_s: float) -> Told:
    """A run that is killed, and taken up again until it is finished."""
    told = Told(kind, moment_s)
    run = trial.start(*ASKED)
    end = time.monotonic() + moment_s
    while time.monotonic() < end and run.poll() is None:
        told.unreadable += trial.good() is None
        time.sleep(0.05)
    if run.poll() is None:
        kill(run.pid, kind)
    run.wait(_LIMIT_S)
    told.left += trial.left(files=kind != "all")  # what removes them is killed as well
    before = trial.good()
    told.unreadable += before is None
    before = before or Counter()
    told.before = sum(before.values())
    for _ in range(_SIGNALS):
        words = ("--resume", "latest", "--retry-failed") if trial.file and trial.good() is not None else ASKED
        if trial.file is not None and not trial.file.read_bytes().count(b"\n"):
            trial.file.unlink()  # killed before the header was there: there is no run yet
            words = ASKED
        code = trial.start(*words).wait(_LIMIT_S)
        if code == 0:
            break
    after = trial.good()
    told.unreadable += after is None
    after = after or Counter()
    told.lost = sum((before - after).values())
    told.doubled = sum(count - 1 for count in after.values())
    stored = runfile.read(trial.file) if trial.file and after else None
    told.finished = (
        stored is not None
        and stored.ended is not None
        and stored.ended.status == "finished"
        and len(after) == EXPECTED
    )
    told.left += trial.left(files=True)
    if not told.finished:
        told.said = (trial.folder / "log").read_text("utf-8", "replace")[-500:]
    return told


def main() -> int:
    options = parser("kill", __doc__.partition("\n")[0])
    options.add_argument("runs", type=int, nargs="?", help=f"{RUNS} by default")
    given = options.parse_args()
    count = given.runs or (QUICK_RUNS if given.quick else RUNS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    draw = random.Random(seed)
    results: list[Told] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        base = Path(name)
        subprocess.run([harness_command(), "list"], env=environment(base), capture_output=True, check=True)
        began = time.monotonic()
        whole = Trial(base, 0)
        if whole.start(*ASKED).wait(_LIMIT_S) != 0:
            raise SystemExit("error: a run that nobody kills fails\n" + (whole.folder / "log").read_text())
        length = time.monotonic() - began
        drawn = [
            (number, KINDS[number % len(KINDS)], draw.uniform(0.0, length)) for number in range(1, count + 1)
        ]
        with ThreadPoolExecutor(TOGETHER) as pool:
            trials = pool.map(lambda one: tried(Trial(base, one[0]), *one[1:]), drawn)
            for number, told in enumerate(trials, 1):
                results.append(told)
                progress(
                    f"{number} of {count}: {told.kind} after {told.moment_s:.2f} s, "
                    f"{told.before} were there, {_word(told)}"
                )
    return publish(_result(results, length, seed, given.quick), given.output)


def _word(told: Told) -> str:
    if told.finished and not (told.lost or told.doubled or told.left or told.unreadable):
        return "all well"
    return (
        f"lost {told.lost}, twice {told.doubled}, unreadable {told.unreadable}, left {told.left} {told.said}"
    )


def _result(results: list[Told], length: float, seed: int, quick: bool) -> Result:
    rows = []
    for kind in (*KINDS, "any"):
        chosen = [r for r in results if kind in (r.kind, "any")]
        rows.append(
            [
                kind,
                str(len(chosen)),
                str(sum(r.before for r in chosen)),
                str(sum(r.lost for r in chosen)),
                str(sum(r.doubled for r in chosen)),
                str(sum(r.unreadable for r in chosen)),
                str(sum(len(r.left) for r in chosen)),
                str(sum(r.finished for r in chosen)),
            ]
        )
    total = rows[-1]
    head = (
        "killed",
        "runs",
        "samples on the disk",
        "lost",
        "measured twice",
        "unreadable",
        "left behind",
        "finished",
    )
    return Result(
        name="kill",
        title="Killed runs",
        question="Is anything that was measured ever lost?",
        tables=[table(head, rows)],
        notes=[
            f"Killed by SIGKILL at a moment drawn evenly from the {length:.1f} s that a whole run takes: the "
            "parent alone, the child that measures, the waiting processes that children are forked from, or "
            "all at once. Nothing may be left some seconds later; of temporary files only those whose keeper "
            "was killed as well may wait for the next run.",
            "Taken up again by `harness run --resume latest --retry-failed` until it is finished.",
        ],
        targets=[
            Target("finished samples lost", total[3] == "0", total[3], "0"),
            Target("samples measured twice", total[4] == "0", total[4], "0"),
            Target("the file can be read throughout", total[5] == "0", f"{total[5]} times not", "always"),
            Target("nothing is left behind", total[6] == "0", total[6], "0"),
            Target("every run is finished", total[7] == total[1], f"{total[7]} of {total[1]}", "all"),
        ],
        figures={"order_seed": seed, "whole_run_s": length, "runs": [vars(r) for r in results]},
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())
