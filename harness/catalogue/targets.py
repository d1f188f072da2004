"""Models that nobody announced: `net.py:build`, `package.module:Net`, `net.pt2`, written where a name would
stand.

Text alone is looked at here. `harness.catalogue.adopted` makes a model of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.errors import UsageError

_ATTRIBUTE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_FILE = re.compile(rf"(?P<where>.+\.py):(?P<attribute>{_ATTRIBUTE})(?::(?P<values>.*))?", re.S)
_MODULE = re.compile(
    rf"(?P<where>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+):(?P<attribute>{_ATTRIBUTE})(?::(?P<values>.*))?", re.S
)
_OPTION = re.compile(r";(input|inputs)=")
SCHEME = "model:"
_SLASHES = re.compile(r"(\\*)(,|\Z)")
"""Backslashes that mean something: right before a comma, and before an end, where a comma may follow."""


def pieces(text: str) -> list[str]:
    """What commas separate; one after a backslash, or an odd number of them, separates nothing."""
    found, begin = [], 0
    for match in _SLASHES.finditer(text):
        if match[2] and len(match[1]) % 2 == 0:
            found.append(text[begin : match.start(2)])
            begin = match.end()
    return [*found, text[begin:]]


def unescaped(text: str) -> str:
    """The text with its commas as they are meant. A single backslash at the end is one."""
    return _SLASHES.sub(lambda m: "\\" * ((len(m[1]) + (not m[2])) // 2) + m[2], text)


def escaped(text: str) -> str:
    """The text as it is written where commas separate."""
    return _SLASHES.sub(lambda m: m[1] * 2 + (m[2] and "\\,"), text)


@dataclass(frozen=True)
class Given:
    """What the command line says of the inputs of such models."""

    inputs: tuple[str, ...] = ()
    """`--input`: name=dtype[dims;low..high], one for each input."""
    file: str | None = None
    """`--inputs`: a file of arrays, one for each input."""


NOTHING = Given()


@dataclass(frozen=True)
class Target:
    """A callable or a module, in a file or in an installed module; or a file that is a model."""

    where: str
    """A path, or a module's dotted name."""
    attribute: str = ""
    """Empty for a file that is a model itself."""
    given: Given = NOTHING

    @property
    def is_file(self) -> bool:
        return not self.attribute or self.where.endswith(".py")

    @property
    def suffix(self) -> str:
        """Of a file that is a model, by which its reader is known; empty otherwise."""
        return "" if self.attribute else next(s for s in registry.formats() if self.where.endswith(s))

    @property
    def name(self) -> str:
        """What its cases call it: the same wherever the file lies."""
        where = Path(self.where).name if self.is_file else self.where
        return f"{where}:{self.attribute}" if self.attribute else where

    @property
    def text(self) -> str:
        """As it is written on the command line, without parameters."""
        where = escaped(self.where)
        return f"{where}:{self.attribute}" if self.attribute else where

    @property
    def source(self) -> str:
        """How another process finds it again: where it is, and what its inputs are."""
        where = str(Path(self.where).expanduser().resolve()) if self.is_file else self.where
        text = f"{SCHEME}{where}:{self.attribute}" if self.attribute else f"{SCHEME}{where}"
        text += "".join(f";input={one}" for one in self.given.inputs)
        return text + (f";inputs={self.given.file}" if self.given.file else "")


def split(text: str) -> tuple[Target, str] | None:
    """(the target, the text of its parameters), or None if the text is no target."""
    for suffix in registry.formats():
        whole = re.fullmatch(rf"(?P<where>.+{re.escape(suffix)})(?::(?P<values>.*))?", text, re.S)
        if whole is not None:
            return Target(unescaped(whole["where"].strip())), whole["values"] or ""
    match = _FILE.fullmatch(text) or _MODULE.fullmatch(text)
    if match is None or match["attribute"] is None:
        return None
    return Target(unescaped(match["where"].strip()), match["attribute"]), match["values"] or ""


def of_source(source: str) -> Target:
    """The target that `Target.source` wrote."""
    head, *rest = _OPTION.split(source.removeprefix(SCHEME))
    whole = any(head.endswith(suffix) for suffix in registry.formats())
    where, _, attribute = (head, "", "") if whole else head.rpartition(":")
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    inputs = tuple(value for key, value in pairs if key == "input")
    return Target(where, attribute, Given(inputs, next((v for k, v in pairs if k == "inputs"), None)))


def given(inputs: Iterable[str], file: str | None) -> Given:
    """What `--input` and `--inputs` said, the path absolute.

    Raises:
        UsageError: both were given, or the file is not there.
    """
    texts = tuple(inputs)
    if file is None:
        return Given(texts)
    if texts:
        raise UsageError("--input and --inputs both say what goes in", "give one of them")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise UsageError(
            f"--inputs {file!r}: there is no such file", "numpy.savez writes one: an array for each input"
        )
    return Given(file=str(path))
