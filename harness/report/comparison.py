"""A comparison as a table for the terminal, or as Markdown to paste into a pull request."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace

from harness.records.comparison import EQUIVALENT, FASTER, SLOWER, ComparisonReport
from harness.report import compared
from harness.report.compared import BROKEN, LEFT, REFUSED, Row
from harness.report.markup import escape
from harness.report.numbers import safe

_BOLD, _GREEN, _RED, _YELLOW, _DIM, _OFF = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_COLOURS = {FASTER: _GREEN, SLOWER: _RED, BROKEN: _RED, REFUSED: _YELLOW, EQUIVALENT: ""}
_GAP = "   "
_LEAST = 20
"""A line that goes on below is indented if so many characters are left to it."""

Paint = Callable[[str, str], str]


def table(report: ComparisonReport, width: int = 0, colour: bool = False) -> str:
    """The verdicts with what they rest on; `width` is the terminal's, 0 for none."""

    def paint(text: str, code: str) -> str:
        return f"{code}{text}{_OFF}" if colour and code else text

    rows = compared.rows(report)
    lines = [paint(line, _BOLD) for line in _wrapped(compared.title(report), width)]
    lines += [paint(line, _DIM) for line in _wrapped(compared.how(report), width)]
    named = compared.sides(report)
    longest = max((len(name) for name, _ in named), default=0)
    for name, text in named:
        lines += [paint(x, _DIM) for x in _wrapped(f"{name.ljust(longest)}  {text}", width, longest + 2)]
    for text in compared.common_differences(report):
        lines += [paint(x, _YELLOW) for x in _wrapped(f"differs: {text}", width, 9)]
    rows, left_out, narrow = _fitting(rows, width)
    lines += ["", *(_stacked if narrow else _grid)(rows, width, paint), ""]
    if len(rows) > 1:
        lines += _wrapped(compared.summary(rows), width)
    lines += [paint(x, _DIM) for x in _wrapped(compared.legend(report), width)]
    if left_out:
        text = f"left out, the terminal is narrow: {', '.join(left_out)}"
        lines += [paint(x, _DIM) for x in _wrapped(text, width)]
    for text in compared.warnings(report):
        lines += _wrapped(f"warning: {text}", width, 9)
    for text in report.unmatched:
        lines += [paint(x, _DIM) for x in _wrapped(f"not compared: {safe(text)}", width, 14)]
    noise, ended = report.comparison.noise, compared.ended(report)
    lines += _wrapped(f"the machine was {safe(noise)}", width, 7) if noise else []
    lines += [paint(x, _YELLOW) for x in _wrapped(ended, width)] if ended else []
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    """Lines no longer than the terminal is wide; a pipe has no width."""
    if not width or len(text) <= width:
        return [text]
    indent = indent if indent + _LEAST <= width else 2
    return textwrap.wrap(text, max(3, width), subsequent_indent=" " * indent, break_on_hyphens=False)


_HEADS = ("new", "model", "runner", "precision", "batch", "device", "threads")
"""What tells the rows apart, and is not said again for a second metric."""


_TIMES = ("base ms", "new ms")


def _fitting(rows: list[Row], width: int) -> tuple[list[Row], list[str], bool]:
    """(rows, what was left out, whether they are stacked): a narrow terminal has no room for everything."""
    left_out: list[str] = []
    steps: list[tuple[str, Callable[[str, str], str | None]]] = [
        ("number of processes", lambda title, text: None if title in ("processes", "pairs") else text),
        ("± of the times", lambda title, text: _bare(text) if title in _TIMES else text),
        ("the times", lambda title, text: None if title in _TIMES else text),
    ]
    for what, change in steps:
        if width and _width(rows) > width:
            left_out = [*left_out, what] if what != "the times" else [left_out[0], what]
            rows = [_with_cells(row, change) for row in rows]
    return rows, left_out, bool(width) and _width(rows) > width


def _with_cells(row: Row, change: Callable[[str, str], str | None]) -> Row:
    changed = ((title, change(title, text)) for title, text in row.cells.items())
    return replace(row, cells={title: text for title, text in changed if text is not None})


def _bare(text: str) -> str:
    return text.partition(" ± ")[0].rstrip()


def _width(rows: list[Row]) -> int:
    if not rows:
        return 0
    return sum(max(len(t), *(len(r.cells[t]) for r in rows)) + len(_GAP) for t in rows[0].cells) - len(_GAP)


