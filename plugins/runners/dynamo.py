"""What dynamo and inductor say of a compilation: breaks with their lines, recompilations with their
causes, and where the time went. Reads torch's own logs and metrics; compiles nothing.
"""

from __future__ import annotations

import logging
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

_BREAK = re.compile(
    r"Graph break.*? in user code at (?P<file>.+):(?P<line>\d+)\s+Graph Break Reason: (?P<reason>.*)", re.S
)
_WRAPPER = re.compile(r"Encountered graph break when attempting to trace [^\n]*\n+")
_PLACE = re.compile(r"#\s*(?P<code>.*?)\s*#\s*(?P<file>\S+):(?P<line>\d+) in (?P<function>\w+)")
_LONGEST = 200


class Listener(logging.Handler):
    """Collects graph breaks as dynamo logs them: the counters know the reasons, not the lines."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.breaks: list[str] = []
        """`net.py:14: reason`, each place once, in the order in which they were met."""

    def start(self) -> Listener:
        """Listens from now on, for the rest of the process; nothing of it is printed."""
        import torch._dynamo.symbolic_convert
        import torch._logging

        torch._logging.set_logs(graph_breaks=True)  # type: ignore[attr-defined]
        for name in list(logging.root.manager.loggerDict):
            if name.startswith("torch._dynamo") and name.endswith("__graph_breaks"):
                logger = logging.getLogger(name)
                logger.propagate = False
                for handler in list(logger.handlers):
                    logger.removeHandler(handler)
                logger.addHandler(self)
        return self

    def emit(self, record: logging.LogRecord) -> None:
        found = graph_break(record.getMessage())
        if found is not None and found not in self.breaks:
            self.breaks.append(found)


def graph_break(text: str) -> str | None:
    """What dynamo logs of a graph break, in one line: `net.py:14: reason`; None if it is none."""
    match = _BREAK.search(text)
    if match is None:
        return None
    reason = _WRAPPER.sub("", match["reason"]).strip()
    # What follows are hints and addresses of web pages.
    first = re.split(r"\n\s*(?:Hint|Developer debug context|For more details|User code traceback)", reason)[0]
    return f"{Path(match['file']).name}:{match['line']}: {_line(first).replace(' Explanation:', ':')}"


def recompilation(name: str, file: str, line: int, reason: str) -> str:
    """One recompilation and the guard that failed: `forward (net.py:6) for x: size mismatch ...`."""
    first = re.sub(r"^\d+/\d+:\s*", "", reason.strip().splitlines()[0] if reason.strip() else "")
    code, _, rest = first.partition("#")
    place = _PLACE.search("#" + rest)
    cause = _line(code)
    if place is not None:
        cause += f" no longer holds ({place['code']}, {Path(place['file']).name}:{place['line']})"
    return f"{name} ({Path(file).name}:{line}): {cause or 'no reason given'}"


def _line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST else joined[: _LONGEST - 3] + "..."


def recompilations() -> list[str]:
    """Every compilation that was not the first of its piece of code, with its cause."""
    from torch._dynamo.utils import get_compilation_metrics

    seen: set[tuple[Any, ...]] = set()
    found = []
    for metrics in get_compilation_metrics():
        place = (metrics.co_filename, metrics.co_firstlineno, metrics.co_name)
        reason = getattr(metrics, "recompile_reason", None)
        if place in seen or reason:
            found.append(recompilation(place[2] or "?", place[0] or "?", place[1] or 0, reason or ""))
        seen.add(place)
    return found


_STAGES = (
    ("dynamo", "dynamo_cumulative_compile_time_us"),
    ("aot_autograd", "aot_autograd_cumulative_compile_time_us"),
    ("inductor", "inductor_cumulative_compile_time_us"),
    ("code_generation", "inductor_code_gen_cumulative_compile_time_us"),
)


def stage_seconds() -> dict[str, float]:
    """Seconds of compiling by stage, each without the stages inside it.

    torch gives cumulative times: dynamo's holds all, AOTAutograd's that of inductor, inductor's that of
    generating and compiling the code.
    """
    from torch._dynamo.utils import get_compilation_metrics

    totals = {
        name: sum((getattr(m, key, None) or 0) for m in get_compilation_metrics()) / 1e6
        for name, key in _STAGES
    }
    names = [name for name, _ in _STAGES]
    inside = dict(pairwise(names))
    return {n: round(max(0.0, totals[n] - totals.get(inside.get(n, ""), 0.0)), 3) for n in names}
