"""The folder of runs: where they are, which is the latest, and what a name on the command line means."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from harness.bounded import MOST_REPORT, stored
from harness.catalogue.suggest import suggestion
from harness.errors import RUNS_HINT, StoreError
from harness.records import codec, report
from harness.records.report import Report
from harness.store import runfile

VARIABLE = "HARNESS_RESULTS"
LATEST = "latest"
_STAMP = "%Y%m%d-%H%M%S"
_DATED = re.compile(r"\d{8}-\d{6}")


def results_folder(option: str | None) -> Path:
    """The results folder: the option, else the variable, else `results` here."""
    return Path(option or os.environ.get(VARIABLE) or "results")


def new_run_id() -> str:
    """A name that sorts by time and does not repeat: `20261122-174126-0c1f`, UTC."""
    return time.strftime(_STAMP, time.gmtime()) + "-" + secrets.token_hex(2)


@dataclass(frozen=True)
class Folder:
    """The runs under one results folder."""

    root: Path

    @property
    def benchmarks(self) -> Path:
        return self.root / "benchmarks"

    def run_path(self, run_id: str) -> Path:
        return self.benchmarks / f"{run_id}{runfile.SUFFIX}"

    def report_path(self, run_id: str) -> Path:
        return self.benchmarks / f"{run_id}.json"

    def check(self, folder: Path) -> None:
        """Makes one of the folders, before any work is done for it.

        Raises:
            StoreError: it cannot be made or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot write {folder}: {error.strerror}", "choose another folder with --results"
            ) from error
        if not os.access(folder, os.W_OK):
            raise StoreError(f"cannot write {folder}", "choose another folder with --results")

    @property
    def comparisons(self) -> Path:
        return self.root / "comparisons"

    def comparison_path(self, comparison_id: str) -> Path:
        return self.comparisons / f"{comparison_id}{runfile.SUFFIX}"

    def comparison_report_path(self, comparison_id: str) -> Path:
        return self.comparisons / f"{comparison_id}.json"

    def ids(self) -> list[str]:
        """Ids of the runs here, the oldest first."""
        return _ids(self.benchmarks)

    def ahead(self) -> list[str]:
        """Ids of runs dated in the future, as this machine's clock goes, where `latest` passes them over."""
        ids = self.ids()
        ahead = _ahead(ids)
        return ahead if _latest(ids) not in ([i] for i in ahead) else []

    def find(self, text: str) -> Path:
        """The file that a run id, the end or start of one, `latest` or a path stands for.

        Raises:
            StoreError: there is none, or several.
        """
        hints = ("make one with `harness run`", "`harness report --list` shows the runs here")
        return _find(text, "run", self.benchmarks, hints)

    def find_comparison(self, text: str) -> Path:
        """The file that the id of a live comparison, `latest` or a path stands for.

        Raises:
            StoreError: there is none, or several.
        """
        hints = ("make one with `harness compare`", f"they are files in {self.comparisons}")
        return _find(text, "comparison", self.comparisons, hints)


def _ids(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    files = (p for p in folder.glob("*" + runfile.SUFFIX) if p.is_file())
    return sorted(p.name[: -len(runfile.SUFFIX)] for p in files)


_SLACK_S = 60.0
"""Clocks of machines that share a folder differ by less."""


def _ahead(ids: list[str]) -> list[str]:
    """Ids that name a moment in the future."""
    until = time.strftime(_STAMP, time.gmtime(time.time() + _SLACK_S))
    return [i for i in ids if _DATED.match(i) and i[: len(until)] > until]


def _latest(ids: list[str]) -> list[str]:
    """The newest of some sorted ids. A file of another name is none (a copy called `baseline`, say), and
    neither is a run that a clock gone wrong dated into the future: it would be the latest for years.
    """
    dated = [i for i in ids if _DATED.match(i)]
    ahead = set(_ahead(dated))
    return ([i for i in dated if i not in ahead] or dated or ids)[-1:]


def _begun(path: Path) -> bool:
    """Whether a file has its first line: one whose writer was killed before that holds no run."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return any(b"\n" in piece for piece in iter(lambda: file.read(1 << 16), b""))
    return False


def _find(text: str, what: str, folder: Path, hints: tuple[str, str]) -> Path:
    """What a name on the command line stands for; hints for an empty folder and for an unknown name."""
    path = Path(text)
    if not text.strip():
        raise StoreError(f"the name of a {what} is empty", f"give a {what} id, `latest` or a file")
    if path.is_dir():
        raise StoreError(
            f"{text} is a folder and no {what}",
            f"say where the {what}s are with --results DIR, and name a {what}",
        )
    if path.suffix in (runfile.SUFFIX, ".json") or os.sep in text:
        if not path.is_file():
            what = f"{text} is no regular file" if path.exists() else f"there is no file {text}"
            raise StoreError(what, hints[1])
        return path
    ids = _ids(folder)
    if not ids:
        raise StoreError(
            f"there is no {what} under {folder}", f"{hints[0]}, or say where they are with --results DIR"
        )
    found = [i for i in ids if i == text] or [i for i in ids if i.startswith(text) or i.endswith(text)]
    if text == LATEST:
        found = _latest([i for i in ids if _begun(folder / f"{i}{runfile.SUFFIX}")] or ids)
    if len(found) > 1:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise StoreError(
            f"{text!r} could be {', '.join(found[:5])}{more}", "write more of the one that you mean"
        )
    if not found:
        raise StoreError(f"there is no {what} {text!r} under {folder}{suggestion(text, ids)}", hints[1])
    return folder / f"{found[0]}{runfile.SUFFIX}"


def read_report_file(path: Path) -> Report:
    """A public report that another program or machine wrote.

    Raises:
        StoreError: it is no report, or of a newer schema.
    """
    data = stored(path, MOST_REPORT)
    try:
        head = codec.decode(data, dict[str, object])
    except codec.DecodeError as error:
        raise StoreError(f"{path} is no report: {error}", RUNS_HINT) from error
    schema = head.get("schema")
    if "comparison" in head:
        raise StoreError(f"{path} is a comparison and no run", "`harness compare --show` shows it again")
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise StoreError(f"{path} is no report: it has no schema number", RUNS_HINT)
    runfile.check_schema(schema, report.SCHEMA, path)
    try:
        return codec.decode(data, Report)
    except codec.DecodeError as error:
        raise StoreError(f"{path} is no report: {error}", RUNS_HINT) from error


def check_output(path: Path) -> None:
    """Refuses what no file can be written to, before any work is done for it.

    Raises:
        StoreError: the name is empty or that of a folder.
    """
    if not path.name or path.is_dir():
        raise StoreError(f"cannot write {path}: that names a folder and no file", "name a file in it")


def raw_run(path: Path) -> bool:
    """Whether a file begins as a run file does."""
    with open(path, "rb") as file:
        return file.read(64).startswith(b'{"event":"run"')


def write_whole(path: Path, data: str | bytes) -> None:
    """Writes a file so that readers see the old one or the new one, never half.

    Raises:
        StoreError: it cannot be written.
    """
    raw = data.encode() if isinstance(data, str) else data
    check_output(path)
    if path.suffix == runfile.SUFFIX and path.is_file() and raw_run(path):
        raise StoreError(f"{path} is a run file: its measurements would be lost", "choose another name")
    path = path.resolve() if path.is_symlink() and path.is_file() else path
    if path.exists() and not path.is_file():
        # /dev/stdout or a pipe: something to write into, and never to be replaced by a file.
        try:
            path.write_bytes(raw)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from error
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
