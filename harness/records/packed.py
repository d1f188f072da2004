"""Call times as text, small."""

from __future__ import annotations

import base64
import zlib
from array import array

_MOST_BYTES = 1 << 24
"""More call times than this (2 million) in one sample are no sample of ours."""


_FEW_BYTES, _MOST_RATIO = 1 << 17, 64
"""What claims to shrink further than this, beyond a few bytes, was made to fill the memory."""


def pack_ns(values: list[int]) -> str:
    """Call times (ns) as text: little-endian int64, zlib, base64."""
    raw = array("q", values).tobytes()
    text = base64.b64encode(zlib.compress(raw, 6)).decode("ascii")
    if len(raw) > max(_FEW_BYTES, _MOST_RATIO * len(text)):
        # Very quick calls on a coarse clock are all alike: written at length, as they are read.
        text = base64.b64encode(zlib.compress(raw, 0)).decode("ascii")
    return text


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
