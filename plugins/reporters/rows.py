"""The columns that the table and Markdown share: records as short texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import harness
from harness.analyse.noise import line
from harness.explain.text import coverage_text, first_findings
from harness.records.events import STATUSES
from harness.records.noise import UNTOLD
from harness.report import numbers
from harness.report.tighten import how_to_tighten

MEASURED = ("ok", "incorrect")


@dataclass(frozen=True)
class Column:
    """One column: its title, and a record's text in it."""

    key: str
    title: str
    text: Callable[[harness.Record], str]
    right: bool = True


def columns(records: list[harness.Record]) -> list[Column]:
    """The columns that have something to say for these records."""
    units = {r.throughput_per_s.unit for r in records if r.throughput_per_s}
    unit = numbers.safe(units.pop()) if len(units) == 1 else "items/s"
    found = [
        Column("runner", "runner", lambda r: numbers.safe(r.label["runner"]), right=False),
        Column("precision", "precision", lambda r: numbers.safe(r.case.precision), right=False),
        Column("latency", "latency ms", latency),
        Column("interval", "±95 %", interval),
        Column("throughput", unit, throughput),
    ]
    if any(r.sustained_per_s for r in records):
        found.append(Column("sustained", f"sustained {unit}", sustained))
    found.append(Column("speedup", "vs baseline", speedup))
    memories = [r.memory_mib for r in records if r.memory_mib]
    if any(m.device_allocated_peak is not None for m in memories):
        found.append(Column("allocated", "alloc MiB", device_peak("device_allocated_peak")))
        found.append(Column("reserved", "reserved MiB", device_peak("device_reserved_peak")))
    elif memories:
        found.append(Column("memory", "peak MiB", device_peak("host_run_peak")))
    found += [
        Column("error", "error", error),
        Column("ready", "ready s cold/warm", ready),
        Column("note", "note", note, right=False),
    ]
    return found


def latency(record: harness.Record) -> str:
    return numbers.significant(record.latency_ms.median) if record.latency_ms else numbers.NOTHING


def interval(record: harness.Record) -> str:
    if record.latency_ms is None:
        return numbers.NOTHING
    return numbers.percent(numbers.half_width(record.latency_ms.low, record.latency_ms.high))


def throughput(record: harness.Record) -> str:
    found = record.throughput_per_s
    return numbers.significant(found.value) if found else numbers.NOTHING


def sustained(record: harness.Record) -> str:
    """`16 400 (2)`: the rate, and by how many callers."""
    found = record.sustained_per_s
    return f"{numbers.significant(found.value)} ({found.callers})" if found else numbers.NOTHING


def speedup(record: harness.Record) -> str:
    if record.is_baseline:
        return "baseline"
    found = record.speedup
    if found is None:
        return numbers.NOTHING
    text = f"{found.ratio:.2f}x" if found.ratio < 10 else f"{numbers.significant(found.ratio)}x"
    half = numbers.half_width(found.low, found.high)
    if half is None:
        return text
    if half > 1:
        return f"{text} ± >100 %"
    width = found.ratio * half
    return f"{text} ± {width:.2f}" if found.ratio < 10 else f"{text} ± {numbers.significant(width, 2)}"


def device_peak(name: str) -> Callable[[harness.Record], str]:
    def text(record: harness.Record) -> str:
        value = getattr(record.memory_mib, name, None)
        return numbers.NOTHING if value is None else f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"

    return text


def error(record: harness.Record) -> str:
    found = record.verification
    if found is None:
        return "not verified" if record.status in MEASURED else numbers.NOTHING
    return numbers.small(found.error) + ("" if found.passed else " X")


def ready(record: harness.Record) -> str:
    found = record.ready_s
    if found is None:
        return numbers.NOTHING
    return f"{numbers.seconds(found.cold)} / {numbers.seconds(found.warm)}"


def note(record: harness.Record) -> str:
    """What a reader should know before believing or using the row."""
    parts: list[str] = []
    found = record.verification
    if record.status == "incorrect":
        over = found is not None and found.error is not None and found.error > found.tolerance
        why = f"limit {numbers.small(found.tolerance)}" if found and over else record.reason
        parts.append(f"incorrect: {why}")
    elif record.status != "ok":
        parts.append(f"{record.status}: {record.reason}")
    if record.best:
        parts.append("best correct")
    if any(w.startswith("emulated") for w in record.warnings):
        parts.append("emulated")
    breaks = record.facts.get("graph_breaks")
    if isinstance(breaks, int) and breaks:
        parts.append(f"{breaks} graph break{'s' * (breaks != 1)}")
    again = record.facts.get("recompiles")
    if isinstance(again, int) and again:
        parts.append(f"{again} recompilation{'s' * (again != 1)}")
    if record.warm_up == "no steady state":
        parts.append("no steady state")
    if any(w.startswith("impossible") for w in record.warnings):
        parts.append("impossible speed")
    if any(" in name only: " in w for w in record.warnings):
        parts.append("perhaps in name only")
    if any(w.startswith("nondeterministic") for w in record.warnings):
        parts.append("nondeterministic")
    if any(w.startswith("the tolerance was set") for w in record.warnings):
        parts.append("tolerance set by hand")
    parts += pay_off(record)
    return numbers.safe("; ".join(parts))


