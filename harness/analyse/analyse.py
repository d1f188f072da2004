"""From a stored run to the public report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from harness.analyse import noise, replicate
from harness.analyse.aim import aim_of
from harness.analyse.possible import IMPOSSIBLE, impossible
from harness.analyse.samples import audits, latency_of, page_faults, worst_of
from harness.analyse.spreads import nearest
from harness.analyse.statistics import log_interval
from harness.analyse.sustained import sustained_of
from harness.records.case import PlannedCase
from harness.records.ceilings import Ceilings
from harness.records.events import NO_REFERENCE, OK, Sample, worst
from harness.records.noise import UNTOLD
from harness.records.report import (
    SCHEMA,
    Aim,
    Latency,
    Ready,
    Record,
    Report,
    RunInfo,
    Speedup,
    Throughput,
)
from harness.store.runfile import StoredRun

_WARM_UPS = ("no steady state", "slowdown", "capped", "warm-up", "flat", "steady")
"""How a warm-up ended, the worst first."""
LAUNCH_BOUND = 1.1
"""From this ratio of request latency to device time on, the host is what a caller waits for."""
_MEASURED = (OK, "incorrect")


def analyse(run: StoredRun) -> Report:
    """The report of a run: one record for each planned case, in the order of the plan."""
    header = run.header
    by_case: dict[str, list[Sample]] = {}
    for sample in run.samples:
        by_case.setdefault(sample.case, []).append(sample)
    analysed = {
        planned.id: _Analysed(planned, by_case.get(planned.id, []), run) for planned in header.plan.cases
    }
    records = [a.record(analysed) for a in analysed.values()]
    info = run_info(run)
    busy = info.noise.busy if info.noise is not None else None
    records = [_held_against(r, header.ceilings) for r in records]
    records = [_doubted(r, busy) for r in records] if busy else mark_best(records)
    return Report(SCHEMA, info, header.plan.environment, records, proofs=list(run.proofs))


def _held_against(record: Record, ceilings: Sequence[Ceilings]) -> Record:
    """A record with a warning, if the machine cannot have done what it stands for."""
    said = impossible(record, ceilings)
    return record if said is None else replace(record, warnings=[*record.warnings, said])


def _doubted(record: Record, busy: str) -> Record:
    """A record of a run that other work disturbed too much: its numbers stand, and no row is the best."""
    if record.latency_ms is None:
        return record
    return replace(record, break_even_calls=None, warnings=[*record.warnings, f"{UNTOLD}{busy}"])


def record_of(run: StoredRun, case_id: str) -> Record:
    """The record of one case, as far as the run has come."""
    return next(r for r in analyse(run).records if r.id == case_id)


def run_info(run: StoredRun) -> RunInfo:
    """The report's head."""
    header, ended = run.header, run.ended
    return RunInfo(
        id=header.id,
        started=header.started,
        ended=ended.at if ended else None,
        status=ended.status if ended else "running",
        command=header.command,
        suite=header.suite,
        seed=header.seed,
        harness_version=header.harness_version,
        settings=header.settings,
        plugins=header.plan.plugins,
        warnings=header.plan.warnings,
        damage=run.damage,
        calibration=header.calibration,
        reason=ended.reason if ended else None,
        noise=noise.summary(audits(run.samples)),
        ceilings=header.ceilings,
    )


def mark_best(records: list[Record]) -> list[Record]:
    """Marks the fastest correct, verified and possible case of every group."""
    best: dict[Any, Record] = {}
    for record in records:
        possible = not any(w.startswith(IMPOSSIBLE) for w in record.warnings)
        if record.status == OK and record.latency_ms and record.verification and possible:
            key = group_key(record)
            if key not in best or record.latency_ms.median < best[key].latency_ms.median:  # type: ignore[union-attr]
                best[key] = record
    winners = {r.id for r in best.values()}
    return [replace(r, best=r.id in winners) for r in records]


def group_key(record: Record) -> tuple[str, int, str, int]:
    """What records of one group share: model with parameters, batch size, device, threads."""
    case = record.case
    return record.label["model"], case.batch_size, case.device, case.threads


