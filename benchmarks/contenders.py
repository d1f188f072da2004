"""The three ways of measuring a slice of the suite `seed`, each timed from the outside."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.cells import COMPILE, Cell, Slice
from benchmarks.publish import ROOT, environment, harness_command
from harness import machine
from harness.records.events import OK
from harness.store import runfile
from harness.store.folder import Folder

CELL_TIMEOUT_S = 900.0
_LOOK_AT_PROCESSOR = "import torch._inductor.cpu_vec_isa as isa; isa.pick_vec_isa()"
HARNESS, HONEST, SEED = "harness", "honest", "seed"


@dataclass(frozen=True)
class CellCost:
    """What a contender spent on one cell, and what it knows of it."""

    cell: Cell
    wall_s: float
    found: dict[str, Any]


class Contender(Protocol):
    """One way of measuring; it may keep state from slice to slice."""

    def measure(self, part: Slice) -> tuple[float, list[CellCost]]:
        """The wall time of a slice (s), and the part of it that belongs to single cells."""

    def close(self) -> None:
        """Ends what it started."""


class HarnessContender:
    """`harness run --suite seed`: isolated, verified, three replicates, memory.

    Each slice is a run of its own, so that starting zygotes and planning are paid for once a slice,
    not once: that is to its disadvantage and stays in its cost. Its caches start out empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._variables = environment(folder)
        self._slices = 0
        self.emulated: set[str] = set()
        """Precisions that the device imitates, as the harness's plans say."""

    def measure(self, part: Slice) -> tuple[float, list[CellCost]]:
        self._slices += 1
        results = self._folder / f"results-{self._slices}"
        log = self._folder / f"harness-{self._slices}.log"
        axes = ["-m", ",".join(part.models), "-b", ",".join(map(str, part.batch_sizes))]
        axes += ["-p", ",".join(part.precisions)]
        words = [harness_command(), "run", "--suite", "seed", *axes, "--results", str(results)]
        with log.open("w") as file:
            start = time.perf_counter()
            done = subprocess.run(
                words, check=False, env=self._variables, cwd=self._folder, stdout=file, stderr=file
            )
            wall_s = time.perf_counter() - start
        # 3: some cases failed or were incorrect; they are counted and shown.
        if done.returncode not in (0, 3):
            raise RuntimeError(f"harness run ended with {done.returncode}: {log.read_text()[-2000:]}")
        return wall_s, self._costs(part, Folder(results))

    def _costs(self, part: Slice, results: Folder) -> list[CellCost]:
        run = runfile.read(results.run_path(results.ids()[-1]))
        costs = []
        for planned in run.header.plan.cases:
            case = planned.case
            cell = Cell(case.model, case.batch_size, case.precision, case.runner)
            if cell not in part.cells():
                raise RuntimeError(f"the harness measured another cell: {cell.text()}")
            if planned.emulated:
                self.emulated.add(case.precision)
            samples = [s for s in run.samples if s.case == planned.id]
            memory, built = run.memory.get(planned.id), run.built.get(planned.id)
            others_s = [x.seconds for x in (memory, built) if x]
            samples_s = sum(s.seconds for s in samples)
            found: dict[str, Any] = {
                "statuses": [s.status for s in samples],
                "verified": sum(bool(s.verification and s.verification.passed) for s in samples),
                "memory": bool(memory and memory.status == OK),
                "threads": case.threads,
                "samples_s": samples_s,
            }
            if case.runner == COMPILE:
                found["graphs"] = [int(s.facts.get("graphs", 0)) for s in samples]
            costs.append(CellCost(cell, samples_s + sum(others_s), found))
        return costs

    def close(self) -> None:
        pass


