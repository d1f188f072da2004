"""Where traces are kept: one file for each case, named so that no name of a model leads elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path

from harness.errors import StoreError
from harness.records.case import PlannedCase

FOLDER = "profiler"
_USUAL = re.compile(r"[^A-Za-z0-9.=+\-_]+")
_LONGEST = 60


def trace_path(results: Path, planned: PlannedCase) -> Path:
    """`<results>/profiler/<model>_<runner>_<precision>_b<batch>_<device>_trace.json`.

    Colons and commas of parameters become `-`. A part with other unusual characters, or a long one, is
    cut down to what is safe and ends in eight hex digits of its hash, so that no two share a file.
    """
    case = planned.case
    parts = [planned.label["model"], planned.label["runner"], case.precision]
    name = "_".join([*map(_safe, parts), f"b{case.batch_size}", _safe(case.device), "trace.json"])
    return results / FOLDER / name


def _safe(text: str) -> str:
    plain = re.sub(r"[:,]", "-", text)
    clean = _USUAL.sub("-", plain).lstrip(".-")[:_LONGEST]
    if clean == plain:
        return clean
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{clean}-{digest}".lstrip("-")


def check_writable(path: Path) -> None:
    """Finds out before the work whether its result can be kept.

    Raises:
        StoreError: the nearest folder that exists is none, or cannot be written to.
    """
    folder = path.absolute().parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise StoreError(f"cannot write {path}: {folder} is no folder", "--results names another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"cannot write {path}: no permission to write to {folder}", "--results names another place"
        )


def keep_trace(made: Path, path: Path) -> None:
    """Copies a trace to its place, so that readers see a whole file or none.

    Raises:
        StoreError: there is no trace, or it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, beside)
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
