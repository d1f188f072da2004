"""What the turns of `benchmarks.seed_suite` come to: costs, ratios, and what each contender knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.cells import COMPILE
from benchmarks.contenders import HARNESS, HONEST, SEED, CellCost, Turn
from benchmarks.peers import COMPILED, RAN_EAGER, REUSED
from benchmarks.publish import Result, Target, table

TITLES = {
    HARNESS: "`harness run --suite seed`",
    HONEST: "the seed's method, a process for each cell",
    SEED: "the seed's method as written",
}


@dataclass(frozen=True)
class Cost:
    """Wall time of some turns of one contender, in seconds."""

    whole_s: float
    emulated_s: float
    """Of cells whose arithmetic the device imitates."""
    native_s: float
    """Of all other cells."""

    @property
    def rest_s(self) -> float:
        """What belongs to no single cell: starting, planning, references, reporting."""
        return self.whole_s - self.emulated_s - self.native_s

    @property
    def without_emulated_s(self) -> float:
        return self.whole_s - self.emulated_s


@dataclass(frozen=True)
class Ratio:
    """A ratio of two contenders' costs over all slices, with the smallest and largest of a slice."""

    value: float
    smallest: float
    largest: float

    def text(self) -> str:
        return f"{self.value:.2f} ({self.smallest:.2f} to {self.largest:.2f})"


def cost(turns: Iterable[Turn], emulated: frozenset[str]) -> Cost:
    """The cost of some turns; `emulated` names the precisions that the device imitates."""
    turns = list(turns)
    cells = [c for t in turns for c in t.costs]
    imitated_s = sum(c.wall_s for c in cells if c.cell.precision in emulated)
    all_cells_s = sum(c.wall_s for c in cells)
    return Cost(sum(t.wall_s for t in turns), imitated_s, all_cells_s - imitated_s)


def ratio(
    turns: list[Turn], above: str, below: str, emulated: frozenset[str], of: Callable[[Cost], float]
) -> Ratio:
    """The ratio of what `of` takes from the costs of two contenders."""

    def one(some: list[Turn]) -> float:
        ours, theirs = (cost([t for t in some if t.contender == n], emulated) for n in (above, below))
        return of(ours) / of(theirs)

    parts = {t.part for t in turns}
    each = [one([t for t in turns if t.part == part]) for part in parts]
    return Ratio(one(turns), min(each), max(each))


