"""What to say when a name is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message, `; did you mean a, b?` with up to three near names, or nothing."""
    names = list(known)
    near = difflib.get_close_matches(word.lower(), names, n=3, cutoff=0.6)
    near += [n for n in names if word and n.startswith(word.lower()) and n not in near]
    return f"; did you mean {', '.join(near[:3])}?" if near else ""


def listing(names: Iterable[str], limit: int = 20) -> str:
    """The names in one line, cut after `limit`."""
    every = sorted(names)
    more = f", and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def said(value: object) -> str:
    """A value as somebody wrote it, as far as it can be shown: of a long one the beginning."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number that is far too long"
    return text if len(text) <= 80 else f"{text[:80]}..."
