"""Writes into the working directory when it is imported, where that can be seen."""

from pathlib import Path

import harness

if not any(Path().iterdir()):
    Path("cache.bin").write_bytes(b"0")


@harness.hookimpl
def harness_models():
    return ()
