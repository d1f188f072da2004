"""Which source line of the model a node of ONNX Runtime comes from, by what torch's exporter wrote down.

ONNX Runtime fuses and renames nodes, so the names it reports are matched in parts. What it made itself,
a transposition for its own layout for one, comes from no line.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Any

_FRAME = re.compile(r'File "(?P<file>.+?)", line (?P<line>\d+), in .+\n\s*(?P<code>.*)')
_TRACE = "pkg.torch.onnx.stack_trace"
_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_WRAPPER = "module"
"""The exported wrapper's own name for the model."""


class NodeLines:
    """Source lines by the names that ONNX Runtime's profiler gives to nodes.

    Args:
        file: the exported model.
    """

    def __init__(self, file: Path) -> None:
        import onnx

        self._nodes: dict[str, Any] = {}
        """By the node's own name and those of its outputs: fused nodes are called after either."""
        for node in onnx.load(str(file), load_external_data=False).graph.node:
            self._nodes.update(dict.fromkeys([*node.output, node.name], node))

    def find(self, name: str, operator: str) -> tuple[str, str] | None:
        """`net.py:14` and the code on it, or None; `operator` is the type of the node that ran."""
        plain = name.removeprefix("fused ")
        for part in (plain, plain.partition("/")[0], plain.removesuffix("_nchwc")):
            if part in self._nodes:
                node = self._nodes[part]
                # A convolution fused with its activation may be called after the activation.
                before = self._nodes.get(node.input[0]) if node.input else None
                if before is not None and not operator.endswith(node.op_type):
                    node = before if operator.endswith(before.op_type) else node
                return _line({entry.key: entry.value for entry in node.metadata_props})
        return None


def _line(metadata: dict[str, str]) -> tuple[str, str] | None:
    """The innermost line outside torch, else the module of torch's own."""
    import torch

    others = (os.path.dirname(torch.__file__) + os.sep, str(Path(__file__).parent) + os.sep)
    for frame in reversed(list(_FRAME.finditer(metadata.get(_TRACE, "")))):
        if not frame["file"].startswith(others):
            return f"{Path(frame['file']).name}:{frame['line']}", frame["code"].strip()
    try:
        scopes = ast.literal_eval(metadata[_SCOPES])
        classes = ast.literal_eval(metadata[_CLASSES])
    except (KeyError, ValueError, SyntaxError):
        return None
    # The last of each is the operator; the ones before it are modules, the innermost last.
    modules = [(s, c) for s, c in zip(scopes[:-1], classes[:-1], strict=False) if s]
    if not modules:
        return None
    path, kind = modules[-1]
    return f"module {path.removeprefix(_WRAPPER + '.')} ({kind.rpartition('.')[2]})", ""
