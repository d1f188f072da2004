"""Commands to try, as they must be typed to mean the very row that they stand under."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace

from harness.catalogue import targets
from harness.records.report import Record

_OPTIONS = {
    "model": "-m",
    "runner": "-r",
    "precision": "-p",
    "batch_size": "-b",
    "device": "-d",
    "threads": "--threads",
}


def axes_of(record: Record) -> dict[str, str]:
    """The configuration of a record: axis -> value as on the command line."""
    case, label = record.case, record.label
    return {
        "model": label["model"],
        "runner": label["runner"],
        "precision": case.precision,
        "batch_size": str(case.batch_size),
        "device": case.device,
        "threads": str(case.threads),
    }


def select(record: Record) -> str:
    """The options of a command that looks at one case."""
    return " ".join(_words(record, axes_of(record)))


def compare(record: Record, new: Mapping[str, str], base: Mapping[str, str] | None = None) -> str:
    """`harness compare` of the row as it is, or of `base`, with the axes of `new` changed."""
    axes = {**axes_of(record), **(base or {})}
    common = {a: v for a, v in axes.items() if a not in new}
    texts = [",".join(f"{a}={side[a]}" for a in new) for side in (axes, new)]
    words = [*_words(record, common), "--base", shlex.quote(texts[0]), "--new", shlex.quote(texts[1])]
    return f"harness compare {' '.join(words)}"


def _words(record: Record, axes: Mapping[str, str]) -> list[str]:
    """Options for the axes, and for where components come from that are not installed."""
    words = []
    for axis, value in axes.items():
        # The processor is where one measures without a GPU; on a GPU host threads hardly matter.
        if (axis, value) == ("device", "cpu") or (axis == "threads" and record.case.device != "cpu"):
            continue
        words += [_OPTIONS[axis], shlex.quote(_model(record, value) if axis == "model" else value)]
    for source in dict.fromkeys(p.source for p in record.providers):
        scheme, _, what = source.partition(":")
        if source.startswith(targets.SCHEME):
            given = targets.of_source(source).given
            words += [w for text in given.inputs for w in ("--input", shlex.quote(text))]
            words += ["--inputs", shlex.quote(_near(given.file))] if given.file else []
        elif scheme in ("file", "module"):
            words += ["--plugin", shlex.quote(_near(what) if scheme == "file" else what)]
    return words


def _model(record: Record, text: str) -> str:
    """A model of a file by the file's path, which its name leaves out."""
    source = next((p.source for p in record.providers if p.kind == "model"), "")
    if not source.startswith(targets.SCHEME):
        return text
    target = targets.of_source(source)
    here = replace(target, where=_near(target.where)) if target.is_file else target
    return here.text + text.removeprefix(target.name)


def _near(path: str) -> str:
    """A path from here, where that is shorter."""
    here = os.path.relpath(path)
    return path if here.startswith("..") else here
