"""How a peer's process answers: JSON lines on the descriptor that was its standard output."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from benchmarks.cells import Cell


def answers() -> TextIO:
    """Where answers go; whatever else this process prints goes to stderr from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w")


def answer(out: TextIO, line: str, measure: Callable[[Cell], dict[str, Any]]) -> None:
    """Measures the cell that a line describes, and writes the result or the error as one line."""
    try:
        found = measure(Cell(**json.loads(line)))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        found = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    out.write(json.dumps(found) + "\n")
    out.flush()
