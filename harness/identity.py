"""Which harness this is: its version, and a digest of its code.

Two interpreters may be compared only if both run the same one, and a version alone does not say so: an
editable installation changes without a new version.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "pytorch-inference-lab"


@cache
def identity() -> dict[str, str | None]:
    """Version, digest and place of this harness, and the Python and torch it runs with."""
    return {
        "version": _version(DISTRIBUTION),
        "digest": _digest(Path(__file__).parent),
        "python": platform.python_version(),
        "executable": sys.executable,
        "torch": _version("torch"),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _digest(folder: Path) -> str:
    """Of every source file, by name and content."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        total.update(file.relative_to(folder).as_posix().encode())
        total.update(file.read_bytes())
    return total.hexdigest()[:16]
