"""Markdown to paste into an issue or a README: what was run, where, the table, how to read it."""

from __future__ import annotations

import re

import harness
from harness.report import numbers
from harness.report.markup import escape

from . import rows


class Markdown(harness.Reporter):
    name = "markdown"
    summary = "Markdown: what was run, where, one flat table, how to read it"
    extension = ".md"

    def render(self, report: harness.Report) -> str:
        measured = [r for r in report.records if r.latency_ms is not None]
        parts = [_head(report)]
        if measured:
            parts += [_table(measured), _reading(report)]
            narrower = rows.wide(report)
            parts += [f"{_escape(narrower)}."] if narrower else []
        found = rows.findings(report)
        if found:
            parts.append("Why:\n\n" + "\n".join(map(_item, found)))
        counted = rows.outcome(report.records)
        parts += [f"{_escape(counted)}."] if counted else []
        missing = rows.not_run(report.records)
        if missing:
            parts.append("Not measured:\n\n" + "\n".join(map(_item, missing)))
        warnings = rows.warnings(report.records)
        if warnings:
            parts.append("Warnings:\n\n" + "\n".join(map(_item, warnings)))
        if report.run.damage:
            parts.append("\n".join(map(_item, report.run.damage)))
        return "\n\n".join(parts) + "\n"


def _escape(text: str) -> str:
    """Names and reasons as text: nothing in them is markup, a link or HTML."""
    return escape(text)


def _item(text: str) -> str:
    """An entry of a list; what looks like a list's own marker at its beginning is text, too."""
    return "- " + re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", _escape(text).lstrip())


def _code(text: str) -> str:
    """A command in a code span, whatever it holds."""
    clean = numbers.safe(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", clean)), default=0) + 1)
    return f"{fence} {clean} {fence}" if len(fence) > 1 else f"`{clean}`"


def _head(report: harness.Report) -> str:
    run, where = report.run, report.environment
    accelerator = f"{where.device_name}, " if where.device_name else ""
    versions = ", ".join(f"{k} {v}" for k, v in where.packages.items() if k in ("onnxruntime", "triton"))
    software = f"torch {where.torch}, Python {where.python}" + (f", {versions}" if versions else "")
    plugins = [p for p in run.plugins if not p.source.startswith("builtin:")]
    lines = [
        f"**{_code(run.command)}**, {_escape(run.started[:19].replace('T', ' '))} UTC, run {_code(run.id)} "
        f"({_escape(run.status.replace('_', ' '))})",
        "",
        f"- Machine: {_escape(accelerator + where.cpu)}, {where.cores_usable} of {where.cores_logical} "
        f"cores used by default, {where.memory_mib / 1024:.0f} GiB, {_escape(where.os)}",
        f"- Software: {_escape(software)}, harness {_escape(run.harness_version)}",
    ]
    noise = rows.noise(report)
    if noise:
        lines.append(f"- {_escape(noise[:1].upper() + noise[1:])}")
    lines += [f"- Warning: {_escape(w)}" for w in rows.run_warnings(report)]
    if plugins:
        named = ", ".join(
            f"{p.distribution or p.name} {p.version or p.digest or ''}".strip() for p in plugins
        )
        lines.append(f"- Plugins: {_escape(named)}")
    return "\n".join(lines)


def _table(measured: list[harness.Record]) -> str:
    """One flat table: the group's title becomes three columns."""
    shown = rows.columns(measured)
    head = ["model", "batch", "device", *(_escape(c.title) for c in shown)]
    align = ["---", "---:", "---", *("---:" if c.right else "---" for c in shown)]
    lines = [_line(head), "|" + "|".join(align) + "|"]
    for record in measured:
        case = record.case
        device = f"{case.device}, {case.threads} thr." if case.device == "cpu" else _escape(case.device)
        cells = [_escape(record.label["model"]), str(case.batch_size), device]
        cells += [_escape(c.text(record)) for c in shown]
        lines.append(_line([f"**{c}**" if record.best and c and c != "-" else c for c in cells]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _sustained(report: harness.Report) -> str:
    if not any(r.sustained_per_s for r in report.records):
        return ""
    return (
        "Sustained throughput was measured over windows, with as many calls under way at once as stand in "
        "the brackets. "
    )


def _reading(report: harness.Report) -> str:
    boundary = report.records[0].boundary if report.records else ""
    return (
        f"How to read it: latency is that of one {_escape(boundary)}; each replicate is a fresh process, "
        "and ± is the half-width of the 95 % t-interval over replicates. Throughput is the batch over the "
        f"latency (a closed loop). {_sustained(report)}The speed-up is paired pass by pass. Peak MiB is what "
        "the case adds to its process while it runs, weights included. The error is the root mean square "
        "deviation from the same model in eager float64, over the standard deviation of its outputs across "
        "inputs: a constant output "
        "would have 1; X marks an error above the precision's limit, and such a row can never be best. Ready "
        "is the time from loading to the end of the first call, with compilers and exports (cold) and with "
        "their results at hand (warm). Bold: the fastest correct row of its group."
    )