class HonestContender:
    """The seed's method with a fresh process and a fresh compiler cache for each cell.

    What inductor finds out about the processor by compiling a few test programs says nothing of a cell
    and takes several seconds, so it is found out once and lies in each fresh cache, as in the harness's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = (folder / "honest.log").open("w")
        self._processor = folder / "honest-processor"

    def measure(self, part: Slice) -> tuple[float, list[CellCost]]:
        once_s = 0.0 if self._processor.exists() else self._find_out()
        costs = [self._cell(cell) for cell in part.cells()]
        return once_s + sum(c.wall_s for c in costs), costs

    def _find_out(self) -> float:
        """Lets inductor look at the processor; the seconds it takes."""
        self._processor.mkdir()
        start = time.perf_counter()
        # Without a compiler it fails, and so will the cells, each with its reason.
        subprocess.run(
            [sys.executable, "-c", _LOOK_AT_PROCESSOR],
            check=False,
            env=environment(self._folder) | {"TORCHINDUCTOR_CACHE_DIR": str(self._processor)},
            stdout=self._log,
            stderr=self._log,
        )
        return time.perf_counter() - start

    def _cell(self, cell: Cell) -> CellCost:
        cache = shutil.copytree(self._processor, self._folder / "honest-cache")
        words = [sys.executable, "-m", "benchmarks.peers.honest_method"]
        start = time.perf_counter()
        try:
            done = subprocess.run(
                [*words, json.dumps(cell.data()), str(machine.usable_cores())],
                check=False,
                env=environment(self._folder) | {"TORCHINDUCTOR_CACHE_DIR": str(cache)},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=self._log,
                timeout=CELL_TIMEOUT_S,
            )
            found = json.loads(done.stdout or '{"error": "its process died"}')
        except subprocess.TimeoutExpired:
            found = {"error": f"not done within {CELL_TIMEOUT_S:g} s"}
        wall_s = time.perf_counter() - start - found.get("check_s", 0.0)
        shutil.rmtree(cache, ignore_errors=True)
        return CellCost(cell, wall_s, found)

    def close(self) -> None:
        self._log.close()


class SeedContender:
    """The seed's own method: one process for all cells of all slices, waiting in between.

    Its compiler cache is empty at the start and is kept for all cells.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = (folder / "seed.log").open("w")
        self._process: subprocess.Popen[str] | None = None

    def measure(self, part: Slice) -> tuple[float, list[CellCost]]:
        start = time.perf_counter()
        process = self._process or self._start()
        costs = [self._cell(process, cell) for cell in part.cells()]
        check_s = sum(c.found.get("check_s", 0.0) for c in costs)
        return time.perf_counter() - start - check_s, costs

    def _start(self) -> subprocess.Popen[str]:
        cache = str(self._folder / "seed-cache")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.seed_method"],
            env=environment(self._folder) | {"TORCHINDUCTOR_CACHE_DIR": cache},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self._process

    def _cell(self, process: subprocess.Popen[str], cell: Cell) -> CellCost:
        assert process.stdin is not None
        assert process.stdout is not None
        alarm = threading.Timer(CELL_TIMEOUT_S, process.kill)
        alarm.start()
        start = time.perf_counter()
        line = ""
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(cell.data()) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        wall_s = time.perf_counter() - start
        alarm.cancel()
        # Once it is dead all later cells are errors: a new process would be another method.
        found = json.loads(line or '{"error": "its process died"}')
        return CellCost(cell, wall_s - found.get("check_s", 0.0), found)

    def close(self) -> None:
        if self._process is not None:
            # Nothing of it is wanted any more, and its pool of compile workers may linger.
            self._process.kill()
            self._process.communicate()
        self._log.close()


@dataclass(frozen=True)
class Turn:
    """One contender measured one slice."""

    contender: str
    part: Slice
    load_average_before: float
    loop_ms_before: float
    """Time of a fixed loop of Python just before: the machine's speed at that moment."""
    wall_s: float
    costs: list[CellCost]

    def data(self) -> dict[str, Any]:
        """As JSON-compatible data."""
        return {
            "contender": self.contender,
            "slice": self.part.name,
            "load_average_before": self.load_average_before,
            "loop_ms_before": self.loop_ms_before,
            "wall_s": self.wall_s,
            "cells": [asdict(c) for c in self.costs],
        }