class _Analysed:
    """One case with its samples, and what can be said of it alone."""

    def __init__(self, planned: PlannedCase, samples: list[Sample], run: StoredRun) -> None:
        self.planned = planned
        self.run = run
        self.timed: dict[int, replicate.Values] = {}
        """Replicate -> what it timed."""
        self.warnings: list[str] = []
        self.samples = [self._taken(s) for s in sorted(samples, key=lambda s: s.replicate)]

    def _taken(self, sample: Sample) -> Sample:
        """The sample, without times that cannot be."""
        if sample.timing is None or sample.status not in _MEASURED:
            return sample
        try:
            self.timed[sample.replicate] = replicate.values(sample.timing)
        except (ValueError, ArithmeticError) as error:
            self.warnings.append(f"replicate {sample.replicate + 1} cannot be read: {error}")
            return replace(sample, timing=None)
        return sample

    @property
    def values(self) -> dict[int, float]:
        """Replicate -> its latency in milliseconds."""
        return {number: found.value for number, found in self.timed.items()}

    @property
    def calls(self) -> int:
        """How many calls were timed."""
        return sum(len(v.calls) * v.together for v in self.timed.values())

    # -- parts of the record ----------------------------------------------------------------------

    def status(self) -> tuple[str, str | None, str | None]:
        """(status, reason, detail): the worst of the build and the replicates."""
        planned, built = self.planned, self.run.built.get(self.planned.id)
        if planned.unsupported:
            return "unsupported", planned.unsupported, None
        if built is not None and built.status != OK:
            return built.status, built.reason, built.detail
        if not self.samples:
            ended = self.run.ended
            why = ended.reason or ended.status if ended else "the run has not come to it"
            return "not_reached", why, None
        status = worst([s.status for s in self.samples])
        sample = next(s for s in self.samples if s.status == status)
        reason = sample.reason
        if reason and len(self.samples) > 1:
            reason = f"replicate {sample.replicate + 1}: {reason}"
        return status, reason, sample.detail

    def latency(self) -> Latency | None:
        if not self.timed:
            return None
        several = list(self.timed.values())
        calls = sorted(ms for v in several for ms in v.calls)
        # The spread of single calls is not in the times of many together.
        single = all(v.together == 1 for v in several)
        values = [v.value for v in several]
        known = self.run.header.calibration
        usual = nearest(known.process_sd, statistics.fmean(values)) if known else None
        return latency_of(values, calls, percentiles=single, least_sd=usual or 0.0)

    def device_time(self) -> Latency | None:
        several = [v.device for v in self.timed.values() if v.device is not None]
        blocks = [ns / 1e6 for s in self.samples if s.timing for ns in s.timing.device_ns]
        return latency_of(several, sorted(blocks), percentiles=False) if several else None

    def ready(self) -> Ready | None:
        """Cold: the build and the first replicate. Warm: the median of the others."""
        times = {s.replicate: s.ready_s for s in self.samples if s.ready_s is not None}
        if not times:
            return None
        built = self.run.built.get(self.planned.id)
        cold = times.get(0)
        if cold is not None and built is not None and built.build_s is not None:
            cold += built.build_s
        later = [t for replicate, t in times.items() if replicate > 0]
        return Ready(cold, statistics.median(later) if later else None)

    def aim(self) -> Aim | None:
        """What became of the width that the run aimed at: of correct cases alone."""
        until = self.run.header.settings.until
        counted = [s for s in self.samples if s.replicate in self.values and s.status == OK]
        if until is None or not counted:
            return None
        return aim_of([s.timing for s in counted if s.timing], [s.seconds for s in counted], until)

    def speedup(self, baseline: _Analysed | None) -> Speedup | None:
        """Paired by pass: in each, both were children of the same zygote."""
        if baseline is None or baseline is self or not baseline.values or not self.values:
            return None
        shared = [n for n in self.values if n in baseline.values]
        if not shared:
            return None
        ratios = [baseline.values[n] / self.values[n] for n in shared]
        known = self.run.header.calibration
        usual = nearest(known.pair_sd, statistics.fmean(self.values.values())) if known else None
        ratio, low, high = log_interval(ratios, least_sd=usual or 0.0)
        return Speedup(baseline.planned.id, ratio, low, high)

    def record(self, everyone: dict[str, _Analysed]) -> Record:
        planned = self.planned
        status, reason, detail = self.status()
        latency, device = self.latency(), self.device_time()
        baseline = everyone.get(planned.baseline_id or "")
        verifications = [s.verification for s in self.samples if s.verification is not None]
        memory = self.run.memory.get(planned.id)
        anatomy = self.run.anatomy.get(planned.id)
        ready = self.ready()
        speedup = self.speedup(baseline)
        measured = [m for m in self.run.throughput if m.case == planned.id]
        sustained, said = sustained_of(measured, planned.unit)
        warm_ups = [s.timing.warm_up for s in self.samples if s.timing is not None]
        return Record(
            id=planned.id,
            case=planned.case,
            label=planned.label,
            status=status,
            reason=reason,
            detail=detail,
            replicates=len(self.values),
            calls=self.calls,
            boundary=self.run.header.scenario.boundary,
            warm_up=next((w for w in _WARM_UPS if w in warm_ups), None),
            latency_ms=latency,
            device_ms=device,
            launch_bound=None if not (latency and device) else latency.median / device.median > LAUNCH_BOUND,
            throughput_per_s=_throughput(planned, latency),
            sustained_per_s=sustained,
            speedup=speedup,
            ready_s=ready,
            break_even_calls=_break_even(ready, latency, baseline, speedup),
            memory_mib=memory.memory if memory else None,
            verification=worst_of(verifications) if verifications else None,
            facts=self._facts(),
            warnings=list(dict.fromkeys([*self._all_warnings(speedup, baseline), *said])),
            noise=noise.flags(audits(self.samples)),
            page_faults=page_faults(self.samples),
            page_faults_each=self._faults_each(),
            is_baseline=planned.baseline_id == planned.id,
            aim=self.aim(),
            providers=planned.providers,
            anatomy=anatomy.anatomy if anatomy else None,
        )

    def _faults_each(self) -> list[float]:
        """Page faults in a call of each replicate that was timed."""
        found = [page_faults([s]) for s in self.samples if s.replicate in self.timed]
        return [f for f in found if f is not None] if None not in found else []

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        built = self.run.built.get(self.planned.id)
        if built is not None and built.build_s is not None:
            facts["build_s"] = built.build_s
        done = [s for s in self.samples if s.facts]
        return {**facts, **(done[-1].facts if done else {})}

    def _all_warnings(self, speedup: Speedup | None, baseline: _Analysed | None) -> list[str]:
        planned = self.planned
        found: dict[str, None] = {}
        if planned.emulated:
            found[f"emulated: {planned.emulated}"] = None
        if planned.tolerance_source == "option":
            found[f"the tolerance was set to {planned.tolerance:g} by an option"] = None
        for reference in self.run.references:
            if planned.id in reference.cases:
                if reference.status != OK and self.values:
                    found[f"{NO_REFERENCE}{reference.reason}"] = None
                found.update(dict.fromkeys(reference.warnings))
        for sample in self.samples:
            found.update(dict.fromkeys(sample.warnings))
        found.update(dict.fromkeys(self._changed()))
        if speedup is not None and baseline is not None and baseline.status()[0] != OK:
            found[f"its speed-up is counted from a baseline that is {baseline.status()[0]}"] = None
        memory = self.run.memory.get(planned.id)
        if memory is not None and memory.status != OK:
            found[f"memory not measured: {memory.reason}"] = None
        anatomy = self.run.anatomy.get(planned.id)
        if anatomy is not None and anatomy.status not in _MEASURED:
            found[f"not taken apart: {anatomy.reason}"] = None
        found.update(dict.fromkeys(self.warnings))
        return list(found)

    def _changed(self) -> Iterator[str]:
        """What was no longer as at the beginning when some of the samples were taken."""
        before = self.run.resumes_before
        for count, resumed in enumerate(self.run.resumed, 1):
            later = [s for s in self.samples if before.get((s.case, s.replicate), 0) >= count]
            if resumed.changed and later:
                what = "; ".join(resumed.changed)
                yield f"{len(later)} of {len(self.samples)} replicates were measured after a change: {what}"


def _throughput(planned: PlannedCase, latency: Latency | None) -> Throughput | None:
    if latency is None:
        return None
    return Throughput(planned.items / (latency.median / 1e3), f"{planned.unit}/s")


def _break_even(
    ready: Ready | None, latency: Latency | None, baseline: _Analysed | None, speedup: Speedup | None
) -> int | None:
    """After how many calls the extra cold start is earned back; None if never or unknown."""
    if baseline is None or speedup is None or ready is None or ready.cold is None or latency is None:
        return None
    if speedup.low is not None and speedup.low <= 1:
        # Not known to be any faster: a number of calls would be made of noise.
        return None
    base_ready, base_latency = baseline.ready(), baseline.latency()
    if base_ready is None or base_ready.cold is None or base_latency is None:
        return None
    gain_ms = base_latency.median - latency.median
    extra_ms = (ready.cold - base_ready.cold) * 1e3
    if gain_ms <= 0:
        return None
    return max(0, math.ceil(extra_ms / gain_ms))
