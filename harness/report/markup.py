"""Text as Markdown shows it: nothing in it is markup, a link or HTML."""

from __future__ import annotations

import re

from harness.report.numbers import safe

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_LEAD = re.compile(r"(\s*(?:- )?)(.*)", re.S)


def escape(text: str) -> str:
    """A stranger's text on one line, with no markup in it."""
    return _SPECIAL.sub(r"\\\1", safe(text))


def escape_line(line: str) -> str:
    """A line of ours with such text in it: its indentation and its `- ` stay."""
    lead, rest = _LEAD.fullmatch(line).groups()  # type: ignore[union-attr]  # it matches any text
    return lead + escape(rest)
