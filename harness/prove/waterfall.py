"""From the baseline to the best configuration, one change at a time, measured in one lock-step session."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.compare import rule
from harness.compare.arms import BASE, ArmRequest
from harness.compare.paired import LATENCY, blocks_of, report_of
from harness.compare.rule import pair_values
from harness.compare.verdict import LEVEL, MARGIN, verdict
from harness.errors import NothingMeasured, UsageError
from harness.prove.chain import chain
from harness.prove.experiments import Laboratory, lockstep, matrix
from harness.records.events import OK
from harness.records.finding import Step, Waterfall
from harness.records.report import Record, Report
from harness.store.comparisonfile import StoredComparison


def waterfall(lab: Laboratory, report: Report, best: Record) -> Waterfall:
    """The chain from a record's baseline to it, measured.

    Args:
        report: the whole run, whatever is shown of it.

    Raises:
        UsageError: there is no chain: the record is its own baseline, or has none.
        NothingMeasured: a configuration on the way cannot run.
        KeyboardInterrupt, Terminated: a signal came.
    """
    baseline = next((r for r in report.records if best.speedup and r.id == best.speedup.baseline), None)
    if baseline is None or baseline.id == best.id:
        raise UsageError("there is no way from a baseline to it: it is the baseline, or has none")
    way = chain(baseline, best, report.records)
    links = [way.baseline, *way.links]
    arms = [
        ArmRequest(link.name if k else BASE, matrix(link.axes), lab.plugins) for k, link in enumerate(links)
    ]
    lab.tell(f"measuring {len(arms)} configurations in lock-step: {', '.join(link.name for link in links)}")
    run = lockstep(lab, arms)
    reached, latencies = times(run)
    steps, total = steps_of([link.name for link in way.links], reached, latencies, lab.mode)
    product = math.prod(s.ratio for s in steps)
    known = best.speedup
    stored = Step("the run", known.ratio, known.low, known.high) if known else None
    return Waterfall(
        baseline=f"{baseline.case.precision} on {baseline.label['runner']}",
        best=f"{best.case.precision} on {best.label['runner']}",
        model=f"{best.label['model']} at batch {best.case.batch_size}",
        steps=steps,
        total=total,
        product=product,
        agrees=agrees(product, total, stored),
        stored=stored,
        pairs=len(reached),
        comparison=run.header.id,
        order=way.order,
        baseline_ms=latencies[0],
    )


def times(run: StoredComparison) -> tuple[list[list[float]], list[float | None]]:
    """(a row for each whole pair: of each new side log(its time / time of the base); latency of each side).

    Request latency, as the run has it. Every pair counts: what disturbs a machine disturbs the neighbours
    in a round alike.

    Raises:
        NothingMeasured: a side cannot run, or fewer than two pairs were measured to their end.
    """
    compared = report_of(run).compared
    sides = [compared[0].base, *(c.new for c in compared)]
    for side in sides:
        if side.status != OK:
            raise NothingMeasured(f"{side.name} is {side.status}: {side.reason or 'no reason given'}")
    arms = list(range(len(sides)))
    rounds = rule.MODES[run.header.mode].rounds
    found = []
    for pair in run.pairs:
        blocks = blocks_of(pair, arms, LATENCY) if pair.number else []
        values = pair_values(blocks, len(arms), suspects=True)
        if len(blocks) == rounds * len(arms):
            found.append([v for v in values if v is not None])
    if len(found) < 2:
        raise NothingMeasured("fewer than two pairs were measured to their end: no interval")
    return found, [s.latency_ms.median if s.latency_ms else None for s in sides]


def steps_of(
    names: Sequence[str],
    reached: Sequence[Sequence[float]],
    latencies: Sequence[float | None],
    mode: rule.Mode,
) -> tuple[list[Step], Step]:
    """(the step of each new side after the one before it, the total), each from the same pairs.

    Args:
        reached: of each pair, for each side log(its time / time of the base).
        latencies: of the base and of each side.
    """
    columns = [[0.0] * len(reached), *map(list, zip(*reached, strict=True))]
    freedom = mode.freedom(len(reached))
    pieces = zip(names, columns, columns[1:], latencies[1:], strict=False)
    steps = [
        _step(name, [b - a for a, b in zip(before, after, strict=True)], freedom, ms)
        for name, before, after, ms in pieces
    ]
    return steps, _step("total", columns[-1], freedom, latencies[-1])


def agrees(product: float, total: Step, stored: Step | None) -> bool:
    """Whether the steps multiply to the total, and the total is what the run had measured before."""
    if total.low is None or total.high is None:
        return False
    # Up to rounding: all pairs may be alike, and the interval a point.
    if not total.low * (1 - 1e-9) <= product <= total.high * (1 + 1e-9):
        return False
    if stored is None or stored.low is None or stored.high is None:
        return True
    return stored.low <= total.high and total.low <= stored.high


def _step(name: str, logs: Sequence[float], freedom: int, ms: float | None) -> Step:
    """From log(time after / time before) of each pair."""
    found = verdict(logs, LEVEL, MARGIN, freedom=freedom)
    assert found.low is not None
    assert found.high is not None
    return Step(name, 1 / found.ratio, 1 / found.high, 1 / found.low, ms)
