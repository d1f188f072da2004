"""The file of a live comparison: JSON Lines like a run's, a header and then a line for each pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import StoreError
from harness.records import codec
from harness.records.comparison import SCHEMA
from harness.records.events import Built, Ended, ReferenceMade
from harness.records.pairs import ComparisonStarted, PairMeasured


@dataclass
class StoredComparison:
    """A comparison as its file tells it."""

    header: ComparisonStarted
    pairs: list[PairMeasured] = field(default_factory=list)
    """The trial first, if it got so far."""
    ended: Ended | None = None
    damage: list[str] = field(default_factory=list)

    def add(self, event: object) -> None:
        """Takes one event in."""
        if isinstance(event, PairMeasured):
            self.pairs.append(event)
        elif isinstance(event, Ended):
            self.ended = event


def read(path: Path) -> StoredComparison:
    """Reads the file of a comparison.

    Raises:
        StoreError: it cannot be opened, or is no such file.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    try:
        header = codec.decode_event(lines[0])
    except (codec.DecodeError, ValueError) as error:
        hint = f"its raw times are in {path.with_suffix('.jsonl').name}" if path.suffix == ".json" else None
        raise StoreError(f"{path} is no file of a live comparison: {error}", hint) from error
    if not isinstance(header, ComparisonStarted):
        raise StoreError(f"{path} is no comparison: its first line is no header of one")
    if header.schema > SCHEMA:
        raise StoreError(
            f"{path} has schema {header.schema}, this version reads up to {SCHEMA}",
            "read it with the version that wrote it, or a newer one",
        )
    found = StoredComparison(header)
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        try:
            event = codec.decode_event(line)
        except (codec.DecodeError, ValueError) as error:
            torn = number == len(lines)
            what = "torn" if torn else f"damaged ({error})"
            found.damage.append(f"line {number} of {path.name} is {what} and left out")
            continue
        if isinstance(event, PairMeasured | Ended):
            found.add(event)
        elif not isinstance(event, Built | ReferenceMade):
            found.damage.append(f"line {number} of {path.name} is of a kind unknown to this version")
    return found
