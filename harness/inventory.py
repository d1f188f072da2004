"""What components there are, without loading any: the registry for built-ins, a cache for the rest.

Third-party plugins may import torch, hang or crash, so the parent never asks them. A probe child does,
once for each state of the environment; its answer is kept in the user's cache folder. Only the
standard library is imported here: `harness list` is to be as quick as `ls`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness import registry

GROUP = "harness"
_DISTRIBUTIONS = (
    "torch",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx",
    "onnxscript",
    "openvino",
    "torchao",
    "pytorch-inference-lab",
)


def cache_home() -> Path:
    """Where facts about this machine are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "pytorch-inference-lab"


def environment_key(extra: tuple[str, ...] = (), blocked: tuple[str, ...] = ()) -> str:
    """A hash of what decides which components there are and whether they work."""
    parts: list[Any] = [sys.executable, sys.version, list(extra), list(blocked)]
    for name in _DISTRIBUTIONS:
        try:
            parts.append([name, metadata.version(name)])
        except metadata.PackageNotFoundError:
            parts.append([name, None])
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        dist = point.dist
        parts.append([point.name, point.value, dist.name if dist else "", dist.version if dist else ""])
        parts.append(_modified(point.value))
    for text in extra:
        parts.append(_file_state(Path(text)))
    parts += [os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("HARNESS_NO_PLUGINS")]
    parts += _programs()
    parts.append(_file_text(Path("/proc/driver/nvidia/version")))
    parts.append(hashlib.sha256(json.dumps(registry.components(), sort_keys=True).encode()).hexdigest())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _programs() -> list[Any]:
    """State of what decides which programs are found, such as a compiler: the folders of PATH, which change
    with what is put into them or taken out, and the compilers that are named.
    """
    states: list[Any] = [_file_state(Path(folder)) for folder in os.get_exec_path()]
    for named in (os.environ.get("CC", ""), os.environ.get("CXX", "")):
        states.append([named, _file_state(Path(shutil.which(named) or named))])
    return states


def _modified(value: str) -> list[Any]:
    """State of an entry point's source files: an editable install changes without a new version."""
    first, *rest = value.partition(":")[0].strip().split(".")
    try:
        # Finds what an editable install maps, too; the name has no dot, so nothing is imported.
        spec = find_spec(first)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return _file_state(Path(spec.origin or first))
    states = []
    for place in spec.submodule_search_locations:
        folder = Path(place, *rest)
        # Of a module in a package, the modules beside it: components are seldom where the hooks are.
        files = (folder if folder.is_dir() else folder.parent).rglob("*.py")
        states += [_file_state(file) for file in sorted(files)]
    return states


def _file_state(path: Path) -> list[Any]:
    try:
        state = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), state.st_mtime_ns, state.st_size]


def _file_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def cached(key: str) -> dict[str, Any] | None:
    """The probe's answer for this environment; None if it was never asked or the file is damaged."""
    try:
        data = json.loads((cache_home() / f"inventory-{key}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(data, dict):
        return None
    lists = ("components", "plugins", "problems", "idle_blocks")
    return data if all(isinstance(data.get(key), list) for key in lists) else None


def keep(key: str, inventory: dict[str, Any]) -> None:
    """Keeps the probe's answer; a cache folder that cannot be written costs a probe the next time."""
    folder = cache_home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".inventory-{key}.{os.getpid()}"
        beside.write_text(json.dumps(inventory), "utf-8")
        os.replace(beside, folder / f"inventory-{key}.json")
    except OSError:
        return


def builtins() -> dict[str, Any]:
    """The inventory without a probe: what ships in the box, nothing known of this machine."""
    rows = [
        {**row, "distribution": None, "version": None, "unusable": None, "remark": None}
        for row in registry.components()
    ]
    return {"components": rows, "plugins": [], "problems": [], "idle_blocks": [], "device": None}
