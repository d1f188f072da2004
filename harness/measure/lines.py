"""Marks every call of a torch function with the source line of the model that made it.

The marks enclose operators exactly, which no sampling of stacks does. They have a price: each call of
a torch function walks the Python stack and opens a mark, so that times in this mode carry it.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_HARNESS = str(Path(__file__).parent.parent) + os.sep


class Lines:
    """While entered, torch functions open a mark `<prefix>net.py:14` in the profiler.

    Where a model is composed of torch's own modules alone there is no line of its author's: the mark
    then names the module, `module 2 (Linear)`.

    Args:
        prefix: begins the name of every mark.
        modules: path in the model and module.
    """

    def __init__(self, prefix: str, modules: dict[str, torch.nn.Module]) -> None:
        import torch

        self.texts: dict[str, str] = {}
        """The code on each line, by the name of its mark without the prefix."""
        self._prefix = prefix
        self._names = {id(module): name for name, module in modules.items()}
        self._torch = os.path.dirname(torch.__file__) + os.sep
        self._labels: dict[Any, str] = {}
        self._files: dict[str, str] = {}
        self._mode = _mode(self._mark)

    def __enter__(self) -> None:
        self._mode.__enter__()

    def __exit__(self, *error: object) -> None:
        self._mode.__exit__(*error)

    def _mark(self) -> str | None:
        """The mark of the torch function that is being called; None where nothing is known."""
        # This frame, the mode's, and torch's own up to the function's caller are passed over.
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the one way to the callers
        module: Any = None
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_HARNESS):
                break
            if not file.startswith((self._torch, "<")):
                return self._prefix + self._line(frame.f_code, frame.f_lineno)
            if module is None and id(frame.f_locals.get("self")) in self._names:
                module = frame.f_locals["self"]
            frame = frame.f_back
        if module is None:
            return None
        return f"{self._prefix}module {self._names[id(module)]} ({type(module).__name__})"

    def _line(self, code: CodeType, number: int) -> str:
        label = self._labels.get((code, number))
        if label is None:
            label = f"{self._short(code.co_filename)}:{number}"
            self._labels[code, number] = label
            self.texts[label] = linecache.getline(code.co_filename, number).strip()
        return label

    def _short(self, file: str) -> str:
        """The file's name, with as many folders as tell it from others of that name."""
        if file not in self._files:
            parts = Path(file).parts
            taken = set(self._files.values())
            names = (str(Path(*parts[-n:])) for n in range(1, len(parts) + 1))
            self._files[file] = next((n for n in names if n not in taken), file)
        return self._files[file]


def _mode(mark: Callable[[], str | None]) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    class Marking(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            name = None if getattr(func, "__name__", "") == "__get__" else mark()
            if name is None:  # a mere attribute, or a call of nobody's
                return func(*args, **(kwargs or {}))
            with torch.profiler.record_function(name):
                return func(*args, **(kwargs or {}))

    return Marking()