def _grid(rows: list[Row], width: int, paint: Paint) -> list[str]:
    """Titles and rows, aligned; notes beside their row where there is room for all, else below it."""
    if not rows:
        return []
    widths = {t: max(len(t), *(len(r.cells[t]) for r in rows)) for t in rows[0].cells}
    longest = max(len("; ".join(r.notes)) for r in rows)
    beside = not width or _width(rows) + len(_GAP) + longest <= width
    lines = [paint(_GAP.join(_placed(t, t, w) for t, w in widths.items()).rstrip(), _DIM)]
    for row in rows:
        cells = [
            _painted(title, _placed(title, text, widths[title]), row, paint)
            if row.first or title not in _HEADS
            else " " * widths[title]
            for title, text in row.cells.items()
        ]
        note = "; ".join(row.notes)
        lines.append(_GAP.join([*cells, note] if beside and note else cells))
        lines += [] if beside else _note(note, width, paint)
    return lines


def _stacked(rows: list[Row], width: int, paint: Paint) -> list[str]:
    """For a terminal that no table fits: what it is, the verdict below."""
    lines = []
    for row in rows:
        heads = "  ".join(x for t, x in row.cells.items() if t in _HEADS)
        lines += _wrapped(heads, width, 2) if row.first and heads else []
        said = [(t, x.strip()) for t, x in row.cells.items() if t not in _HEADS]
        painted = [_painted(title, text, row, paint) for title, text in said]
        fits = 2 + sum(len(text) + 2 for _, text in said) <= width
        lines += ["  " + "  ".join(painted)] if fits else [f"  {text}" for text in painted]
        lines += _note("; ".join(row.notes), width, paint)
    return lines


def _note(note: str, width: int, paint: Paint) -> list[str]:
    return [paint(f"    {x}", _DIM) for x in _wrapped(note, max(1, width - 4))] if note else []


def _painted(title: str, text: str, row: Row, paint: Paint) -> str:
    if title not in ("change", "verdict"):
        return text
    shown = text.rstrip()
    return paint(shown, _COLOURS.get(row.word, _DIM) + (_BOLD if row.material else "")) + text[len(shown) :]


def _placed(title: str, text: str, width: int) -> str:
    return text.ljust(width) if title in LEFT else text.rjust(width)


# ---- Markdown ---------------------------------------------------------------------------------------


def markdown(report: ComparisonReport) -> str:
    """One flat table, with how it was made above it and what to know below."""
    rows = compared.rows(report)
    title = compared.title(report).replace("  ", ", ")
    parts = [f"**{_escape(title)}**: {_escape(compared.how(report))}"]
    head = [f"{_escape(name)}: {_escape(text)}" for name, text in compared.sides(report)]
    head += [f"differs: {_escape(text)}" for text in compared.common_differences(report)]
    parts += [_list(head)] if head else []
    if rows:
        titles = [*rows[0].cells, *(["note"] if any(r.notes for r in rows) else [])]
        lines = [
            _line(titles),
            "|" + "|".join("---" if t in (*LEFT, "note") else "---:" for t in titles) + "|",
        ]
        for row in rows:
            texts = {t: _escape(" ".join(x.split())) for t, x in row.cells.items()}
            if row.material or row.word == BROKEN:
                texts["verdict"] = f"**{texts['verdict']}**"
            texts["note"] = _escape("; ".join(row.notes))
            lines.append(_line([texts[t] for t in titles]))
        parts.append("\n".join(lines))
    below = [_escape(compared.summary(rows))] if len(rows) > 1 else []
    below += [f"{_escape(text)}." for text in compared.legend(report).split("   ")]
    parts.append(" ".join(text if text.endswith(".") else f"{text}." for text in below))
    more = [f"warning: {_escape(text)}" for text in compared.warnings(report)]
    more += [f"not compared: {_escape(text)}" for text in report.unmatched]
    more += [f"The machine was {_escape(report.comparison.noise)}"] if report.comparison.noise else []
    ended = compared.ended(report)
    more += [_escape(ended)] if ended else []
    parts += [_list(more)] if more else []
    return "\n\n".join(parts) + "\n"


def _escape(text: str) -> str:
    """Names and reasons as text: nothing in them is markup, a link or HTML."""
    return escape(" ".join(text.split()))


def _list(texts: list[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
