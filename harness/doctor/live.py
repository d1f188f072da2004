"""A second of watching: what runs here now, and how one busy thread fares beside it."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from harness.analyse.noise import summary
from harness.measure.audit import Audit
from harness.measure.canary import Canary
from harness.records.doctor import Live
from harness.records.noise import BlockNoise

SECONDS = 1.0
BLOCKS = 10
_MOST_TITLE = 40


@dataclass(frozen=True)
class Process:
    """Another process, and the share of one processor it used."""

    pid: int
    name: str
    cpu: float


def watch(seconds: float = SECONDS, proc: Path = Path("/proc")) -> tuple[Live, list[Process]]:
    """Audits blocks in which one thread is busy, and finds the processes that were busy meanwhile."""
    canary = Canary()
    audit = Audit(canary=canary)
    before = _processes(proc)
    start = time.perf_counter()
    blocks, canaries = [], []
    for _ in range(BLOCKS):
        audit.before()
        canaries.append(canary.latest_s)
        _spin(seconds / BLOCKS)
        blocks.append(audit.after())
    wall_s = time.perf_counter() - start
    return _live(blocks, canaries, wall_s), _busy(before, _processes(proc), wall_s)


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def _live(blocks: list[BlockNoise], canaries: list[float], wall_s: float) -> Live:
    found = summary(blocks)
    assert found is not None
    return Live(
        seconds=wall_s,
        noise=found,
        steal=_mean(blocks, "steal"),
        run_delay=_mean(blocks, "run_delay"),
        pressure=_mean(blocks, "pressure"),
        others_cpu=_mean(blocks, "others_cpu"),
        throttled_s=_sum(blocks, "throttled_s"),
        canary_spread=max(canaries) / min(canaries) - 1,
    )


def _sum(blocks: list[BlockNoise], name: str) -> float | None:
    values = [getattr(b, name) for b in blocks]
    return None if any(v is None for v in values) else math.fsum(values)


def _mean(blocks: list[BlockNoise], name: str) -> float | None:
    total = _sum(blocks, name)
    return None if total is None else total / len(blocks)


def _processes(proc: Path) -> dict[int, tuple[str, str, int]]:
    """Of every process: name, when it began, ticks of processor time so far."""
    found = {}
    for folder in proc.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(errors="replace")
        except OSError:
            continue
        # The name is in brackets and may hold anything, brackets too.
        name = _title(folder, text[text.find("(") + 1 : text.rfind(")")])
        words = text[text.rfind(")") + 1 :].split()
        if len(words) > 19:
            found[int(folder.name)] = (name, words[19], int(words[11]) + int(words[12]))
    return found


def _busy(
    before: dict[int, tuple[str, str, int]], after: dict[int, tuple[str, str, int]], wall_s: float
) -> list[Process]:
    """The other processes, the busiest first; those that used nothing are left out."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = []
    for pid, (name, began, used) in after.items():
        _, same, earlier = before.get(pid, (name, began, 0))
        cpu = (used - (earlier if same == began else 0)) / ticks / wall_s
        if pid != os.getpid() and cpu > 0:
            found.append(Process(pid, name, cpu))
    return sorted(found, key=lambda p: (-p.cpu, p.pid))


def _title(folder: Path, name: str) -> str:
    """`python -m pytest` tells more than `python`; more of the command line could hold secrets."""
    try:
        words = (folder / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return name
    start = " ".join([words[0].rpartition("/")[2], *words[1:3]]).strip()
    return start[:_MOST_TITLE] or name
