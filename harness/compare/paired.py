"""From measured pairs to the blocks that the rule takes, and to the public report of a comparison."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.analyse import noise
from harness.analyse.samples import latency_of
from harness.compare import rule
from harness.records.comparison import (
    LIVE,
    SCHEMA,
    Compared,
    ComparisonInfo,
    ComparisonReport,
    Side,
    Verdict,
)
from harness.records.events import OK, Verification, worst
from harness.records.packed import unpack_ns
from harness.records.pairs import ArmEnd, ArmPlan, PairBlock, PairMeasured
from harness.records.report import Latency
from harness.store.comparisonfile import StoredComparison

UNCALIBRATED = (
    "uncalibrated: ten pairs alone say how much processes differ here; `harness doctor --calibrate` "
    "finds out what is usual"
)
LATENCY, DEVICE = "latency", "device"


def call_ms(block: PairBlock, end: ArmEnd) -> list[float]:
    """Milliseconds of a call, for each stamp of a block."""
    return [(ns / end.calls_per_stamp - end.empty_ns) / 1e6 for ns in unpack_ns(block.stamps_ns)]


def value_ms(block: PairBlock, end: ArmEnd, metric: str) -> float | None:
    """The time of a block: the median of its calls, or its device time."""
    if metric == DEVICE:
        return None if block.device_ns is None else block.device_ns / 1e6
    return statistics.median(call_ms(block, end))


def primary(pairs: Sequence[PairMeasured], fine: Sequence[int]) -> str:
    """What decides when there are enough pairs: device time where every block has it, which differs by
    less from process to process; request latency otherwise.
    """
    blocks = [b for pair in pairs for b in pair.blocks if b.arm in fine]
    return DEVICE if blocks and all(b.device_ns for b in blocks) else LATENCY


def blocks_of(pair: PairMeasured, fine: Sequence[int], metric: str) -> list[rule.Block]:
    """The blocks of a pair as the rule takes them; arms are counted among those that take part."""
    found = []
    for block in pair.blocks:
        if block.arm not in fine:
            continue
        ms = value_ms(block, pair.arms[block.arm], metric)
        if ms is not None and ms > 0:
            suspect = block.noise is not None and bool(block.noise.flags)
            found.append(rule.Block(fine.index(block.arm), block.round, math.log(ms), suspect))
    return found


def report_of(run: StoredComparison) -> ComparisonReport:
    """The report of a comparison, as far as it has come."""
    return _Report(run).report()


class _Report:
    def __init__(self, run: StoredComparison) -> None:
        self.run = run
        header = run.header
        self.mode = rule.MODES[header.mode]
        self.arms = range(len(header.arms))
        trial = [p for p in run.pairs if p.number == 0]
        self.fine = [a for a in self.arms if trial and trial[0].arms[a].fine]
        self.whole = [
            p
            for p in run.pairs
            if p.number > 0
            and all(p.arms[a].fine for a in self.fine)
            and len(p.blocks) == self.mode.rounds * len(self.fine)
        ]

    def report(self) -> ComparisonReport:
        header = self.run.header
        sides = [self._side(arm, plan) for arm, plan in enumerate(header.arms)]
        # A side that failed later on is no candidate, whatever its pairs before that say.
        fine = {arm for arm, side in enumerate(sides) if side.status == OK}
        latency, device = (
            {arm: v for arm, v in self._verdicts(metric).items() if {rule.BASE, arm} <= fine}
            for metric in (LATENCY, DEVICE)
        )
        compared = [
            Compared(sides[0], sides[arm], latency.get(arm), device.get(arm))
            for arm in self.arms
            if arm != rule.BASE
        ]
        return ComparisonReport(
            SCHEMA, self._info(bool(latency or device)), header.arms[0].environment, compared
        )

    def _info(self, judged: bool) -> ComparisonInfo:
        header, ended = self.run.header, self.run.ended
        audits = [b.noise for p in self.whole for b in p.blocks if b.noise is not None]
        found = noise.summary(audits)
        warnings = [*header.warnings, *self.run.damage]
        if judged and header.mode == rule.QUICK.name and header.calibration is None:
            warnings.append(UNCALIBRATED)
        if ended is not None and ended.reason:
            warnings.append(ended.reason)
        return ComparisonInfo(
            id=header.id,
            kind=LIVE,
            started=header.started,
            ended=ended.at if ended else None,
            status=ended.status if ended else "running",
            command=header.command,
            harness_version=header.harness_version,
            seed=header.seed,
            mode=header.mode,
            level=header.level,
            margin=header.margin,
            target=self.mode.target,
            warnings=warnings,
            noise=noise.line(found) if found else None,
            calibration=header.calibration,
        )

    # -- verdicts ---------------------------------------------------------------------------------

    def _verdicts(self, metric: str) -> dict[int, Verdict]:
        """The verdict on each new arm that ran all through, by arm."""
        if len(self.fine) < 2 or not self.whole:
            return {}
        every = [blocks_of(pair, self.fine, metric) for pair in self.whole]
        if any(len(blocks) < self.mode.rounds * len(self.fine) for blocks in every):
            return {}
        # What decided when it was enough is replayed; the other metric takes the same pairs.
        leads = metric == primary(self.whole, self.fine)
        mode = self.mode if leads else replace(self.mode, target=None, most=len(every) + 1)
        source = iter(every)
        collected = rule.collect(mode, len(self.fine), lambda: next(source, None), self.run.header.level)
        if not collected.pairs and not collected.disturbed[0]:
            return {}
        header = self.run.header
        found = rule.judged(collected, header.level, header.margin)
        return dict(zip(self.fine[1:], found, strict=True))

    def _counted(self) -> list[PairMeasured]:
        """The pairs that the verdicts rest on: without the disturbed ones, as long as those are few."""
        quiet = [p for p in self.whole if _quiet_rounds(p, self.fine)]
        few = len(self.whole) - len(quiet) <= rule.NOISY_SHARE * len(quiet)
        return quiet if few else self.whole

    # -- sides ------------------------------------------------------------------------------------

    def _side(self, arm: int, plan: ArmPlan) -> Side:
        ends = [p.arms[arm] for p in self.run.pairs if p.arms[arm].status != "not_reached"]
        status = worst([e.status for e in ends])
        reason = next((e.reason for e in ends if e.status == status), None)
        planned = plan.planned
        verifications = [e.verification for e in ends if e.verification is not None]
        facts: dict[str, Any] = next((e.facts for e in reversed(ends) if e.facts), {})
        base = self.run.header.arms[0]
        return Side(
            name=plan.name,
            id=planned.id,
            case=planned.case,
            label=planned.label,
            status=status,
            reason=reason if status != OK else None,
            interpreter=plan.interpreter,
            plugins=plan.own_plugins,
            providers=planned.providers,
            environment=plan.environment if plan.environment != base.environment else None,
            latency_ms=self._latency(arm, LATENCY),
            device_ms=self._latency(arm, DEVICE),
            verification=_worst_of(verifications),
            facts=facts,
            warnings=list(dict.fromkeys(w for e in ends for w in e.warnings)),
        )

    def _latency(self, arm: int, metric: str) -> Latency | None:
        """Over the pairs that count: the value of each is the geometric mean over its rounds, as in the
        verdict, so that the ratio of two sides is the ratio that is judged.
        """
        values, calls = [], []
        for pair in self._counted():
            rounds = _quiet_rounds(pair, self.fine) or {b.round for b in pair.blocks}
            blocks = [b for b in pair.blocks if b.arm == arm and b.round in rounds]
            times = [value_ms(b, pair.arms[arm], metric) for b in blocks]
            known = [t for t in times if t is not None and t > 0]
            if not known:
                continue
            values.append(statistics.geometric_mean(known))
            if metric == LATENCY:
                calls += [ms for b in blocks for ms in call_ms(b, pair.arms[arm])]
            else:
                calls += known
        if not values:
            return None
        single = metric == LATENCY and all(p.arms[arm].calls_per_stamp == 1 for p in self.whole)
        return latency_of(values, sorted(calls), percentiles=single)


def _quiet_rounds(pair: PairMeasured, fine: Sequence[int]) -> set[int]:
    """The rounds in which no side was disturbed."""
    suspect = {b.round for b in pair.blocks if b.arm in fine and b.noise is not None and b.noise.flags}
    return {b.round for b in pair.blocks} - suspect


def _worst_of(several: list[Verification]) -> Verification | None:
    if not several:
        return None
    return max(several, key=lambda v: (not v.passed, math.inf if v.error is None else v.error))
