"""What this machine and this installation are, as far as files say."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from harness import machine
from harness.records.doctor import Extra

DISTRIBUTION = "pytorch-inference-lab"
_OF_DEVELOPERS = ("test", "lint", "docs")


def gpus(proc: Path = Path("/proc")) -> list[str]:
    """The names of NVIDIA devices, from the kernel module's own files."""
    names = []
    for path in sorted((proc / "driver" / "nvidia" / "gpus").glob("*/information")):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return names


def extras(required: list[str] | None = None) -> list[Extra]:
    """The optional parts for users, with what is missing of each.

    Args:
        required: as `importlib.metadata.requires` has it; this distribution's own by default.
    """
    if required is None:
        try:
            required = metadata.requires(DISTRIBUTION) or []
        except metadata.PackageNotFoundError:
            required = []
    found: dict[str, list[str]] = {}
    for text in required:
        match = re.match(r"([A-Za-z0-9._-]+).*\bextra\s*==\s*[\"']([^\"']+)[\"']", text)
        if match and match[2] not in _OF_DEVELOPERS:
            missing = found.setdefault(match[2], [])
            if not machine.versions((match[1],)):
                missing.append(match[1])
    return [Extra(name, missing) for name, missing in sorted(found.items())]
