"""Explanations as text: each row with its cause, the evidence under it, what to choose, how much
is explained.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from harness.explain.best import Choice, Limits, peak_mib
from harness.explain.said import bytes_text, percent, times_text
from harness.records.finding import PROVED, WITHDRAWN, Coverage, Finding, Proof
from harness.records.report import Record, Report
from harness.report.markup import escape, escape_line
from harness.report.numbers import half_width, safe, significant, small
from harness.report.select import grouped

_BOLD, _DIM, _GREEN, _RED, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"


class Style:
    """How wide, and whether in colour."""

    def __init__(self, width: int = 110, colour: bool = False) -> None:
        self.width = max(50, width)
        self.colour = colour

    def paint(self, text: str, *codes: str) -> str:
        return "".join(codes) + text + _OFF if self.colour and codes else text

    def wrap(self, text: str, indent: int, first: str = "") -> list[str]:
        """A paragraph; `first` stands before its first line, within the indentation."""
        lead = " " * indent
        start = f"{first:>{indent}}" if first else lead
        return textwrap.wrap(
            safe(text), self.width, initial_indent=start, subsequent_indent=lead, break_on_hyphens=False
        )


def text(
    report: Report,
    choices: Sequence[Choice],
    limits: Limits,
    style: Style,
    evidence: bool = True,
) -> str:
    """The whole explanation of an explained report."""
    lines: list[str] = []
    measured = [r for r in report.records if r.latency_ms is not None]
    stars = {c.best.id for c in choices if c.best} if limits.given else {r.id for r in measured if r.best}
    for group in grouped(measured):
        lines.append(style.paint(_title(group[0]), _BOLD))
        for record in group:
            lines += _row(record, style, evidence, record.id in stars)
        lines.append("")
    for finding in report.findings:
        lines += _finding(finding, style, 2, evidence, named=True)
    if report.findings:
        lines.append("")
    for choice in choices:
        lines += _choice(choice, limits, style)
    lines += ["", *_coverage(report.coverage, style)] if lines else ["nothing was measured"]
    return "\n".join(lines) + "\n"


def _title(record: Record) -> str:
    case = record.case
    threads = f"{case.threads} thread{'s' * (case.threads != 1)}"
    return safe(f"{record.label['model']}  batch {case.batch_size}  {case.device}, {threads}")


def _speed(record: Record) -> str:
    """`2.70x ±4 %`."""
    if record.is_baseline:
        return "baseline"
    if record.speedup is None:
        return "no baseline"
    half = half_width(record.speedup.low, record.speedup.high)
    return times_text(record.speedup.ratio) + ("" if half is None else f" ±{percent(half)}")


def _row(record: Record, style: Style, evidence: bool, star: bool) -> list[str]:
    assert record.latency_ms is not None
    mark = "*" if star else " "
    name = f"{record.label['runner']} {record.case.precision}"
    head = f"{mark} {name:<28} {significant(record.latency_ms.median):>8} ms   {_speed(record)}"
    code = _GREEN if star else _RED if record.status == "incorrect" else ""
    lines = [style.paint(safe(head), *([code] if code else []))]
    said = record.explanation
    shown: set[int] = set()
    if said is not None:
        main = next((f for f in record.findings if f.key == said.key), None)
        if main is not None:
            lines += _finding(
                main, style, 4, evidence, phenomenon=main.kind in ("place", "trouble", "doubt"), bullet=""
            )
            shown.add(id(main))
        elif said.explained:
            lines += style.wrap(said.text, 4)
        else:
            lines += style.wrap(f"{said.text}. Ruled out: {'; '.join(said.ruled_out)}", 4)
    for finding in record.findings:
        if id(finding) not in shown:
            lines += _finding(finding, style, 4, evidence)
    return lines


def _finding(
    finding: Finding,
    style: Style,
    indent: int,
    evidence: bool,
    phenomenon: bool = True,
    named: bool = False,
    bullet: str = "- ",
) -> list[str]:
    word = {PROVED: "proved: ", WITHDRAWN: "withdrawn: "}.get(finding.state, "")
    subject = f"{finding.subject}: " if finding.subject and named else ""
    body = f"{subject}{finding.phenomenon}: {finding.cause}" if phenomenon else finding.cause
    lines = style.wrap(f"{word}{body}", indent, bullet)
    if word:
        lines[0] = lines[0].replace(word, style.paint(word, _GREEN if finding.state == PROVED else _DIM), 1)
    if evidence and finding.evidence:
        told = ", ".join(f"{_name(k)} {value_text(k, v)}" for k, v in finding.evidence.items())
        lines += [style.paint(x, _DIM) for x in style.wrap(f"evidence: {told}", indent + 2)]
    if finding.proof is not None:
        lines += style.wrap(proof_text(finding.proof), indent + 2)
    if finding.advice and finding.state != PROVED:
        lines += style.wrap(f"try: {finding.advice}", indent + 2)
    return lines


def proof_text(proof: Proof) -> str:
    """`experiment: weights cast once ...: 1.42x (1.35 to 1.50), 10 pairs`."""
    head = f"experiment: {proof.intervention.text}"
    if proof.ratio is None:
        return f"{head}: {proof.reason or 'no verdict'}"
    known = (
        f" ({proof.low:.2f} to {proof.high:.2f})" if proof.low is not None and proof.high is not None else ""
    )
    each = " an item" if proof.intervention.per_item else ""
    speed = "the speed" if not each else "the speed an item"
    why = f"; {proof.reason}" if proof.reason else ""
    return f"{head}: {times_text(proof.ratio)}{known} {speed}, {proof.pairs} pairs of processes{why}"


_SUFFIXES = ("_ms", "_us", "_bytes", "_mib", "_s")


def _name(key: str) -> str:
    """`moved_bytes` as `moved`, `share_of_gain` as `share of gain`."""
    for suffix in _SUFFIXES:
        if key.endswith(suffix):
            key = key.removesuffix(suffix)
            break
    return key.replace("_", " ")


def value_text(key: str, value: Any) -> str:
    """A measured value with its unit, as its key says."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{k} {value_text(key, v)}" for k, v in value.items()) + ")"
    if isinstance(value, list):
        return "; ".join(value_text(key, v) for v in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if key.endswith("_bytes"):
        return bytes_text(value)
    if "share" in key:
        return percent(float(value))
    if key in ("error", "tolerance", "max_abs_error"):
        return small(float(value))
    unit = next((s[1:] for s in _SUFFIXES if key.endswith(s)), "")
    unit = {"mib": "MiB"}.get(unit, unit)
    number = f"{value:,}".replace(",", " ") if isinstance(value, int) else significant(float(value))
    return f"{number} {unit}".strip()


def _choice(choice: Choice, limits: Limits, style: Style) -> list[str]:
    model, batch, device, threads = choice.title
    within = " within the limits" if limits.given else ""
    head = f"{model}  batch {batch}  {device}, {threads} thread{'s' * (threads != 1)}: "
    if choice.untold is not None:
        lines = style.wrap(f"{head}which one is fastest cannot be told: {choice.untold}", 0)
    elif choice.best is None:
        lines = style.wrap(f"{head}no correct configuration{within}", 0)
    else:
        lines = style.wrap(f"{head}fastest correct{within}: {_candidate(choice.best)}", 0)
        others = [r for r in choice.front if r is not choice.best]
        if others:
            listed = "; ".join(_candidate(r) for r in others)
            lines += style.wrap(f"nothing beats these in everything either: {listed}", 2)
    if limits.given:
        for record, why in choice.excluded:
            lines += style.wrap(f"not {record.label['runner']} {record.case.precision}: {why}", 2)
    return lines


def _candidate(record: Record) -> str:
    assert record.latency_ms is not None
    memory, found = peak_mib(record), record.verification
    parts = [f"{significant(record.latency_ms.median)} ms"]
    parts += [] if memory is None else [f"{significant(memory)} MiB"]
    parts += [] if found is None or found.error is None else [f"error {small(found.error)}"]
    return f"{record.label['runner']} {record.case.precision} ({', '.join(parts)})"


def _coverage(found: Coverage | None, style: Style) -> list[str]:
    if found is None:
        return style.wrap(
            "not taken apart: without anatomies little can be explained (harness run --anatomy)", 0
        )
    return [coverage_text(found)]


def coverage_text(found: Coverage) -> str:
    """`9 of 11 rows explained, 4 of them proved by experiment`."""
    proved = (
        f", {found.proved} of them proved by experiment"
        if found.proved
        else ", none proved by experiment yet"
    )
    rows = f"{found.rows} row{'s' * (found.rows != 1)}"
    return f"{found.explained} of {rows} explained{proved if found.explained else ''}"


def first_findings(report: Report, most: int = 5) -> list[str]:
    """The lines under the table of a run: what is wrong first, then why the best are fastest."""
    found = [f for r in report.records for f in r.findings if f.state != WITHDRAWN]
    best = {r.id for r in report.records if r.best}
    main = {r.id: r.explanation.key for r in report.records if r.explanation and r.explanation.explained}

    def rank(finding: Finding) -> int:
        record = finding.records[0] if finding.records else ""
        if finding.kind == "trouble":
            return 0 if finding.evidence.get("least_share", 1.0) >= 0.5 else 2
        if finding.key == main.get(record) and finding.kind in ("gain", "no gain"):
            return 1 if record in best else 2
        if finding.key == main.get(record) and finding.kind == "place" and record in best:
            return 1  # nothing beside it is faster, so what bounds it is what there is to say
        return 9

    lines: dict[str, str] = {}
    more: dict[str, int] = {}
    for one in sorted((f for f in found if rank(f) < 9), key=rank):
        # One line for what several rows have, unless each is the best of its group.
        several = one.key if rank(one) != 1 else f"{one.key} {one.subject}"
        more[several] = more.get(several, -1) + 1
        lines.setdefault(several, _line(one))
    return [
        text + (f" (and {more[k]} more row{'s' * (more[k] > 1)})" if more[k] else "")
        for k, text in lines.items()
    ][:most]


def _line(finding: Finding) -> str:
    word = "proved: " if finding.state == PROVED else ""
    return safe(f"{word}{finding.subject}: {finding.phenomenon}: {finding.cause}")


def markdown(report: Report, choices: Iterable[Choice], limits: Limits) -> str:
    """The same to paste: one table of rows with their causes, then findings."""
    lines = ["| row | latency ms | vs baseline | why |", "|---|---:|---:|---|"]
    for record in report.records:
        if record.latency_ms is None:
            continue
        said = record.explanation
        why = "" if said is None else f"{'proved: ' if said.state == PROVED else ''}{said.text}"
        name = f"{_title(record)}: {record.label['runner']} {record.case.precision}"
        cells = [name, significant(record.latency_ms.median), _speed(record), why]
        lines.append("| " + " | ".join(escape(c) for c in cells) + " |")
    lines.append("")
    style = Style(10_000)
    for finding in [
        *(f for r in report.records for f in r.findings),
        *report.findings,
    ]:
        lines += map(escape_line, _finding(finding, style, 2, evidence=True, named=True))
    lines.append("")
    for choice in choices:
        lines += [escape_line(f"- {line.strip()}") for line in _choice(choice, limits, style)]
    if report.coverage is not None:
        lines += ["", coverage_text(report.coverage) + "."]
    return "\n".join(lines) + "\n"