def result(turns: list[Turn], emulated: frozenset[str], order_seed: int, shortened: bool) -> Result:
    """The benchmark's result."""
    cells = {n: [c for t in turns if t.contender == n for c in t.costs] for n in TITLES}
    costs = {n: cost([t for t in turns if t.contender == n], emulated) for n in TITLES}
    pieces = {"whole": lambda c: c.whole_s, "without emulated cells": lambda c: c.without_emulated_s}
    found = {
        (peer, piece): ratio(turns, HARNESS, peer, emulated, of)
        for peer in (HONEST, SEED)
        for piece, of in pieces.items()
    }
    targets = [
        Target(
            f"{TITLES[HARNESS]} costs at most what the honest peer costs, {piece}",
            found[HONEST, piece].value <= 1,
            f"{found[HONEST, piece].text()} x",
            "1 x",
        )
        for piece in pieces
    ]
    known = {n: _known(n, cells[n]) for n in TITLES}
    loops_ms = [t.loop_ms_before for t in turns]
    aim = found[SEED, "whole"]
    words = ", ".join(sorted(emulated)) or "none"
    notes = [
        f"Wall time in seconds. Emulated here: {words}. The rest is what belongs to no single cell: "
        "starting processes, planning, references, the report.",
        f"Slices: {len({t.part for t in turns})}; within each, the contenders took turns in an order drawn "
        "anew. The ratio is of the sums; in brackets the smallest and largest ratio of a slice.",
        f"The aim beyond the target, at most the cost of the seed's method as written, is "
        f"{'reached' if aim.value <= 1 else 'not reached'}: {aim.text()} x.",
        "The harness ran once for each slice and paid for its start each time. All compiler caches were "
        "empty at the start, so that each contender once let the compiler look at the processor; the "
        "honest peer took nothing else from cell to cell, the seed's one process kept all of it.",
        f"A fixed loop of Python, timed before each turn, took {min(loops_ms):.0f} to {max(loops_ms):.0f} "
        f"ms; the load average was {min(t.load_average_before for t in turns):.2f} to "
        f"{max(t.load_average_before for t in turns):.2f} (the benchmark's own work included).",
        *_errors(cells),
    ]
    rows = [
        [TITLES[n], *[f"{s:.0f}" for s in (c.whole_s, c.native_s, c.emulated_s, c.rest_s)]]
        for n, c in costs.items()
    ]
    ratio_rows = [
        [f"harness / {TITLES[peer]}", *[found[peer, piece].text() for piece in pieces]]
        for peer in (HONEST, SEED)
    ]
    return Result(
        name="seed_suite",
        title="What the suite `seed` costs",
        question=f"Wall time of {len(cells[HARNESS])} cells for this harness and for two ways of doing it by "
        "hand, and what each then knows of a cell.",
        tables=[
            table(["contender", "whole s", "native cells s", "emulated cells s", "rest s"], rows),
            table(["ratio", *pieces], ratio_rows),
            table(
                ["contender", "isolated", "verified", "replicated", "memory", "compiled cells"],
                [[TITLES[n], *known[n].values()] for n in TITLES],
            ),
        ],
        notes=notes,
        targets=targets,
        figures={
            "order_seed": order_seed,
            "emulated": sorted(emulated),
            "cost_s": {n: {**vars(c), "rest_s": c.rest_s} for n, c in costs.items()},
            "ratio_of_harness": {f"{piece}, to {peer}": vars(r) for (peer, piece), r in found.items()},
            "known": known,
            "turns": [t.data() for t in turns],
        },
        shortened=shortened,
    )


def _known(name: str, costs: list[CellCost]) -> dict[str, str]:
    """What a contender can say of a cell afterwards, in words, counted where it can be."""
    compiled = [c.found for c in costs if c.cell.runner == COMPILE]
    if name == HARNESS:
        processes = sorted({len(c.found["statuses"]) for c in costs})
        right = sum(0 < c.found["verified"] == len(c.found["statuses"]) for c in costs)
        return {
            "isolated": "yes: a process for each replicate",
            "verified": f"{right} of {len(costs)}, every replicate, against float64",
            "replicated": f"{' or '.join(map(str, processes))} processes for each cell",
            "memory": f"{sum(c.found['memory'] for c in costs)} of {len(costs)}, in a process of its own",
            "compiled": f"{sum(bool(f['graphs']) and all(f['graphs']) for f in compiled)} of "
            f"{len(compiled)} ran code compiled for them",
        }
    ran = Counter(f.get("ran", "failed") for f in compiled)
    others = {
        REUSED: "ran code compiled for another cell",
        RAN_EAGER: "ran eager under the name of compile",
        "failed": "failed",
    }
    said = [f"{ran[COMPILED]} of {len(compiled)} ran code compiled for them"]
    said += [f"{ran[key]} {text}" for key, text in others.items() if ran[key]]
    counted = any(c.found.get("memory_mib") for c in costs)
    shared = ", with what earlier cells left" if name == SEED else ""
    return {
        "isolated": "yes: a process for each cell" if name == HONEST else "no: one process for all cells",
        "verified": "no",
        "replicated": "no: one process for each cell" if name == HONEST else "no",
        "memory": f"allocator's counters{shared}" if counted else "no: only counted on a GPU",
        "compiled": "; ".join(said),
    }


def _errors(cells: dict[str, list[CellCost]]) -> list[str]:
    """A note for each cell that went wrong, since it may have been cheap for that reason."""
    notes = []
    for name, costs in cells.items():
        for one in costs:
            said: Any = one.found.get("error")
            said = said or ", ".join(s for s in one.found.get("statuses", ()) if s != "ok")
            if said:
                notes.append(f"{name}, {one.cell.text()}: {said}.")
    return notes
