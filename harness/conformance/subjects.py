"""What `check WHAT` stands for: a distribution, an entry point, a file, a module, or the box."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from harness.catalogue.loading import BUILTINS, PluginRequest, entry_points, plugins_disabled
from harness.catalogue.suggest import suggestion
from harness.errors import AmbiguousName, PluginError, UsageError

BOX = "box"
"""Everything that is built in."""


@dataclass(frozen=True)
class Subject:
    """Which plugins are checked, and how a child loads them without anybody else's."""

    text: str
    sources: tuple[str, ...]
    plugins: PluginRequest


def subject(text: str, beside: PluginRequest | None = None) -> Subject:
    """What a text stands for.

    Args:
        beside: plugins that are loaded as well: those that it is made to work with.

    Raises:
        UsageError: nothing here is called so, or it announces no plugin.
    """
    beside = beside or PluginRequest()
    text = text.strip()
    if not text:
        raise UsageError(
            "nothing to check", f"name a distribution, an entry point, a file, a module or {BOX}"
        )
    if text == BOX:
        return Subject(text, tuple(f"builtin:{name}" for name in BUILTINS), _only((), beside))
    if text.endswith(".py") or (os.sep in text and not _is_entry(text)):
        return _file(text, beside)
    announced = _announced(text)
    if announced:
        _refuse_blocked(text, announced, beside)
        return Subject(text, tuple(f"entry:{d}/{n}" for d, n in announced), _only(announced, beside))
    if _importable(text):
        request = _only((), beside)
        return Subject(text, (f"module:{text}",), PluginRequest((text, *request.extra), request.blocked))
    raise _unknown(text)


def _refuse_blocked(text: str, announced: tuple[tuple[str, str], ...], beside: PluginRequest) -> None:
    if plugins_disabled():
        raise UsageError(plugins_disabled(), "unset it for this call")
    names = {name for pair in announced for name in pair} & set(beside.blocked)
    if names:
        raise UsageError(f"{text} is to be checked and left out", f"leave away --plugin no:{min(names)}")


def _file(text: str, beside: PluginRequest) -> Subject:
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        raise PluginError(f"{text}: there is no such file", "name a file that is there, or a module")
    if path.suffix != ".py":
        raise UsageError(f"{text} is no Python file", "a plugin is a file that ends in .py, or a module")
    request = _only((), beside)
    return Subject(text, (f"file:{path}",), PluginRequest((str(path), *request.extra), request.blocked))


def _is_entry(text: str) -> bool:
    distribution, _, name = text.partition("/")
    return any(_same(d, distribution) and point.name == name for point, d, _ in entry_points())


def _announced(text: str) -> tuple[tuple[str, str], ...]:
    """(distribution, entry point) of every entry point that the text stands for."""
    points = [(distribution, point.name) for point, distribution, _ in entry_points()]
    distribution, slash, name = text.partition("/")
    if slash:
        return tuple(p for p in points if _same(p[0], distribution) and p[1] == name)
    of_it = tuple(p for p in points if _same(p[0], text))
    if of_it:
        return of_it
    named = tuple(p for p in points if p[1] == text)
    if len(named) > 1:
        who = " and ".join(d for d, _ in named)
        raise AmbiguousName(
            f"the entry point {text!r} is announced by {who}", f"say whose: {named[0][0]}/{text}"
        )
    return named


def _same(one: str, other: str) -> bool:
    """Whether two names are of one distribution: case, dots and underscores do not count."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _only(announced: tuple[tuple[str, str], ...], beside: PluginRequest) -> PluginRequest:
    """The request that leaves out every entry point but those: no other plugin is to spoil a check."""
    wanted = {distribution for distribution, _ in announced}
    others = {d for _, d, _ in entry_points() if d not in wanted}
    return PluginRequest(beside.extra, tuple(sorted({*beside.blocked, *others})))


def _importable(text: str) -> bool:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", text):
        return False
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        # Of a dotted name the first part alone: finding the rest would import it here.
        return util.find_spec(text.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _unknown(text: str) -> UsageError:
    known = sorted({w for point, d, _ in entry_points() for w in (d, point.name)} | {BOX})
    try:
        version = metadata.version(text)
    except Exception:
        return UsageError(
            f"there is no plugin {text!r} here{suggestion(text, known)}",
            f"plugins here: {', '.join(known)}; a file is named by its path, a module by its name",
        )
    return UsageError(
        f"{text} {version} is installed and announces no plugin",
        "a plugin is announced by an entry point of the group `harness`; then it is installed again",
    )
