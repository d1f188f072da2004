"""The file of a live comparison: JSON Lines like a run's, a header and then a line for each pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.bounded import MOST_RUN, stored
from harness.errors import RUNS_HINT, StoreError
from harness.records import codec
from harness.records.comparison import SCHEMA
from harness.records.events import Built, Ended, ReferenceMade
from harness.records.packed import unpack_ns
from harness.records.pairs import ComparisonStarted, PairMeasured
from harness.store.runfile import check_schema


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
    lines = [line.removesuffix(b"\r") for line in stored(path, MOST_RUN).split(b"\n")]
    try:
        header = codec.decode_event(lines[0])
    except (codec.DecodeError, ValueError) as error:
        hint = f"its raw times are in {path.with_suffix('.jsonl').name}" if path.suffix == ".json" else None
        raise StoreError(f"{path} is no file of a live comparison: {error}", hint) from error
    if not isinstance(header, ComparisonStarted):
        raise StoreError(f"{path} is no comparison: its first line is no header of one", RUNS_HINT)
    check_schema(header.schema, SCHEMA, path)
    found = StoredComparison(header)
    seen: set[bytes] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        where = f"line {number} of {path.name}"
        try:
            event, of = codec.decode_line(line)
        except (codec.DecodeError, ValueError) as error:
            torn = number == len(lines)
            what = "torn" if torn else f"damaged ({error})"
            found.damage.append(f"{where} is {what} and left out")
            continue
        if of not in (None, header.id):
            found.damage.append(f"{where} belongs to comparison {of} and is left out")
        elif line in seen:
            found.damage.append(f"{where} is there twice and counts once")
        elif isinstance(event, PairMeasured) and (wrong := _wrong(event, header)):
            found.damage.append(f"{where} {wrong}, and is left out")
        elif isinstance(event, PairMeasured | Ended):
            found.add(event)
        elif not isinstance(event, Built | ReferenceMade):
            found.damage.append(f"{where} is of a kind unknown to this version")
        seen.add(line)
    return found


_MOST_NS = 1e18
"""Thirty years: no call took as long, whatever a file says."""


def _wrong(pair: PairMeasured, header: ComparisonStarted) -> str | None:
    """Why a pair cannot be one of this comparison."""
    sides = range(len(header.arms))
    if len(pair.arms) != len(sides) or not all(block.arm in sides for block in pair.blocks):
        return "has other sides than this comparison"
    for block in pair.blocks:
        end = pair.arms[block.arm]
        try:
            times = unpack_ns(block.stamps_ns)
        except ValueError as error:
            return f"has times that cannot be read: {error}"
        sane = times and end.calls_per_stamp >= 1 and abs(end.empty_ns) < _MOST_NS
        if not sane or max(map(abs, times)) > _MOST_NS:
            return "has times that cannot be"
        if block.device_ns is not None and not 0 < block.device_ns < _MOST_NS:
            return "has times that cannot be"
    return None