def pay_off(record: harness.Record) -> list[str]:
    """When a slower start is earned back, if the start is slow enough to ask."""
    ready, calls = record.ready_s, record.break_even_calls
    if any(w.startswith(UNTOLD) for w in record.warnings):
        return []
    if record.speedup is None or ready is None or ready.cold is None or ready.cold < 1:
        return []
    if calls is None:
        high = record.speedup.high or record.speedup.ratio
        return ["never pays off"] if high <= 1 else []
    return [f"pays off after {numbers.significant(float(calls), 2)} calls"] if calls else []


def outcome(records: list[harness.Record]) -> str | None:
    """How many cases ended in which way; None where all are right, or unsupported at worst."""
    counts = Counter(r.status for r in records)
    unverified = sum(r.status == "ok" and r.verification is None for r in records)
    troubles = [status for status in STATUSES if counts[status] and status != "ok"]
    if len(records) < 2 - bool(unverified) or not (unverified or set(troubles) - {"unsupported"}):
        return None
    words = [f"{counts['ok'] - unverified} measured and right"]
    if unverified:
        words.append(f"{unverified} measured, not verified")
    words += [f"{counts[status]} {_word(status)}" for status in troubles]
    return f"{len(records)} case{'s' * (len(records) != 1)}: {', '.join(words)}"


def _word(status: str) -> str:
    return "not run" if status == "unsupported" else status.replace("_", " ")


def not_run(records: list[harness.Record]) -> list[str]:
    """What was not measured, one line for each reason, the worst status first: what, on which models and
    batches, why.
    """
    reasons: dict[tuple[str, str, str], list[harness.Record]] = {}
    for record in records:
        if record.latency_ms is None:
            what = f"{record.label['runner']} x {record.case.precision}"
            reasons.setdefault((record.status, what, record.reason or ""), []).append(record)
    lines = []
    for (status, what, reason), those in sorted(reasons.items(), key=lambda item: STATUSES.index(item[0][0])):
        models = ", ".join(dict.fromkeys(r.label["model"] for r in those))
        batches = ", ".join(str(b) for b in dict.fromkeys(r.case.batch_size for r in those))
        lines.append(numbers.safe(f"{_word(status)}: {what} on {models} at batch {batches}: {reason}"))
    return lines


def wide(report: harness.Report) -> str | None:
    """How to narrow the widest interval, if it is too wide to read much into, or wider than was asked."""
    line = how_to_tighten(report)
    return None if line is None else numbers.safe(line)


_IN_NOTES = ("emulated", "impossible", "no steady state", "the tolerance was set")
"""Warnings that the note of their row already tells."""


def warnings(records: list[harness.Record]) -> list[str]:
    """Each warning once, with the cases it concerns."""
    found: dict[str, list[str]] = {}
    for record in records:
        for warning in record.warnings:
            case = record.case
            what = (
                f"{record.label['model']} {record.label['runner']} {case.precision} batch {case.batch_size}"
            )
            found.setdefault(warning, []).append(what)
    lines = []
    for warning, cases in found.items():
        more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
        lines.append(f"{warning} ({', '.join(cases[:3])}{more})")
    return lines


def untold_warnings(records: list[harness.Record]) -> list[str]:
    """The warnings that no note tells."""
    return [numbers.safe(w) for w in warnings(records) if not w.startswith(_IN_NOTES)]


def run_warnings(report: harness.Report) -> list[str]:
    """What was said of the whole run: a plugin that does not load, another measurement beside it."""
    return [numbers.safe(w) for w in report.run.warnings]


def findings(report: harness.Report) -> list[str]:
    """The first findings: what is wrong, then why the best rows are the fastest; and how many rows are
    explained.
    """
    found = [numbers.safe(line) for line in first_findings(report)]
    return [*found, coverage_text(report.coverage)] if report.coverage else found


def ended(status: str) -> str:
    """How a run ended that did not finish, in words."""
    return {
        "out_of_time": "ran out of its time budget",
        "running": "has not ended (or was killed)",
        "failed": "failed",
    }.get(status, f"was {status}")


def noise(report: harness.Report) -> str | None:
    """How quiet the machine was; None for a run without audits."""
    found = report.run.noise
    return None if found is None else numbers.safe(f"the machine was {line(found)}")


def group_title(record: harness.Record) -> str:
    """`mlp  batch 64  cpu, 2 threads`."""
    case = record.case
    threads = f"{case.threads} thread{'s' * (case.threads != 1)}"
    return numbers.safe(f"{record.label['model']}  batch {case.batch_size}  {case.device}, {threads}")
