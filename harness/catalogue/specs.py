"""The text that names a component with its parameters: `mlp:hidden_dim=4096,n_layers=8`.

A list is separated by commas; a comma starts a new name unless `key=value` follows it while a
name with a colon is open: `mlp:hidden_dim=4096,n_layers=8,cnn` is two models. A list inside a value
is joined by `+`. `distribution/name` picks one of two providers of a name. A backslash before a comma
makes it part of a file's name or of a value: `a\\,b.py:build`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.catalogue import targets
from harness.errors import UsageError

_KEY_VALUE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\s*=")
_FILE = re.compile(r"\.(py|onnx|pt2|pt)$")


@dataclass(frozen=True)
class Spec:
    """A name and the texts of its parameters, not yet checked against any component."""

    name: str
    values: tuple[tuple[str, str], ...] = ()
    distribution: str | None = None
    target: targets.Target | None = None
    """What the name stands for where nobody announced it: a callable in a file or a module."""

    def __str__(self) -> str:
        name = targets.escaped(self.name)
        head = f"{self.distribution}/{name}" if self.distribution else name
        tail = ",".join(f"{k}={targets.escaped(v)}" for k, v in self.values)
        return f"{head}:{tail}" if tail else head


def split_list(text: str) -> list[str]:
    """One option's text as the texts of its names; see the module's docstring.

    Raises:
        UsageError: a comma is part of the name of a file that is there.
    """
    _refuse_bare_commas(text)
    parts: list[str] = []
    for piece in targets.pieces(text):
        if parts and ":" in parts[-1] and _KEY_VALUE.match(piece.strip()):
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return [p.strip() for p in parts]


def _refuse_bare_commas(text: str) -> None:
    found = targets.split(text) if "," in text else None
    if found is None:
        return
    where = found[0].where
    if "," in where and targets.escaped(where) not in text and os.path.isfile(os.path.expanduser(where)):
        raise UsageError(
            f"{text!r}: a comma separates names, and {where!r} is the name of a file",
            f"write a backslash before it, in quotes for the shell: '{found[0].text}'",
        )


def parse(text: str, kind: str) -> Spec:
    """The spec a text stands for. `kind` is only used in messages.

    Raises:
        UsageError: the text is empty, names a file, has a parameter without `=` or the same twice.
    """
    text = text.strip()
    found = targets.split(text) if kind == "model" else None
    if found is not None:
        target, tail = found
        return Spec(target.name, _values(text, target.text, tail), target=target)
    head, colon, tail = text.partition(":")
    head = head.strip()
    if not head:
        raise UsageError(f"empty {kind} name in {text!r}", f"`harness list {kind}s` shows those there are")
    if "=" in head:
        raise UsageError(
            f"{text!r} is a parameter and no {kind}", f"parameters follow a colon: NAME:{head},key=value"
        )
    if _FILE.search(head) or head.startswith((".", "/")) or head.count("/") > 1:
        raise UsageError(
            f"{head!r} is a file, not the name of a {kind}",
            f"name what makes the model: {head}:NAME; a plugin is loaded with --plugin {head}"
            if kind == "model" and head.endswith(".py")
            else "load a plugin file with --plugin FILE and select what it provides by name",
        )
    distribution, slash, name = head.rpartition("/")
    if not name or (slash and not distribution):
        raise UsageError(f"no {kind} name in {head!r}", "a name is `name` or `distribution/name`")
    if kind == "model" and tail.strip().isidentifier():
        file = f"{head}.py"
        there = os.path.isfile(os.path.expanduser(file))
        raise UsageError(
            f"{tail.strip()!r} in {text!r} is no key=value",
            f"{file} is a file: write {file}:{tail.strip()}"
            if there
            else f"write {head}:key=value,key=value; what makes a model in a file is FILE.py:{tail.strip()}",
        )
    if colon and not tail.strip():
        raise UsageError(f"{text!r}: nothing follows the colon", f"write {head} alone, or {head}:key=value")
    return Spec(name, _values(text, head, tail), distribution or None)


def _values(text: str, head: str, tail: str) -> tuple[tuple[str, str], ...]:
    """`key=value,key=value` as pairs."""
    values: list[tuple[str, str]] = []
    for piece in targets.pieces(tail) if tail else []:
        key, equals, value = piece.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UsageError(
                f"{piece.strip()!r} in {text!r} is no key=value", f"write {head}:key=value,key=value"
            )
        if key in dict(values):
            raise UsageError(f"{key!r} is given twice in {text!r}", "give it once")
        values.append((key, targets.unescaped(value.strip())))
    return tuple(values)


def parse_all(texts: Iterable[str], kind: str) -> list[Spec]:
    """Specs of several option texts, in order, each once."""
    specs: dict[Spec, None] = {}
    for text in texts:
        for part in split_list(text):
            specs[parse(part, kind)] = None
    return list(specs)
