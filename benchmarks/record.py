"""Recording what tools see on this machine: `python -m benchmarks.head_to_head --record FILE`.

A session records every layout once, in an order drawn anew, all of the same ratio: either the same code
or the new one slower by 3 % of a call (a spin of known length after the model; an MLP of about 4 ms).
Traces are appended as they are made, so it can be stopped at any time and goes on where it was.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.publish import ROOT, progress
from benchmarks.simulated_traces import SHAPES
from benchmarks.traces import LAYOUTS, PAIRS, Span, Trace, append, read
from harness import machine
from harness.compare.rule import STANDARD, collect, round_order, starting_order

WARM_S, RESUME_S, BLOCK_S = 0.5, 0.02, 0.1
SLOWER = 1.03


class Worker:
    """One process that times calls. `frozen` between its turns where two alternate."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("rw", encoding="ascii")
        self._connection = connection
        self.pid: int = self.ask({"pid": True})
        self.call_ns = 0.0

    def ask(self, order: dict[str, Any]) -> Any:
        """The answer to an order."""
        self._lines.write(json.dumps(order) + "\n")
        self._lines.flush()
        answer = self._lines.readline()
        if not answer:
            raise SystemExit("error: a process of the recording ended by itself")
        return json.loads(answer)

    def warm(self, seconds: float = WARM_S) -> None:
        """Calls the model for so long and notes how long a call takes."""
        self.call_ns = self.ask({"warm": seconds})

    def slow_by(self, extra_ns: int) -> None:
        """Makes each call longer."""
        self.ask({"extra_ns": extra_ns})

    def freeze(self) -> None:
        """Stops it: threads that spin while they wait would slow the other one."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def time(self, arm: int, process: int, number: int, readings: int, loops: int) -> Span:
        """So many readings of so many calls."""
        start_ns, found = self.ask({"time": readings, "loops": loops})
        return Span(arm, process, number, start_ns, loops, False, found)

    def close(self) -> None:
        """Ends it."""
        self._lines.write("null\n")
        self._lines.flush()
        self._lines.close()
        self._connection.close()


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """Processes forked from one interpreter of their own."""
    ends = [socket.socketpair() for _ in range(count)]
    fds = [theirs.fileno() for _, theirs in ends]
    command = [sys.executable, "-m", "benchmarks.record_worker", *map(str, fds)]
    process = subprocess.Popen(command, pass_fds=fds, cwd=ROOT)
    made: list[Worker] = []
    try:
        for _, theirs in ends:
            theirs.close()
        for ours, _ in ends:
            made.append(Worker(ours))
        yield made
        for worker in made:
            worker.close()
        process.wait(30)
    finally:
        if process.poll() is None:
            for worker in made:
                _kill(worker.pid)
            process.kill()
            process.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def in_turn(layout: str, extra_ns: int) -> list[Span]:
    """Everything of the base, then everything of the new one."""
    shape, spans = SHAPES[layout], []
    if not shape.processes:
        with workers(1) as (worker,):
            worker.warm()
            for arm in (0, 1):
                worker.slow_by(arm * extra_ns)
                spans.append(worker.time(arm, 0, 0, shape.readings, shape.loops))
        return spans
    for process in range(2 * shape.processes):
        arm = process // shape.processes
        with workers(1) as (worker,):
            worker.slow_by(arm * extra_ns)
            worker.warm()
            spans.append(worker.time(arm, process, 0, shape.readings, shape.loops))
    return spans


def lockstep_pair(number: int, extra_ns: int, rng: random.Random) -> list[Span]:
    """One pair as `harness compare` makes it: one starts and warms up while the other is stopped."""
    spans = []
    with workers(2) as pair:
        for worker in pair:
            worker.freeze()
        for arm in starting_order(rng, 2):
            pair[arm].thaw()
            pair[arm].slow_by(arm * extra_ns)
            pair[arm].warm()
            pair[arm].freeze()
        for turn in range(STANDARD.rounds):
            for arm in round_order(rng, 2):
                worker = pair[arm]
                worker.thaw()
                worker.warm(RESUME_S)
                calls = max(10, round(BLOCK_S * 1e9 / worker.call_ns))
                spans.append(worker.time(arm, number, turn, calls, 1))
                worker.freeze()
        for worker in pair:
            worker.thaw()
    return spans


def lockstep(extra_ns: int, rng: random.Random) -> list[Span]:
    """Pairs until the standard mode has enough."""
    from benchmarks.rules import blocks_of

    spans: list[Span] = []

    def measure() -> Any:
        made = lockstep_pair(len({s.process for s in spans}), extra_ns, rng)
        spans.extend(made)
        return blocks_of(made)

    collect(STANDARD, 2, measure)
    return spans


def one_trace(
    name: str, session: int, layout: str, ratio: float, call_ns: float, rng: random.Random
) -> Trace:
    """Measures a layout once."""
    extra_ns = round((ratio - 1) * call_ns)
    start = time.monotonic()
    spans = lockstep(extra_ns, rng) if layout == PAIRS else in_turn(layout, extra_ns)
    return Trace(name, session, layout, ratio, round(time.monotonic() - start, 2), spans)


def usual_call_ns() -> float:
    """The median time of a call over three processes: what 3 % is 3 % of."""
    found = []
    for _ in range(3):
        with workers(1) as (worker,):
            worker.warm(2 * WARM_S)
            found.append(worker.call_ns)
    return statistics.median(found)


def record(path: Path, minutes: float, seed: int | None) -> int:
    """Appends traces to a file until the time is up; a session that was left incomplete is completed first.

    Sessions alternate between the same code and 3 % slower. The name of the machine is its processor's.
    """
    rng = random.Random(seed)
    name = f"{machine.cpu_name()}, {len(machine.affinity())} CPUs"
    done: dict[int, dict[str, float]] = {}
    for trace in read(path) if path.exists() else ():
        done.setdefault(trace.session, {})[trace.layout] = trace.ratio
    session = max(done, default=0)
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        missing = [layout for layout in LAYOUTS if layout not in done.get(session, {})]
        if not missing:
            session += 1
            continue
        ratio = SLOWER if session % 2 else 1.0
        call_ns = usual_call_ns()
        for layout in rng.sample(missing, len(missing)):
            trace = one_trace(name, session, layout, ratio, call_ns, rng)
            append(path, trace)
            done.setdefault(session, {})[layout] = ratio
            progress(f"session {session}, {layout}, ratio {ratio:g}: {trace.wall_s:.0f} s")
            if time.monotonic() >= end:
                break
    return 0
