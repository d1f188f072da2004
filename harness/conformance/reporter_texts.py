"""Checks of what a reporter writes: nothing that a terminal, a table or a spreadsheet would obey."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata

from harness.components import Reporter
from harness.conformance import sample
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.reporters import DISPLAYS, RENDERS, WIDTHS, text_of

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?(\d|\.\d|inf|nan)", re.IGNORECASE)


@check(
    "reporter.extension",
    "None or an extension with its dot",
    'write extension = ".txt"',
)
def extension(bench: Bench) -> str | None:
    found = bench.component.extension
    if found is not None and not (isinstance(found, str) and re.fullmatch(r"\.[A-Za-z0-9.]+", found)):
        raise Failed(repr(found))
    if not isinstance(bench.component.one_document, bool):
        raise Failed(f"one_document = {bench.component.one_document!r}")
    return None


@check(
    "reporter.plain",
    "no escape sequence and no control character in the output of render()",
    "keep colour to display(), and pass names of strangers through harness.safe",
    needs=(RENDERS,),
)
def plain(bench: Bench) -> str | None:
    for what, report in sample.samples().items():
        text = text_of(bench.component.render(report))
        if text is None:
            raise NotApplicable("its output is no text")
        wrong = _control(text)
        if wrong:
            raise Failed(f"{wrong} for a report with {what}")
    return None


@check(
    "reporter.display-plain",
    "no control character from a stranger's name on a terminal, and no colour where none is asked for",
    "pass names of strangers through harness.safe, and paint only if `colour`",
    needs=(DISPLAYS,),
)
def display_plain(bench: Bench) -> str | None:
    if type(bench.component).display is Reporter.display:
        raise NotApplicable("it shows a terminal what a pipe gets")
    for what, report in sample.samples().items():
        for colour in (False, True):
            text = text_of(bench.component.display(report, 120, colour))
            if text is None:
                raise NotApplicable("its output is no text")
            wrong = _control(_painted(text) if colour else text)
            if wrong:
                raise Failed(f"{wrong} {'with' if colour else 'without'} colour for a report with {what}")
    return None


@check(
    "reporter.width",
    "a table that grows no wider than the terminal",
    "leave columns out or wrap them where `width` is small: a wrapped table cannot be read",
    needs=(DISPLAYS,),
)
def width(bench: Bench) -> str | None:
    if type(bench.component).display is Reporter.display:
        raise NotApplicable("it shows a terminal what a pipe gets")
    report = sample.report()
    widest = {}
    for columns in WIDTHS:
        text = text_of(bench.component.display(report, columns, False))
        if text is None:
            raise NotApplicable("its output is no text")
        widest[columns] = max((_cells(line) for line in text.splitlines()), default=0)
    over = [
        f"{found} columns where there are {columns}" for columns, found in widest.items() if found > columns
    ]
    if len(over) == len(WIDTHS):
        raise Failed(over[-1])
    return f"lines of {over[0]}" if over else None


@check(
    "reporter.format",
    "an output that is sound in its format, whatever the names in it",
    "use a library that writes the format, or escape what means something in it: pipes, formulas, tags",
    needs=(RENDERS,),
)
def format_(bench: Bench) -> str | None:
    look = {".json": _json, ".csv": _csv, ".md": _markdown, ".html": _html}.get(
        bench.component.extension or ""
    )
    if look is None:
        raise NotApplicable("only JSON, CSV, Markdown and HTML are looked into")
    for what, report in sample.samples().items():
        text = text_of(bench.component.render(report))
        wrong = "no text" if text is None else look(text)
        if wrong:
            raise Failed(f"{wrong} for a report with {what}")
    return None


def _json(text: str) -> str | None:
    try:
        json.loads(text)
    except ValueError as error:
        return f"no JSON ({error})"
    return None


def _csv(text: str) -> str | None:
    rows = list(csv.reader(io.StringIO(text)))
    if len({len(row) for row in rows}) > 1:
        return "rows of different lengths"
    for row in rows:
        for cell in row:
            if cell.startswith(_FORMULA) and not _NUMBER.match(cell):
                return f"a cell that a spreadsheet runs as a formula ({cell!r})"
    return None


def _markdown(text: str) -> str | None:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if not re.fullmatch(r"\|?[\s:|-]*-[\s:|-]*", line) or "|" not in line or not number:
            continue
        columns = _pipes(lines[number - 1])
        for row in lines[number:]:
            if "|" not in row:
                break
            if _pipes(row) != columns:
                return f"a row of {_pipes(row)} cells in a table of {columns}"
    return "a tag of a stranger's" if re.search(r"(?<!\\)<b>", text) else None


def _pipes(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line.strip().strip("|"))) + 1


def _html(text: str) -> str | None:
    return "a tag of a stranger's" if "<b>" in text else None


def _control(text: str) -> str | None:
    """The first character that is neither visible nor a line's end, in words."""
    for char in text.replace("\r\n", "\n"):
        if unicodedata.category(char) == "Cc" and char not in "\n\t":
            return "an escape sequence" if char == "\x1b" else f"the control character {char!r}"
    return None


def _painted(text: str) -> str:
    """The text without colours, which are the reporter's own; other sequences stay."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text) if not _theirs(text) else text


def _theirs(text: str) -> bool:
    """Whether a sequence of the hostile sample got through."""
    return any(sequence in text for sequence in ("\x1b[2J", "\x1b]0;", "esc\x1b[31m", "\x1b[5mhost"))


def _cells(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in _ANSI.sub("", line))
