"""Calibrating: models compared with themselves, to see how much processes differ on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.analyse.spreads import workload_of
from harness.answers import OverheadResult
from harness.catalogue.loading import PluginRequest
from harness.compare import rule
from harness.compare.arms import ArmRequest
from harness.compare.live import CompareRequest, Watcher, compare_live
from harness.compare.paired import LATENCY, blocks_of, report_of
from harness.compare.verdict import LEVEL, MARGIN
from harness.errors import NothingMeasured
from harness.execute.lock import Locks
from harness.execute.one import OneRequest
from harness.execute.outcomes import ending, result
from harness.execute.run import launcher
from harness.execute.signals import Interrupted, Interrupts
from harness.execute.sweep import now
from harness.jobs import Matrix, OverheadJob
from harness.records.calibration import Session, Workload
from harness.store.comparisonfile import StoredComparison
from harness.store.folder import Folder

OVERHEAD_TIMEOUT_S = 120.0
MOST_SUSPECT = 0.25
"""A spread that was measured beside a neighbour is the neighbour's."""


def calibrate(
    workloads: Sequence[Matrix],
    plugins: PluginRequest,
    seed: int,
    folder: Folder,
    interrupts: Interrupts,
    watcher: Watcher,
    locks: Locks,
) -> Session:
    """One session: each workload compared with itself, and a call of nothing.

    The comparisons are kept in the results folder like any other.

    Raises:
        NothingMeasured: a workload cannot run here, or ended early.
        Interrupted: a signal came.
    """
    overhead = _overhead(interrupts)
    found = [_workload(matrix, plugins, seed, folder, interrupts, watcher, locks) for matrix in workloads]
    return Session(now(), found, overhead.call_ns, overhead.context_ns)


def _overhead(interrupts: Interrupts) -> OverheadResult:
    with launcher(interrupts) as zygotes:
        interrupts.on_second = zygotes.kill
        zygotes.start(1)
        outcome = zygotes.run(0, "overhead", OverheadJob(), OVERHEAD_TIMEOUT_S)
        found: OverheadResult | None = result(outcome, OverheadResult)
        if found is None:
            end = ending(outcome, OVERHEAD_TIMEOUT_S)
            if end.status == "interrupted":
                raise Interrupted
            raise NothingMeasured(
                f"the harness's own time cannot be measured: {end.reason}", detail=end.detail
            )
        return found


def _workload(
    matrix: Matrix,
    plugins: PluginRequest,
    seed: int,
    folder: Folder,
    interrupts: Interrupts,
    watcher: Watcher,
    locks: Locks,
) -> Workload:
    label = f"{matrix.model[0]} batch {matrix.batch_size[0]}"
    watcher.tell(f"comparing {label} with itself")
    request = CompareRequest(
        arms=[ArmRequest(name, matrix, plugins) for name in ("base", "new")],
        one=OneRequest(matrix, plugins, seed),
        mode=rule.QUICK,
        level=LEVEL,
        margin=MARGIN,
        command=f"harness doctor --calibrate ({label})",
    )
    run = compare_live(request, folder, interrupts, watcher, locks)
    if interrupts:
        raise Interrupted
    return workload_from(label, run)


def workload_from(label: str, run: StoredComparison) -> Workload:
    """A workload's spreads from its comparison with itself.

    Raises:
        NothingMeasured: it has not two whole pairs, or the machine was too noisy.
    """
    pairs = []
    audits = []
    for pair in run.pairs:
        if pair.number == 0 or not pair.blocks:
            continue
        logs: dict[int, dict[int, float]] = {}
        for block in blocks_of(pair, (0, 1), LATENCY):
            logs.setdefault(block.round, {})[block.arm] = block.log_time
        pairs.append([(arms[0], arms[1]) for arms in logs.values() if len(arms) == 2])
        audits += [b.noise for b in pair.blocks if b.noise is not None]
    compared = report_of(run).compared[0]
    verdict = compared.latency
    if verdict is None or len(pairs) < 2:
        why = compared.base.reason or compared.new.reason or "it ended early"
        raise NothingMeasured(f"{label} could not be compared with itself: {why}")
    found = workload_of(label, pairs, verdict.word)
    suspect = sum(bool(a.flags) for a in audits)
    if suspect > MOST_SUSPECT * len(audits):
        raise NothingMeasured(
            f"too noisy to calibrate: {suspect} of {len(audits)} blocks were suspect, and nothing is kept",
            "`harness doctor` says what disturbs",
        )
    return replace(found, suspect=suspect, blocks=len(audits))
