"""Call times as text, small."""

from __future__ import annotations

import base64
import zlib
from array import array


def pack_ns(values: list[int]) -> str:
    """Call times (ns) as text: little-endian int64, zlib, base64."""
    data = array("q", values)
    return base64.b64encode(zlib.compress(data.tobytes(), 6)).decode("ascii")


_MOST_BYTES = 1 << 24
"""More call times than this (2 million) in one sample are no sample of ours."""


_FEW_BYTES, _MOST_RATIO = 1 << 17, 64
"""Times of a clock are never so alike that more than a few bytes of them shrink further than this."""


def unpack_ns(text: str) -> list[int]:
    """The inverse of `pack_ns`. Raises ValueError if the text is damaged or unreasonably long."""
    most = min(_MOST_BYTES, max(_FEW_BYTES, _MOST_RATIO * len(text)))
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(text, validate=True), most)
        if not inflater.eof or len(raw) % 8:
            raise ValueError("damaged call times")
    except zlib.error as error:
        raise ValueError("damaged call times") from error
    data = array("q")
    data.frombytes(raw)
    return data.tolist()
