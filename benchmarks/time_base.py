"""Is a millisecond a millisecond? The engine on calls whose length is known, and on a call of nothing.

A call spins until a deadline: it cannot be shorter, and is longer only where something took its
processor. It does not sleep, since a timer is late by design.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

from benchmarks.publish import Result, Target, load_average, parser, publish, table
from benchmarks.spread import Spread, spread
from harness.measure import engine
from harness.measure.audit import Audit
from harness.measure.calls import Subject

ROUNDS, QUICK_ROUNDS = 12, 3
LENGTHS_US = {50: 0.01, 1_000: 0.005, 20_000: 0.005}
"""Length of a call -> the most that the median may be off."""
MOST_EMPTY_NS = 1000
EMPTY, CONTEXT = "nothing", "nothing, in inference mode"


class Spin:
    """Takes so many microseconds from the moment it is called."""

    def __init__(self, us: float) -> None:
        self._ns = round(us * 1000)

    def __call__(self, _: Any) -> None:
        end = time.perf_counter_ns() + self._ns
        while time.perf_counter_ns() < end:
            pass


def measured_ns(session: Any) -> float:
    """Nanoseconds of a call, as a replicate would have it: the mean of its block medians."""
    found = engine.measure(Subject(session, [None]), engine.Budget(), audit=Audit())
    medians = []
    position = 0
    for size in found.blocks:
        medians.append(statistics.median(found.call_ns[position : position + size]))
        position += size
    return statistics.fmean(medians)


def nothing(_: Any) -> None:
    """The null runner: what is left is the harness's own."""


def in_context(_: Any) -> None:
    """What every torch session adds to a call."""
    import torch

    with torch.inference_mode():
        pass


def main() -> int:
    options = parser("time_base", (__doc__ or "").partition("\n")[0])
    given = options.parse_args()
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    load = load_average()
    subjects: dict[Any, Any] = {us: Spin(us) for us in LENGTHS_US}
    subjects |= {EMPTY: nothing, CONTEXT: in_context}
    found: dict[Any, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, session in subjects.items():
            found[name].append(measured_ns(session))
    errors: dict[int, Spread] = {us: spread([ns / (us * 1000) - 1 for ns in found[us]]) for us in LENGTHS_US}
    rows = [
        [f"spins for {us} us", f"{statistics.median(found[us]) / 1000:.3f} us", f"{errors[us].median:+.3%}"]
        for us in LENGTHS_US
    ]
    rows += [[f"does {name}", f"{statistics.median(found[name]):.0f} ns", ""] for name in (EMPTY, CONTEXT)]
    empty_ns = statistics.median(found[EMPTY])
    result = Result(
        name="time_base",
        title="Is a millisecond a millisecond?",
        question=f"Calls of known length through the engine, {rounds} times each.",
        tables=[table(["a call", "reads", "error"], rows)],
        notes=[
            "Each reading is one replicate's value: warm-up, five blocks, the mean of their medians.",
            "A call that does nothing is timed in a loop, and the empty loop subtracted: what is left is the "
            "call itself, and no part of any latency but of its own.",
            "Inference mode is part of every latency under torch, as it is in use.",
        ],
        targets=[
            *(
                Target(
                    f"{us} us: median error",
                    abs(errors[us].median) <= most,
                    f"{errors[us].median:+.3%}",
                    f"{most:.1%}",
                )
                for us, most in LENGTHS_US.items()
            ),
            Target(
                "a call of nothing, after subtraction",
                empty_ns <= MOST_EMPTY_NS,
                f"{empty_ns:.0f} ns",
                f"{MOST_EMPTY_NS} ns",
            ),
        ],
        figures={
            "rounds": rounds,
            "load_average_before": load,
            "ns": {str(name): values for name, values in found.items()},
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())
