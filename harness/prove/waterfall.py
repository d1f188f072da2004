"""From the baseline to the best configuration, one change at a time, measured in one lock-step session."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.analyse.statistics import log_interval
from harness.compare.arms import BASE, ArmRequest
from harness.compare.paired import blocks_of, primary
from harness.compare.rule import pair_values
from harness.errors import NothingMeasured, UsageError
from harness.prove.experiments import Laboratory, lockstep, matrix
from harness.records.events import OK
from harness.records.finding import Step, Waterfall
from harness.records.report import Record, Report


def chain(best: Record, baseline: Record, records: Sequence[Record]) -> list[tuple[str, dict[str, str]]]:
    """What is changed, and the configuration after each change, the baseline first.

    An axis at a time. Of two orders the one whose step in between ran and was correct is taken, the number
    format first where both did.
    """
    start, end = _axes(baseline), _axes(best)
    changed = [a for a in ("precision", "runner") if start[a] != end[a]]
    ran = {tuple(_axes(r).items()) for r in records if r.status == OK}
    orders = [changed, changed[::-1]] if len(changed) == 2 else [changed]
    fitting = (
        [o for o in orders if tuple({**start, o[0]: end[o[0]]}.items()) in ran]
        if len(changed) == 2
        else orders
    )
    order = (fitting or orders)[0]
    steps = [("baseline", start)]
    for axis in order:
        steps.append((end[axis], {**steps[-1][1], axis: end[axis]}))
    return steps


def waterfall(lab: Laboratory, report: Report, best: Record) -> Waterfall:
    """The chain from a record's baseline to it, measured.

    Raises:
        UsageError: there is no chain: the record is its own baseline, or has none.
        NothingMeasured: a side of it cannot run.
    """
    baseline = next((r for r in report.records if best.speedup and r.id == best.speedup.baseline), None)
    if baseline is None or baseline.id == best.id:
        raise UsageError("there is no way from a baseline to it: it is the baseline, or has none")
    steps = chain(best, baseline, report.records)
    arms = [
        ArmRequest(BASE if not k else f"step {k}", matrix(axes), lab.plugins)
        for k, (_, axes) in enumerate(steps)
    ]
    run = lockstep(lab, arms)
    fine = list(range(len(arms)))
    pairs = [p for p in run.pairs if p.number > 0 and all(p.arms[a].fine for a in fine)]
    if len(pairs) < 2:
        ends = [e for p in run.pairs for e in p.arms if not e.fine and e.reason]
        raise NothingMeasured(
            ends[0].reason if ends and ends[0].reason else "no pair was measured to its end"
        )
    metric = primary(pairs, fine)
    # Every pair counts: what disturbs a machine disturbs neighbours in a round alike.
    values = [pair_values(blocks_of(p, fine, metric), len(fine), suspects=True) for p in pairs]
    # Of every arm but the base, log(its time over the base's time).
    columns = [[0.0] * len(values), *([v[a] or 0.0 for v in values] for a in range(len(fine) - 1))]
    found = [
        _step(name, [before - after for before, after in zip(columns[k], columns[k + 1], strict=True)])
        for k, (name, _) in enumerate(steps[1:])
    ]
    total = _step("total", [-v for v in columns[-1]])
    product = math.prod(s.ratio for s in found)
    known = best.speedup
    stored = Step("the run", known.ratio, known.low, known.high) if known else None
    return Waterfall(
        baseline=f"{baseline.case.precision} on {baseline.label['runner']}",
        best=f"{best.case.precision} on {best.label['runner']}",
        model=f"{best.label['model']} at batch {best.case.batch_size}",
        steps=found,
        total=total,
        product=product,
        agrees=agrees(product, total, stored),
        stored=stored,
        pairs=len(pairs),
        comparison=run.header.id,
    )


def agrees(product: float, total: Step, stored: Step | None) -> bool:
    """Whether the steps multiply to the total, and the total is what the run had measured before."""
    if total.low is None or total.high is None or not total.low <= product <= total.high:
        return False
    if stored is None or stored.low is None or stored.high is None:
        return True
    return stored.low <= total.high and total.low <= stored.high


def _step(name: str, gains: list[float]) -> Step:
    """From log-ratios of pairs, each above 0 where the step made it faster."""
    centre, low, high = log_interval([math.exp(g) for g in gains])
    return Step(name, centre, low, high)


def _axes(record: Record) -> dict[str, str]:
    case = record.case
    return {
        "model": record.label["model"],
        "runner": record.label["runner"],
        "precision": case.precision,
        "batch_size": str(case.batch_size),
        "device": case.device,
        "threads": str(case.threads),
    }
