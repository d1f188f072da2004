"""Many comparisons of the same kind, one after the other, counted: what A/A and power have in common.

A campaign may be stopped at any moment and goes on where it was: each finished comparison is one line in
a file that is kept in the repository, so that anyone can count again or add to it. Each is a process of
`harness compare` of its own, as a user would call it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.publish import ROOT, harness_command, load_average, parser, progress
from harness.compare.rule import MODES

KEPT = ROOT / "results" / "reference" / "campaigns"
PLUGIN = Path(__file__).with_name("slowed_model.py")
QUIET, NEIGHBOUR = "quiet", "neighbour"


@dataclass(frozen=True)
class Finished:
    """One comparison of a campaign."""

    at: str
    condition: str
    """Whether a neighbour was at work: `quiet` or `neighbour`."""
    mode: str
    by: float
    """The share by which the new side was slowed."""
    word: str
    material: bool
    ratio: float
    low: float | None
    high: float | None
    pairs: int
    reason: str | None
    noise: str | None
    seconds: float
    base_ms: float
    load_before: float


@contextmanager
def neighbour(condition: str) -> Iterator[None]:
    """A process that keeps one core busy, on and off as neighbours do, if the condition asks for it."""
    if condition == QUIET:
        yield
        return
    text = (
        "import random, time\n"
        "while True:\n"
        "    end = time.monotonic() + random.expovariate(1 / 2)\n"
        "    while time.monotonic() < end: pass\n"
        "    time.sleep(random.expovariate(1 / 2))\n"
    )
    hog = subprocess.Popen([sys.executable, "-c", text])
    try:
        yield
    finally:
        hog.kill()
        hog.wait()


def one(by: float, mode: str, condition: str, width: int, batch: int) -> Finished:
    """One comparison, in a folder of its own that is gone afterwards.

    Raises:
        SystemExit: it ended without a verdict.
    """
    load = load_average()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder, neighbour(condition):
        words = [harness_command(), "compare", "--plugin", str(PLUGIN), "-b", str(batch), "-d", "cpu"]
        words += ["-m", f"slowed:width={width}", "--new", f"model=slowed:width={width},by={by}"]
        words += ["--mode", mode, "--format", "json", "--results", folder, "--wait"]
        words += ["--seed", str(int.from_bytes(os.urandom(3), "big"))]
        done = subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode != 0:
            raise SystemExit(f"error: a comparison ended with {done.returncode}\n{done.stderr}")
        report = json.loads(done.stdout)
    found = report["compared"][0]["latency"]
    if found is None:
        raise SystemExit(f"error: a comparison has no verdict\n{done.stderr}")
    return Finished(
        at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        condition=condition,
        mode=mode,
        by=by,
        word=found["word"],
        material=found["material"],
        ratio=found["ratio"],
        low=found["low"],
        high=found["high"],
        pairs=found["pairs"],
        reason=found["reason"],
        noise=report["comparison"]["noise"],
        seconds=time.monotonic() - begin,
        base_ms=report["compared"][0]["base"]["latency_ms"]["median"],
        load_before=load,
    )


def read(name: str) -> list[Finished]:
    """What was finished so far."""
    try:
        lines = (KEPT / f"{name}.jsonl").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Finished(**json.loads(line)) for line in lines if line.strip()]


def go_on(
    name: str, by: float, mode: str, condition: str, wanted: int, minutes: float, width: int, batch: int
) -> list[Finished]:
    """Adds comparisons until there are enough of this kind, or the time is up; all there are then."""
    KEPT.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * minutes
    last = 0.0
    while time.monotonic() + last < end:
        there = [f for f in read(name) if (f.condition, f.mode) == (condition, mode)]
        if len(there) >= wanted:
            break
        found = one(by, mode, condition, width, batch)
        last = found.seconds
        with (KEPT / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")
        text = f"{found.word}{' material' if found.material else ''} {found.ratio - 1:+.2%}"
        progress(
            f"{len(there) + 1} of {wanted}: {text}, {found.pairs} pairs, {found.seconds:.0f} s, {found.noise}"
        )
    return read(name)


@dataclass(frozen=True)
class Campaign:
    """What a call of a campaign came to."""

    finished: list[Finished]
    quick: bool
    output: Path | None


def from_command_line(name: str, summary: str, by: float, wanted: int) -> Campaign:
    """Goes on with a campaign as the command line says."""
    options = parser(name, summary)
    options.add_argument("--mode", default="standard", choices=tuple(MODES))
    options.add_argument("--neighbour", action="store_true", help="keep a core busy, on and off")
    options.add_argument("--count", type=int, default=wanted, help=f"of this kind; {wanted} by default")
    options.add_argument("--minutes", type=float, default=60.0, help="60 by default; begin none after")
    options.add_argument("--width", type=int, default=2048, help="of the model's layers")
    options.add_argument("--batch", type=int, default=64)
    given = options.parse_args()
    condition = NEIGHBOUR if given.neighbour else QUIET
    minutes = 1.0 if given.quick else given.minutes
    found = go_on(name, by, given.mode, condition, given.count, minutes, given.width, given.batch)
    return Campaign(found, given.quick, given.output)


def notes(name: str, several: Sequence[Finished], wanted: int, why: str) -> list[str]:
    """What a reader of either campaign needs to know."""
    left = {kind: max(0, wanted - len(those)) for kind, those in groups(several).items()}
    return [
        f"Wanted are {wanted} of each kind, {why}. Still to be made: "
        + ", ".join(f"{n} {' '.join(kind)}" for kind, n in left.items())
        + ".",
        "The bounds are Clopper and Pearson's, one-sided at 95 % each.",
        "A neighbour is a process that keeps a core busy for 2 s on average, and rests for 2 s.",
        f"Every comparison: results/reference/campaigns/{name}.jsonl.",
    ]


def groups(several: Sequence[Finished]) -> dict[tuple[str, str], list[Finished]]:
    """By mode and condition."""
    found: dict[tuple[str, str], list[Finished]] = {}
    for one_ in several:
        found.setdefault((one_.mode, one_.condition), []).append(one_)
    return dict(sorted(found.items()))
