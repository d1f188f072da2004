"""The table for the terminal: grouped by model and batch, the baseline first, then the fastest first."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import harness
from harness.report import numbers
from harness.report.select import grouped

from . import rows

_EXPENDABLE = ("ready", "throughput", "sustained", "interval", "memory", "reserved", "note")
"""Columns that a narrow terminal does without, in this order."""
_BOLD, _GREEN, _RED, _DIM, _OFF = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


class Table(harness.Reporter):
    name = "table"
    summary = "tables for the terminal, grouped by model and batch size"

    def render(self, report: harness.Report) -> str:
        return _render(report, width=0, colour=False)

    def display(self, report: harness.Report, width: int, colour: bool) -> str:
        return _render(report, width, colour)


def _render(report: harness.Report, width: int, colour: bool) -> str:
    def paint(text: str, *codes: str) -> str:
        return "".join(codes) + text + _OFF if colour and codes else text

    lines: list[str] = []
    measured = [r for r in report.records if r.latency_ms is not None]
    shown = rows.columns(measured)
    shown, left_out = _fit(measured, shown, width)
    for group in grouped(measured):
        lines.append(paint(rows.group_title(group[0]), _BOLD) + paint(_how(report, group), _DIM))
        for record, text in zip([None, *group], _grid(group, shown), strict=True):
            lines.append(paint(text, *_codes(record)))
        lines.append("")
    counted = rows.outcome(report.records)
    lines += [paint(counted, _BOLD)] if counted else []
    for line in rows.not_run(report.records):
        lines.append(paint(line, _DIM) if line.startswith("not run") else paint(line, _RED))
    if not report.records:
        lines.append("no case matches")
    if measured:
        lines.append(paint(_legend(measured, shown), _DIM))
        noise = rows.noise(report)
        lines += [paint(noise, _DIM)] if noise else []
        narrower = rows.wide(report)
        lines += [paint(narrower, _DIM)] if narrower else []
    lines += _why(report, width, paint)
    if left_out:
        lines.append(paint(f"left out, the terminal is narrow: {', '.join(left_out)}", _DIM))
    lines += [f"warning: {w}" for w in (*rows.run_warnings(report), *rows.untold_warnings(report.records))]
    if report.run.status != "finished":
        status = numbers.safe(rows.ended(report.run.status))
        lines.append(f"this run {status}: what is here is complete")
    lines += [paint(numbers.safe(line), _RED) for line in report.run.damage]
    return "\n".join(lines) + "\n"


def _why(report: harness.Report, width: int, paint: Callable[..., str]) -> list[str]:
    """The first findings, and the command that has them all."""
    found = rows.findings(report)
    if not found or report.coverage is None:
        return []
    *findings, coverage = found
    lines = [""]
    for text in findings:
        head, *rest = textwrap.wrap(
            text, max(60, width or 150), subsequent_indent="     ", initial_indent="why: "
        )
        lines += [paint("why:", _BOLD) + head.removeprefix("why:"), *rest]
    return [*lines, paint(f"{coverage}: harness explain {report.run.id}", _DIM)]


def _how(report: harness.Report, group: list[harness.Record]) -> str:
    most = max(r.replicates for r in group)
    processes = f"{most} process{'es' * (most != 1)}"
    name = report.environment.device_name if group[0].case.device != "cpu" else report.environment.cpu
    return numbers.safe(f"   {name}   synced call, data on device   {processes}")


def _codes(record: harness.Record | None) -> tuple[str, ...]:
    if record is None:
        return (_DIM,)
    if record.best:
        return (_GREEN,)
    return (_RED,) if record.status == "incorrect" else ()


def _legend(measured: list[harness.Record], shown: list[rows.Column]) -> str:
    parts = ["* fastest correct, which is no verdict"] if any(r.best for r in measured) else []
    if any(c.key == "interval" for c in shown) and any(r.replicates > 1 for r in measured):
        parts.append("±95 %: interval over processes")
    if any(c.key == "sustained" for c in shown):
        parts.append("sustained: over windows, (calls under way at once)")
    parts.append("error: rms deviation from float64 over the spread of the outputs, X above the limit")
    return "   ".join(parts)


def _grid(group: list[harness.Record], shown: list[rows.Column]) -> list[str]:
    """Title and rows of one group, aligned."""
    import tabulate

    cells = [[("*" if r.best else ""), *(c.text(r) for c in shown)] for r in group]
    text = tabulate.tabulate(
        cells,
        headers=["", *(c.title for c in shown)],
        tablefmt="plain",
        colalign=["left", *("right" if c.right else "left" for c in shown)],
        disable_numparse=True,
    )
    return [line.rstrip() for line in text.splitlines()]


def _fit(
    measured: list[harness.Record], shown: list[rows.Column], width: int
) -> tuple[list[rows.Column], list[str]]:
    """The columns that fit into `width` (0: all), and the titles of those left out."""
    left_out: list[str] = []
    for key in ("", *_EXPENDABLE):
        left_out += [c.title for c in shown if c.key == key]
        shown = [c for c in shown if c.key != key]
        widest = max((len(line) for g in grouped(measured) for line in _grid(g, shown)), default=0)
        if not width or widest <= width:
            break
    return shown, left_out
