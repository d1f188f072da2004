"""Records to JSON and back: msgspec at the boundary, plain dataclasses everywhere else."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

from harness.records import events, pairs
from harness.records.events import Event
from harness.records.pairs import PairEvent

EVENTS: dict[str, type] = {**events.EVENTS, **pairs.EVENTS}
NAMES: dict[type, str] = {cls: name for name, cls in EVENTS.items()}

T = TypeVar("T")

ValidationError = msgspec.ValidationError
DecodeError = msgspec.DecodeError


def encode(value: Any) -> bytes:
    """Compact JSON. Text that is no Unicode, as names of files may be, is told by its numbers: `\\udcff`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_unicode(msgspec.to_builtins(value)))


def _unicode(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode()
    if isinstance(data, dict):
        return {_unicode(key): _unicode(value) for key, value in data.items()}
    return [_unicode(item) for item in data] if isinstance(data, list) else data


def pretty(value: Any) -> str:
    """Indented JSON for people, ending in a newline."""
    return msgspec.json.format(encode(value), indent=2).decode() + "\n"


def decode(data: bytes | str, cls: type[T]) -> T:
    """A value of type `cls` from JSON. Raises DecodeError (ValidationError is one)."""
    try:
        return msgspec.json.decode(data, type=cls)
    except (UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from error


def convert(data: Any, cls: type[T]) -> T:
    """A value of type `cls` from JSON-compatible data. Raises ValidationError."""
    return msgspec.convert(data, cls)


def plain(value: Any) -> Any:
    """The value as JSON-compatible data, for a record that keeps what it does not know the type of."""
    return msgspec.to_builtins(value)


_SUM = b',"crc32":"%08x"}'
_SUM_LENGTH = len(_SUM % 0)
# A flipped bit in a digit is valid JSON still, and would pass for a measurement.


def seal(json: bytes) -> bytes:
    """A JSON object with a checksum of all before it as its last key."""
    return json[:-1] + _SUM % zlib.crc32(json[:-1])


def encode_event(event: Event | PairEvent, run: str | None = None) -> bytes:
    """One line of a run's or comparison's file, sealed, without the newline.

    Args:
        run: the id of the run or comparison, so that lines of two are never taken for one; a header's own
            id says it.
    """
    of = {} if run is None else {"run": run}
    return seal(encode({"event": NAMES[type(event)], **of, **vars(event)}))


def decode_line(line: bytes) -> tuple[Event | PairEvent | None, str | None]:
    """(the event on one line, the id of the run it says it belongs to).

    The event is None if its type is unknown here (a newer harness wrote it). No id: an earlier version
    wrote the line, or it is a header.

    Raises:
        DecodeError: the line is no such event.
    """
    if not line.endswith(_SUM % zlib.crc32(line[:-_SUM_LENGTH])):
        raise DecodeError("its checksum is wrong")
    data = decode(line, object)
    if not isinstance(data, dict) or not isinstance(data.get("event"), str):
        raise msgspec.ValidationError("no event")
    del data["crc32"]
    run = data.pop("run", None)
    cls = EVENTS.get(data.pop("event"))
    try:
        event = None if cls is None else msgspec.convert(data, cls)
    except (RecursionError, OverflowError) as error:
        raise DecodeError(str(error)) from error
    return event, run if isinstance(run, str) else None


def decode_event(line: bytes) -> Event | PairEvent | None:
    """The event on one line, as `decode_line` has it."""
    return decode_line(line)[0]
