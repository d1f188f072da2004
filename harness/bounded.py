"""Reads files that may come from anybody: regular files alone, and no more of them than makes sense."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from harness.errors import StoreError, UsageError

MIB = 1 << 20
MOST_RUN = 512 * MIB
"""A run file of a hundred thousand replicates; no sweep of a day has as many."""
MOST_REPORT = 256 * MIB
MOST_TOML = MIB
"""A suite or a file of claims that somebody wrote by hand."""
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


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"
