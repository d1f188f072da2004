"""Judged claims for the terminal and as Markdown."""

from __future__ import annotations

import math
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.analyse.aim import MOST_PASSES
from harness.claims.judge import left_open
from harness.records.claims import (
    CARRIES,
    CARRY_WORDS,
    CONFIRMED,
    DOES_NOT,
    REFUTED,
    WORDS,
    Answer,
    Carried,
    ClaimsReport,
    Judged,
    Measured,
)
from harness.report.numbers import safe, significant

_COLOURS = {CONFIRMED: "\x1b[32m", CARRIES: "\x1b[32m", REFUTED: "\x1b[31m", DOES_NOT: "\x1b[31m"}
_YELLOW, _DIM, _BOLD, _OFF = "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


_MARGIN = 1.25
"""The spread of a few passes is itself a guess, and a command that is advised should do."""


@dataclass(frozen=True)
class Style:
    """How wide a text may be, and whether it has colours."""

    width: int = 110
    colour: bool = False

    def paint(self, text: str, code: str) -> str:
        return f"{code}{text}{_OFF}" if self.colour else text


def text(report: ClaimsReport, style: Style = Style()) -> str:
    """Each claim with its word, what was found, and why."""
    lines = [style.paint(line, _BOLD) for line in _wrapped(title(report), style, "")]
    lines += [style.paint(line, _DIM) for line in _wrapped(where(report), style, "")]
    for difference in report.differences:
        lines += [style.paint(x, _YELLOW) for x in _wrapped(f"differs: {safe(difference)}", style, "")]
    for note in report.notes:
        lines += _wrapped(f"note: {safe(note)}", style, "")
    lines.append("")
    widest = max((len(w) for w in (*_words(report),)), default=0)
    for verdict in report.verdicts:
        lines += _verdict(verdict, widest, style)
    for one in report.carried:
        lines += _carried(one, widest, style)
    lines += ["", summary(report)]
    if report.runs:
        lines.append(f"measured in {', '.join(report.runs)}: harness explain {report.runs[-1]}")
    more = settle_command(report)
    if more:
        lines.append(f"what noise left open: {safe(more)}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def title(report: ClaimsReport) -> str:
    """What was judged."""
    said = f": {safe(report.summary)}" if report.summary else ""
    return f"{safe(report.source)}{said}"


def where(report: ClaimsReport) -> str:
    """`here: AMD EPYC 9B45, 2 cores, torch 2.13.0+cpu`."""
    known = report.environment
    cores = f"{known.cores_usable} core{'s' * (known.cores_usable != 1)}"
    parts = [known.device_name if known.device_name != known.cpu else None, known.cpu, cores]
    parts.append(f"torch {known.torch}" if known.torch else None)
    return safe(f"here: {', '.join(p for p in parts if p)}")


def summary(report: ClaimsReport) -> str:
    """`5 confirmed, 3 refuted, 2 not testable here`."""
    every = CARRY_WORDS if report.carried else WORDS
    counts = Counter(_words(report))
    said = [f"{counts[word]} {word.lower()}" for word in every if counts[word]]
    return ", ".join(said) if said else "nothing to judge"


def settle_command(report: ClaimsReport) -> str | None:
    """The command that measures again what noise left open, with as many passes as that may take."""
    if not any(left_open(v) for v in report.verdicts):
        return None
    needed = [a.passes_needed for v in report.verdicts for a in v.answers if a.passes_needed is not None]
    passes = f" --passes {min(MOST_PASSES, math.ceil(max(needed) * _MARGIN))}" if needed else ""
    runs = " ".join(f"--run {run}" for run in report.runs)
    return f"harness claims {shlex.quote(report.source)} {runs} --settle{passes}"


def _words(report: ClaimsReport) -> list[str]:
    return [v.word for v in report.verdicts] + [c.word for c in report.carried]


def _verdict(verdict: Judged, widest: int, style: Style) -> list[str]:
    word = style.paint(verdict.word.ljust(widest), _COLOURS.get(verdict.word, _YELLOW))
    lines = [f"{word}  {style.paint(safe(verdict.name), _BOLD)}"]
    indent = " " * (widest + 2)
    if verdict.text:
        lines += [style.paint(x, _DIM) for x in _wrapped(safe(verdict.text), style, indent)]
    for answer in verdict.answers:
        lines += _wrapped(safe(_answer(answer, len(verdict.answers) > 1)), style, indent)
    for cause in verdict.why:
        lines += [style.paint(x, _DIM) for x in _wrapped(f"why: {safe(cause)}", style, indent)]
    return lines


def _answer(answer: Answer, several: bool) -> str:
    """`throughput ratio at least 1.7, at most 2.5: 1.31 (1.25 to 1.38)`."""
    said = f"{answer.text}: {answer.found}" if answer.found else answer.text
    if several:
        said += f", {answer.word.lower()}"
    if answer.reason:
        said += f"; {answer.reason}"
    if answer.passes_needed is not None:
        said += f"; about {answer.passes_needed} passes would settle it"
    return said


def _carried(one: Carried, widest: int, style: Style) -> list[str]:
    word = style.paint(one.word.ljust(widest), _COLOURS.get(one.word, _YELLOW))
    indent = " " * (widest + 2)
    lines = [f"{word}  {style.paint(safe(one.case), _BOLD)}"]
    numbers = f"theirs {ratio(one.theirs)}, here {ratio(one.here)}, over {one.baseline}"
    lines += _wrapped(f"{safe(numbers)}; {safe(one.reason)}", style, indent)
    for cause in one.why:
        lines += [style.paint(x, _DIM) for x in _wrapped(f"why here: {safe(cause)}", style, indent)]
    return lines


def ratio(found: Measured | None) -> str:
    """`2.4x (2.2 to 2.6)`."""
    if found is None:
        return "-"
    ends = "" if found.low is None else f" ({significant(found.low)} to {significant(found.high)})"
    return f"{significant(found.ratio)}x{ends}"


def _wrapped(line: str, style: Style, indent: str) -> list[str]:
    width = max(style.width, len(indent) + 20)
    return textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


# ---- Markdown -------------------------------------------------------------------------------------------


def markdown(report: ClaimsReport) -> str:
    """One flat table."""
    parts = [f"**{_escape(title(report))}**"]
    above = [f"- {_escape(where(report))}"]
    above += [f"- differs: {_escape(d)}" for d in report.differences]
    above += [f"- {_escape(n)}" for n in report.notes]
    parts.append("\n".join(above))
    if report.verdicts:
        rows = [
            (
                v.name,
                f"**{v.word}**" if v.word == REFUTED else v.word,
                "; ".join(_answer(a, len(v.answers) > 1) for a in v.answers),
                "; ".join(v.why),
            )
            for v in report.verdicts
        ]
        parts.append(_table(("claim", "verdict", "found", "why"), rows))
    if report.carried:
        rows = [
            (
                c.case,
                f"**{c.word}**" if c.word == DOES_NOT else c.word,
                f"{ratio(c.theirs)} there, {ratio(c.here)} here; {c.reason}",
                "; ".join(c.why),
            )
            for c in report.carried
        ]
        parts.append(_table(("speed-up", "verdict", "found", "why here"), rows))
    more = settle_command(report)
    parts.append(f"{summary(report)}." + (f" What noise left open: `{safe(more)}`" if more else ""))
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, str, str, str]]) -> str:
    lines = [head, ("---",) * len(head)]
    lines += [(_escape(a), b, _escape(c), _escape(d)) for a, b, c, d in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(line: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(safe(line).split()))
