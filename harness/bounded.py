"""Reads files that may come from anybody: regular files alone, and no more of them than makes sense."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from harness.errors import StoreError, UsageError

MIB = 1 << 20
MOST_RUN = 512 * MIB
"""A run file of a hundred thousand replicates; no sweep of a day has as many."""
MOST_REPORT = 256 * MIB
MOST_TOML = MIB
"""A suite or a file of claims that somebody wrote by hand."""
MOST_PARTS = 32
"""Names with dots between them in one key."""
_MANY_PARTS = re.compile(
    rf"""(?<![\w."'-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MOST_PARTS}}}""", re.ASCII
)
BOM = b"\xef\xbb\xbf"
"""What some editors put before a text."""


def read_bytes(path: Path, most: int) -> bytes:
    """What is in a file, without a byte order mark.

    Raises:
        OSError: it cannot be read.
        UsageError: it is no regular file (a pipe or a device would be waited for), or has more than `most`
            bytes.
    """
    # Never waits: a pipe without a writer is opened at once, and told.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        raise UsageError(f"{path} is no file: it is {_kind(mode)}", "name a file")
    with open(fd, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise UsageError(
            f"{path} is too large: more than {most // MIB} MiB", "nothing that this version wrote is as large"
        )
    return data.removeprefix(BOM)


def stored(path: Path, most: int) -> bytes:
    """What is in a file of a store.

    Raises:
        StoreError: it cannot be read, is no regular file, or is too large.
    """
    try:
        return read_bytes(path, most)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except UsageError as error:
        raise StoreError(error.message, error.hint) from error


def read_text(path: Path, most: int = MOST_TOML) -> str:
    """The same as UTF-8 text.

    Raises:
        OSError, UsageError: as `read_bytes`.
        UnicodeDecodeError: it is none.
    """
    return read_bytes(path, most).decode("utf-8")


def toml(text: str, where: str, hint: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Args:
        where: names it in messages.
        hint: what it should be.

    Raises:
        UsageError: it is none, or goes deeper than any text that somebody wrote.
    """
    # tomllib takes time and memory as the square of the parts of a key: 20 KB of dots are 400 MB.
    deep = _MANY_PARTS.search(text)
    if deep is not None:
        line = text.count("\n", 0, deep.start()) + 1
        raise UsageError(f"{where}: a key of more than {MOST_PARTS} parts (at line {line})", hint)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: {error}", hint) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets in brackets
        what = "brackets" if isinstance(error, RecursionError) else "digits"
        raise UsageError(f"{where}: too many {what}", hint) from error


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"
