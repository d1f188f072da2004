"""Compares two stored runs, case by case. Pure: from two reports to the record of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analyse import noise
from harness.compare import differences
from harness.compare.indicative import Values, verdicts
from harness.compare.rule import NOISY_SHARE
from harness.compare.verdict import on_noisy
from harness.errors import NothingMeasured, UsageError
from harness.records.comparison import (
    SCHEMA,
    Compared,
    ComparisonInfo,
    ComparisonReport,
    Side,
    Verdict,
)
from harness.records.events import OK
from harness.records.report import Latency, Record, Report

UNCALIBRATED = (
    "not calibrated: two sessions on one machine differ by more than their replicates do, and no interval "
    "here holds that"
)
MACHINES = "measured on two machines: what differs may be theirs"
NO_PROVIDERS = (
    "a report of an earlier version does not say who provides its models: they may be two different ones"
)
_UNSTEADY = "no steady state"


@dataclass(frozen=True)
class Pair:
    """One case as both runs have it."""

    base: Record
    new: Record


def match(base: Report, new: Report) -> tuple[list[Pair], list[str]]:
    """The cases that both runs have, in the order of `base`, and a line for each of the others.

    The id has everything that makes a case. A case that took all the cores of another machine differs
    in the number of threads alone: it is matched as well, and says so.
    """
    theirs = {r.id: r for r in new.records}
    found: dict[str, Record] = {r.id: theirs[r.id] for r in base.records if r.id in theirs}
    taken = {r.id for r in found.values()}
    everywhere = _on_all_cores(new)
    for key, record in _on_all_cores(base).items():
        other = everywhere.get(key)
        if record.id not in found and other is not None and other.id not in taken:
            found[record.id] = other
            taken.add(other.id)
    pairs = [Pair(r, found[r.id]) for r in base.records if r.id in found]
    left = [(r, "base", new.records) for r in base.records if r.id not in found]
    left += [(r, "new", base.records) for r in new.records if r.id not in taken]
    lines = [f"{name_of(r)}: only in {side}{_why(r, others)}" for r, side, others in left]
    nothing = [p for p in pairs if _not_run(p.base) and _not_run(p.new)]
    lines += [f"{name_of(p.base)}: {p.new.status.replace('_', ' ')} in both" for p in nothing]
    return [p for p in pairs if p not in nothing], lines


def _on_all_cores(report: Report) -> dict[str, Record]:
    """Cases that took every core there was, by all that makes them but the number of threads."""
    cores = report.environment.cores_usable
    return {_key(r): r for r in report.records if r.case.threads == cores}


def _key(record: Record) -> str:
    rest = {k: sorted(v.items()) if isinstance(v, dict) else v for k, v in vars(record.case).items()}
    return repr((record.boundary, sorted((k, v) for k, v in rest.items() if k != "threads")))


def _why(record: Record, others: Sequence[Record]) -> str:
    """What is different about a case of the same name in the other run."""
    same = [o for o in others if o.case == record.case and o.boundary != record.boundary]
    return f", the other run measured something else: {same[0].boundary}" if same else ""


def _not_run(record: Record) -> bool:
    return record.latency_ms is None and record.status in ("unsupported", "not_reached")


def name_of(record: Record) -> str:
    """`mlp batch 64 eager fp32 cpu, 2 threads`."""
    case = record.case
    threads = f"{case.threads} thread{'s' * (case.threads != 1)}"
    return (
        f"{record.label['model']} batch {case.batch_size} {record.label['runner']} {case.precision} "
        f"{case.device}, {threads}"
    )


def compare(
    base: Report,
    new: Report,
    info: ComparisonInfo,
    *,
    session_sd: float | None = None,
    force: bool = False,
) -> ComparisonReport:
    """The comparison of two stored runs.

    Args:
        info: which comparison this is; its level and margin are used, its warnings kept.
        session_sd: how much sessions differ here, as a standard deviation of logarithms, from a
            calibration; None if nobody measured it, and then the comparison says so.
        force: compare cases whose workload differs, too, and mark them.

    Raises:
        UsageError: the two are one run, or no case can be compared.
        NothingMeasured: no case was measured in both.
    """
    if base.run.id == new.run.id:
        raise UsageError(f"base and new are the same run {base.run.id}", "name two runs: --runs BASE NEW")
    pairs, unmatched = match(base, new)
    if not pairs:
        raise UsageError(
            f"no case is in both {base.run.id} and {new.run.id}",
            unmatched[0] if unmatched else "one of them has no case at all",
        )
    common = differences.of_runs(base, new)
    compared = [_compared(pair, base, new, common, force) for pair in pairs]
    if all(c.refused for c in compared):
        raise UsageError(
            f"no case can be compared: {compared[0].refused}", "--force compares it nevertheless"
        )
    if not any(c.base.latency_ms and c.new.latency_ms for c in compared):
        raise NothingMeasured(
            f"no case was measured in both runs: {name_of(pairs[0].base)} is {pairs[0].base.status} in base "
            f"and {pairs[0].new.status} in new"
        )
    judged = _judged(compared, info, session_sd, _too_noisy(base, new))
    warnings = [*info.warnings, *_warnings(base, new, pairs)]
    warnings += [UNCALIBRATED] if session_sd is None else []
    return ComparisonReport(
        schema=SCHEMA,
        comparison=replace(info, warnings=list(dict.fromkeys(warnings)), noise=_noise(base, new)),
        environment=new.environment,
        compared=judged,
        unmatched=unmatched,
    )


def _too_noisy(base: Report, new: Report) -> str | None:
    """What to say where more blocks of a run were disturbed than a live comparison would let pass."""
    found = [
        f"{name}: {n.suspect} of {n.blocks} blocks were suspect"
        for name, n in (("base", base.run.noise), ("new", new.run.noise))
        if n is not None and n.suspect > NOISY_SHARE * (n.blocks - n.suspect)
    ]
    return f"the machine was noisy ({', '.join(found)})" if found else None


def _noise(base: Report, new: Report) -> str | None:
    """How quiet the machine was each time, where blocks were audited."""
    sides = (("base", base.run.noise), ("new", new.run.noise))
    return "; ".join(f"{name} {noise.line(found)}" for name, found in sides if found) or None


def _warnings(base: Report, new: Report, pairs: Sequence[Pair]) -> list[str]:
    found = []
    if differences.machine(base.environment, new.environment):
        found.append(MACHINES)
    if not all(differences.known_workload(r) for p in pairs for r in (p.base, p.new)):
        found.append(NO_PROVIDERS)
    for side, report in (("base", base), ("new", new)):
        if report.run.status != "finished":
            found.append(f"{side} {report.run.id} is {report.run.status.replace('_', ' ')}, not finished")
        found += [f"{side}: {line}" for line in report.run.damage]
    return found


def _compared(pair: Pair, base: Report, new: Report, common: list[str], force: bool) -> Compared:
    workload = differences.workload(pair.base, pair.new, base.run.seed, new.run.seed)
    refused = None
    if workload and not force:
        refused = f"the workload differs: {'; '.join(workload)}"
    elif not all(Values(*_replicates(pair, m)).usable() for m in _METRICS if all(_replicates(pair, m))):
        refused = "its times are damaged"
    return Compared(
        base=_side("base", pair.base, base, elsewhere=base.environment != new.environment),
        new=_side("new", pair.new, new, elsewhere=False),
        latency=None,
        differences=[*workload, *differences.of_cases(pair.base, pair.new), *common],
        refused=refused,
    )


def _side(name: str, record: Record, report: Report, elsewhere: bool) -> Side:
    told = record.warnings
    if record.warm_up == _UNSTEADY and not any(w.startswith(_UNSTEADY) for w in told):
        told = [*told, _UNSTEADY]
    return Side(
        name=name,
        id=record.id,
        case=record.case,
        label=record.label,
        status=record.status,
        reason=record.reason,
        run=report.run.id,
        providers=record.providers,
        environment=report.environment if elsewhere else None,
        latency_ms=record.latency_ms,
        device_ms=record.device_ms,
        verification=record.verification,
        facts=record.facts,
        warnings=[*told, *(f"noise: {flag}" for flag in record.noise)],
    )


# ---- verdicts ---------------------------------------------------------------------------------------

_METRICS: tuple[Callable[[Any], Latency | None], ...] = (lambda x: x.latency_ms, lambda x: x.device_ms)
"""Of a record or a side."""


def _replicates(pair: Any, metric: Callable[[Any], Latency | None]) -> tuple[list[float], list[float]]:
    found = (metric(pair.base), metric(pair.new))
    base, new = ([] if m is None else m.replicates for m in found)
    return base, new


def _judged(
    compared: list[Compared], info: ComparisonInfo, session_sd: float | None, noisy: str | None
) -> list[Compared]:
    """The same with their verdicts; all of them are one family, since any one of them may fail a gate.

    Args:
        noisy: what to say of a noisy machine; there only a material difference is called one.
    """
    places: list[tuple[int, int]] = []
    values: list[Values] = []
    for k, one in enumerate(compared):
        if one.refused or one.base.status != OK or one.new.status != OK:
            continue
        for m, metric in enumerate(_METRICS):
            base, new = _replicates(one, metric)
            if base and new:
                places.append((k, m))
                values.append(Values(base, new))
    said: dict[tuple[int, int], Verdict] = dict(
        zip(places, verdicts(values, info.level, info.margin, session_sd), strict=True)
    )
    if noisy:
        said = {place: on_noisy(verdict, noisy) for place, verdict in said.items()}
    return [replace(c, latency=said.get((k, 0)), device=said.get((k, 1))) for k, c in enumerate(compared)]
