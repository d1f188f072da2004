"""Whose files may name code. A suite, claims, a report or a stored run is data, and data runs no code.

A model may be named by its file or module (`net.py:build`), and a run that is taken up again by the plugins
that it was given. Where such a name comes from the command line, its user wants it. Where it comes from a
file it may be a stranger's, and has to be allowed. A run that its user began here carries a mark that
nobody else can make.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.catalogue import targets
from harness.errors import StoreError, UsageError
from harness.inventory import cache_home
from harness.records import codec
from harness.records.events import RunStarted
from harness.records.report import Report
from harness.store import runfile

MARK = "mark"
OPTION = "--allow-code"
_SAFE = ("builtin:", "entry:")
"""Sources that were installed on purpose."""
_KEY_BYTES = 32


def check_models(texts: Iterable[object], where: str, allowed: bool, said: Iterable[str] = ()) -> None:
    """Refuses models that are named by their code in a file.

    Args:
        where: the file, for the message.
        said: what the command line names itself.

    Raises:
        UsageError: one is, and that was not allowed.
    """
    if allowed:
        return
    own = {text.strip() for text in said}
    for text in texts:
        if isinstance(text, str) and text.strip() not in own and _is_code(text):
            raise UsageError(
                f"{where} names code to be run: {text}",
                f"name it yourself with -m; or {OPTION}, if you trust who wrote the file",
            )


def check_run(header: RunStarted, models: Iterable[object], plugins: Iterable[str], allowed: bool) -> None:
    """Refuses a stored run that names code, unless this user began it here.

    Raises:
        UsageError: it names some, and that was not allowed.
    """
    if allowed or is_own(header):
        return
    sources = (p.source for c in header.plan.cases for p in c.providers if not p.source.startswith(_SAFE))
    named = [*plugins, *sources, *(m for m in models if isinstance(m, str) and _is_code(m))]
    if named:
        raise UsageError(
            f"run {header.id} was not begun here by you, and names code to be run: {named[0]}",
            f"{OPTION}, if you trust who wrote its file",
        )


def check_report(report: Report, path: Path, named: Iterable[str], allowed: bool) -> None:
    """Refuses the code that a report names, unless it is that of a run that this user began here.

    Args:
        path: the report, or the run's file.
        named: models by their file or module, and plugins.

    Raises:
        UsageError: it names some, and that was not allowed.
    """
    named = list(named)
    if allowed or not named:
        return
    with contextlib.suppress(StoreError):
        header = runfile.read(path.with_suffix(runfile.SUFFIX)).header
        if is_own(header) and header.id == report.run.id and set(named) <= _named(header):
            return
    raise UsageError(
        f"run {report.run.id} was not begun here by you, and names code to be run: {named[0]}",
        f"{OPTION}, if you trust who wrote its file",
    )


def code_of(report: Report) -> list[str]:
    """The models of a report that are named by their code."""
    return list(dict.fromkeys(m for r in report.records if _is_code(m := r.label["model"])))


def _named(header: RunStarted) -> set[str]:
    """Where the code of a run comes from, in every way in which that is written."""
    cases, plugins = header.plan.cases, header.plan.plugins
    sources = {p.source for c in cases for p in c.providers} | {p.source for p in plugins}
    return sources | {s.partition(":")[2] for s in sources} | {c.label["model"] for c in cases}


def _is_code(text: str) -> bool:
    """Whether a model's name stands for code; an ONNX graph is data."""
    found = targets.split(text)
    return found is not None and (bool(found[0].attribute) or found[0].suffix != ".onnx")


def marked(header: RunStarted) -> RunStarted:
    """The header with the mark of this user; as it is where no key can be kept."""
    key = _key()
    return header if key is None else replace(header, asked={**header.asked, MARK: _mark(header, key)})


def is_own(header: RunStarted) -> bool:
    """Whether this user began the run here, and its header is as it was."""
    key, mark = _key(), header.asked.get(MARK)
    return key is not None and isinstance(mark, str) and hmac.compare_digest(mark, _mark(header, key))


def _mark(header: RunStarted, key: bytes) -> str:
    asked = {name: value for name, value in header.asked.items() if name != MARK}
    return hmac.new(key, codec.encode(replace(header, asked=asked)), hashlib.sha256).hexdigest()


def _key() -> bytes | None:
    """The user's secret, made the first time."""
    path = cache_home() / "key"
    with contextlib.suppress(OSError):
        if not path.exists():
            _make(path)
        found = path.read_bytes()
        return found if len(found) == _KEY_BYTES else None
    return None


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".key.{os.getpid()}")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    with contextlib.suppress(FileExistsError):
        os.link(beside, path)  # never over one that another process has just made
    beside.unlink()
