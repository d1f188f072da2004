"""How a child process talks to its parent: length-prefixed JSON messages through a pipe."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

from harness.records import codec

_LENGTH = struct.Struct("!I")


MOST_BYTES = 64 << 20
"""A longer message is no message of ours."""


MOST_IN_ALL = 256 << 20
"""Neither is what comes after so many bytes of them."""


class Channel:
    """The child's end of the pipes: one for answers, one for commands."""

    def __init__(self, fd: int, commands: int | None = None) -> None:
        self._fd = fd
        self._commands = commands

    def command(self) -> str:
        """Waits for the next command, one line; empty once nobody gives any more."""
        assert self._commands is not None
        line = bytearray()
        while data := os.read(self._commands, 1):
            if data == b"\n":
                break
            line += data
        return line.decode()

    def send(self, name: str, body: Any = None) -> None:
        """Sends one message; `stage`, `verification`, `result` or `failure`."""
        data = codec.encode({"name": name, "body": body})
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(self._fd, view) :]


class Reader:
    """The parent's end: bytes in, messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken = 0
        self.broken = False

    @property
    def unfinished(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[str, Any]]:
        """Messages completed by `data`. After a malformed one everything is ignored."""
        self._taken += len(data)
        if self._taken > MOST_IN_ALL:
            self._give_up()
        if self.broken:
            return
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MOST_BYTES:
                self._give_up()
                return
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                message = codec.decode(body, dict[str, Any])
                name, content = str(message["name"]), message["body"]
            except (codec.DecodeError, KeyError, RecursionError):
                self._give_up()
                return
            yield name, content

    def _give_up(self) -> None:
        self.broken = True
        self._buffer.clear()
