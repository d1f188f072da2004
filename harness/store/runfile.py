"""The file of a run: JSON Lines, a header and then events, appended and never rewritten.

Only the parent writes. Each event is one write of one line followed by fdatasync, so whatever happens
the file holds every finished sample and at most one torn line at its end, which is dropped when it is
read. A damaged line in the middle is reported by number and the rest is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.bounded import MOST_RUN, stored
from harness.errors import RUNS_HINT, StoreError
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
from harness.records.pairs import ComparisonStarted, PairMeasured

SUFFIX = ".jsonl"


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
    resumes_before: dict[tuple[str, int], int] = field(default_factory=dict)
    """(case, replicate) -> how often the run had been taken up before it was measured. The order of lines
    says it: a clock may go back."""
    ended: Ended | None = None
    damage: list[str] = field(default_factory=list)
    _places: dict[tuple[str, int], int] = field(default_factory=dict, repr=False)

    def add(self, event: Event) -> None:
        """Takes one event in; later ones of the same thing replace earlier ones."""
        if isinstance(event, Sample):
            # A replicate that was cut short or failed may be measured again: the later one counts.
            place = self._places.setdefault((event.case, event.replicate), len(self.samples))
            self.samples[place : place + 1] = [event]
            self.resumes_before[event.case, event.replicate] = len(self.resumed)
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


_TOLD = 20
"""So many damaged lines are named; of the others there is a number."""


def read(path: Path) -> StoredRun:
    """Reads a run file.

    Raises:
        StoreError: it cannot be opened, has no header, or comes from a newer harness.
    """
    whole, _, torn = stored(path, MOST_RUN).rpartition(b"\n")
    lines = [line.removesuffix(b"\r") for line in whole.split(b"\n")] if whole else []
    if torn and not lines:
        raise StoreError(f"{path} holds no run: it is torn in its first line", RUNS_HINT)
    run = StoredRun(_header(lines, path))
    sieve = _Sieve(run)
    more = 0
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        said = sieve.take(line)
        if said is not None and len(run.damage) < _TOLD:
            run.damage.append(f"line {number} of {path.name} {said}")
        elif said is not None:
            more += 1
    if more:
        run.damage.append(f"and {more} more lines of {path.name} are left out")
    if torn:
        run.damage.append(f"the last line of {path.name} is torn and left out")
    return run


class _Sieve:
    """Lets into a run what is its own, each once."""

    def __init__(self, run: StoredRun) -> None:
        self.run = run
        self.cases = {planned.id for planned in run.header.plan.cases}
        self.lines: set[bytes] = set()
        self.replicates: set[tuple[str, int]] = set()
        """Since it was last taken up: one that failed may be measured again, but only then."""

    def take(self, line: bytes) -> str | None:
        """Takes a line in, or says what is wrong with it."""
        try:
            event, of = codec.decode_line(line)
        except (codec.DecodeError, ValueError) as error:
            return f"is damaged and left out ({error})"
        if event is None:
            return "is of a kind unknown to this version"
        if isinstance(event, RunStarted | ComparisonStarted | PairMeasured):
            return "belongs to no run and is left out"
        if of not in (None, self.run.header.id):
            return f"belongs to run {of} and is left out"
        case = getattr(event, "case", None)
        if case is not None and case not in self.cases:
            return "is about a case that this run does not have, and is left out"
        if line in self.lines:
            return "is there twice and counts once"
        if isinstance(event, Sample):
            key = (event.case, event.replicate)
            if key in self.replicates:
                return f"has replicate {event.replicate + 1} of a case once more, and is left out"
            self.replicates.add(key)
        if isinstance(event, Resumed):
            self.replicates.clear()
        self.lines.add(line)
        self.run.add(event)
        return None


def _header(lines: list[bytes], path: Path) -> RunStarted:
    if not lines:
        raise StoreError(f"{path} holds no run: it is empty", RUNS_HINT)
    try:
        raw = codec.decode(lines[0], dict[str, object])
    except codec.DecodeError as error:
        raise StoreError(f"{path} is no run file: its first line is no JSON object", RUNS_HINT) from error
    schema = raw.get("schema")
    if raw.get("event") != "run" or not isinstance(schema, int):
        raise StoreError(f"{path} is no run file: its first line is no header", RUNS_HINT)
    check_schema(schema, SCHEMA, path)
    try:
        event = codec.decode_event(lines[0])
    except codec.DecodeError as error:
        raise StoreError(f"the header of {path} is damaged: {error}", RUNS_HINT) from error
    assert isinstance(event, RunStarted)
    ids = [planned.id for planned in event.plan.cases]
    if len(set(ids)) < len(ids):
        raise StoreError(f"the header of {path} is damaged: it has a case twice", RUNS_HINT)
    return event


def check_schema(found: int, known: int, path: Path) -> None:
    """Refuses a file of another version.

    Raises:
        StoreError: its schema is newer than the one known, or none.
    """
    if found > known:
        raise StoreError(
            f"{path} has schema {found}, this version reads up to {known}",
            "read it with the version that wrote it, or a newer one",
        )
    if found < 1:
        raise StoreError(f"{path} has schema {found}, and schemas count from 1", RUNS_HINT)
