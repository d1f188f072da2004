"""Sizes of memory on the command line: `8GiB`."""

from __future__ import annotations

import re

import click

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT])(i?B)?", re.IGNORECASE)
LEAST_BYTES = 256 << 20
"""A process that has imported torch holds little less."""


def size(_: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A number of bytes, as a callback: `8GiB` or `8G`, `1.5GiB`, `512MiB`, `8GB` for 8,000,000,000."""
    if value is None:
        return None
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size: write 8GiB or 512MiB", param=param)
    base = 1000.0 if (match[3] or "").upper() == "B" else 1024.0
    found = round(float(match[1]) * base ** (1 + "KMGT".index(match[2].upper())))
    if found < LEAST_BYTES:
        raise click.BadParameter(
            f"{value!r} is less than a process with nothing but torch takes: 256MiB and more", param=param
        )
    if found >= 1 << 60:
        raise click.BadParameter(f"{value!r} is more than any machine has", param=param)
    return found
