"""The code that inductor generated: the kernels that a compiled call runs, and their names in a profile."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CALL = re.compile(r"^\s+(?P<name>(?:cpp|triton)_\w+)(?:\.run)?\(", re.M)
"""A kernel called in the code around the kernels: `cpp_fused_relu_1(buf0)`."""


def called() -> Counter[str]:
    """Kernel -> how often the generated code calls it, over all graphs of this process."""
    found: Counter[str] = Counter()
    for module in _modules():
        # A file that was taken from the cache is loaded like one that has just been written.
        text = Path(module.__file__).read_text("utf-8") if module.__file__ else ""
        found += Counter(m["name"] for m in _CALL.finditer(text) if hasattr(module, m["name"]))
    return found


@contextmanager
def named() -> Iterator[None]:
    """While it lasts, generated C++ kernels show in torch's profiler under their names.

    torch's own setting for that changes the code, so everything would be compiled once more.
    """
    from torch._C._profiler import _RecordFunctionFast

    def marked(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            with _RecordFunctionFast(name):
                return kernel(*args)

        return run

    changed: list[tuple[Any, str, Any]] = []
    try:
        for module in _modules():
            for name, kernel in list(vars(module).items()):
                if name.startswith("cpp_") and callable(kernel):
                    changed.append((module, name, kernel))
                    setattr(module, name, marked(name, kernel))
        yield
    finally:
        for module, name, kernel in changed:
            setattr(module, name, kernel)


def _modules() -> list[Any]:
    """The Python modules that inductor wrote, none where it keeps them elsewhere."""
    from torch._inductor import codecache

    unique = {id(m): m for m in getattr(codecache.PyCodeCache, "modules", [])}
    return list(unique.values())
