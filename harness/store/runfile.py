"""The file of a run: JSON Lines, a header and then events, appended and never rewritten.

Only the parent writes. Each event is one write of one line followed by fdatasync, so whatever happens
the file holds every finished sample and at most one torn line at its end, which is dropped when it is
read. A damaged line in the middle is reported by number and the rest is used.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import StoreError
from harness.records import codec
from harness.records.events import (
    SCHEMA,
    AnatomyTaken,
    Built,
    Ended,
    Event,
    MemoryMeasured,
    ReferenceMade,
    Resumed,
    RunStarted,
    Sample,
    ThroughputMeasured,
)
from harness.records.finding import Proof
from harness.records.pairs import ComparisonStarted, PairEvent, PairMeasured

SUFFIX = ".jsonl"


class EventWriter:
    """Appends events to a new file, of a run or of a comparison; or to that of a run that is taken up again.

    Raises:
        StoreError: the file cannot be made.
    """

    def __init__(self, path: Path, header: RunStarted | ComparisonStarted | Resumed) -> None:
        self.path = path
        again = isinstance(header, Resumed)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_APPEND | os.O_CLOEXEC
            flags |= os.O_RDWR if again else os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror}", "choose another folder with --results"
            ) from error
        self._take()
        if again:
            self._close_line()
        self.write(header)

    def _take(self) -> None:
        """So that no other process takes the run up meanwhile; the kernel frees it with its holder."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise StoreError(
                f"{self.path} is being written by another process", "wait until it ends"
            ) from error
        except OSError:
            return  # a file system without locks

    def _close_line(self) -> None:
        """A torn last line stays one damaged line, and what follows is whole."""
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def write(self, event: Event | PairEvent) -> None:
        """Appends one event and waits until the disk has it.

        Raises:
            StoreError: the disk does not take it.
        """
        line = codec.encode_event(event) + b"\n"
        try:
            if os.write(self._fd, line) != len(line):
                raise StoreError(f"cannot write {self.path}: the disk is full")
            os.fdatasync(self._fd)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._fd)


def append(path: Path, event: Event) -> None:
    """Appends one event to the file of a run that has ended. A torn last line is closed first: it stays one
    damaged line, and what follows is whole.

    Raises:
        StoreError: the file cannot be written.
    """
    line = codec.encode_event(event) + b"\n"
    try:
        with path.open("a+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            if file.write(line) != len(line):
                raise StoreError(f"cannot write {path}: the disk is full")
            os.fdatasync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


@dataclass
class StoredRun:
    """A run as its file tells it."""

    header: RunStarted
    samples: list[Sample] = field(default_factory=list)
    built: dict[str, Built] = field(default_factory=dict)
    references: list[ReferenceMade] = field(default_factory=list)
    memory: dict[str, MemoryMeasured] = field(default_factory=dict)
    throughput: list[ThroughputMeasured] = field(default_factory=list)
    anatomy: dict[str, AnatomyTaken] = field(default_factory=dict)
    proofs: list[Proof] = field(default_factory=list)
    resumed: list[Resumed] = field(default_factory=list)
    ended: Ended | None = None
    damage: list[str] = field(default_factory=list)
    _places: dict[tuple[str, int], int] = field(default_factory=dict, repr=False)

    def add(self, event: Event) -> None:
        """Takes one event in; later ones of the same thing replace earlier ones."""
        if isinstance(event, Sample):
            # A replicate that was cut short or failed may be measured again: the later one counts.
            place = self._places.setdefault((event.case, event.replicate), len(self.samples))
            self.samples[place:] = [event, *self.samples[place + 1 :]]
        elif isinstance(event, Built):
            self.built[event.case] = event
        elif isinstance(event, MemoryMeasured):
            self.memory[event.case] = event
        elif isinstance(event, ThroughputMeasured):
            self.throughput.append(event)
        elif isinstance(event, AnatomyTaken):
            self.anatomy[event.case] = event
        elif isinstance(event, Proof):
            self.proofs.append(event)
        elif isinstance(event, ReferenceMade):
            self.references.append(event)
        elif isinstance(event, Resumed):
            self.resumed.append(event)
            self.ended = None
        elif isinstance(event, Ended):
            self.ended = event


def read(path: Path) -> StoredRun:
    """Reads a run file.

    Raises:
        StoreError: it cannot be opened, has no header, or comes from a newer harness.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    whole, _, torn = data.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    if torn and not lines:
        raise StoreError(f"{path} holds no run: it is torn in its first line")
    header = _header(lines, path)
    run = StoredRun(header)
    for number, line in enumerate(lines[1:], start=2):
        try:
            event = codec.decode_event(line)
        except (codec.DecodeError, ValueError) as error:
            run.damage.append(f"line {number} of {path.name} is damaged and left out ({error})")
            continue
        if event is None:
            run.damage.append(f"line {number} of {path.name} is of a kind unknown to this version")
        elif isinstance(event, RunStarted | ComparisonStarted | PairMeasured):
            run.damage.append(f"line {number} of {path.name} belongs to no run and is left out")
        else:
            run.add(event)
    if torn:
        run.damage.append(f"the last line of {path.name} is torn and left out")
    return run


def _header(lines: list[bytes], path: Path) -> RunStarted:
    if not lines:
        raise StoreError(f"{path} holds no run: it is empty")
    try:
        raw = codec.decode(lines[0], dict[str, object])
    except codec.DecodeError as error:
        raise StoreError(f"{path} is no run file: its first line is no JSON object") from error
    schema = raw.get("schema")
    if raw.get("event") != "run" or not isinstance(schema, int):
        raise StoreError(f"{path} is no run file: its first line is no header")
    if schema > SCHEMA:
        raise StoreError(
            f"{path} has schema {schema}, this version reads up to {SCHEMA}",
            "read it with the version that wrote it, or a newer one",
        )
    try:
        event = codec.decode_event(lines[0])
    except codec.DecodeError as error:
        raise StoreError(f"the header of {path} is damaged: {error}") from error
    assert isinstance(event, RunStarted)
    return event
