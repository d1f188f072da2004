"""Checks of a plugin as a whole: that it loads, and what loading it does to the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from harness.catalogue.catalogue import problem_with
from harness.catalogue.loading import describe
from harness.components import KINDS
from harness.conformance import surroundings
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.hookspecs import LIFECYCLE_HOOKS

LOADS = "plugin.loads"


@check(
    LOADS,
    "a plugin that loads and implements hooks of the harness",
    "import the module in Python; mark its hooks with @harness.hookimpl, and name them as the docs do",
    alone=True,
    behaves=False,
)
def loads(bench: Bench) -> str | None:
    if bench.loaded.problems:
        raise Failed(bench.loaded.problems[0].reason)
    hooks = {c.name for c in bench.loaded.manager.get_hookcallers(bench.plugin) or ()}
    bench.data["listens"] = bool(hooks & set(LIFECYCLE_HOOKS))
    bench.data["name"] = str(bench.origin)
    bench.data["components"] = [
        {"kind": kind, "index": index, **_introduced(one, kind)}
        for kind in KINDS
        for index, one in enumerate(bench.yielded(kind))
        if isinstance(getattr(one, "kind", None), str) and not isinstance(one, type)
    ]
    return None


def _introduced(one: Any, kind: str) -> dict[str, Any]:
    """The component's name, and why the harness leaves it out, if it does."""
    try:
        name, refused = getattr(one, "name", None), problem_with(one, kind)
    except Exception as error:  # asked for by a property, say
        name, refused = None, describe(error)
    return {"name": name if isinstance(name, str) else type(one).__name__, "refused": refused}


@check(
    "plugin.yields",
    "hooks that yield instances of components, each name once",
    "yield instances (`yield Tiny()`) of subclasses of harness.Model, Precision, Runner or Reporter",
    needs=(LOADS,),
    behaves=False,
)
def yields(bench: Bench) -> str | None:
    # A name, a summary or parameters that are refused have checks of their own.
    about_hooks = ("yield an instance", "is no harness.", "twice", "without end", "Error", "Exception")
    for problem in bench.catalogue.problems:
        if any(word in problem.reason for word in about_hooks):
            raise Failed(problem.reason)
    for kind in KINDS:
        for one in bench.yielded(kind):
            reason = _introduced(one, kind)["refused"]
            if reason is not None and ("yield an instance" in reason or "is no harness." in reason):
                raise Failed(reason)
    return None


@check(
    "plugin.import-quiet",
    "an import that prints nothing, starts no thread, touches no device and writes no file",
    "move what the module does at its top into build, load or the hook that needs it",
    needs=(LOADS,),
    behaves=False,
)
def import_quiet(bench: Bench) -> str | None:
    seen = _imported(bench)
    if seen["printed"]:
        raise Failed(f"{seen['printed']!r} on the standard output")
    if seen["threads"] > 1:
        raise Failed(f"{seen['threads']} threads after it")
    if seen["device"]:
        raise Failed("CUDA initialised after it")
    if seen["files"]:
        raise Failed(f"{', '.join(seen['files'])} in the working directory after it")
    return f"it prints to stderr: {seen['complained']}" if seen["complained"] else None


@check(
    "plugin.import-light",
    "no torch loaded by the import of a plugin that listens to runs or reports",
    "import torch inside the functions that need it: the parent loads this plugin, and never loads torch",
    needs=(LOADS,),
    behaves=False,
)
def import_light(bench: Bench) -> str | None:
    seen = _imported(bench)
    if not seen["torch"]:
        return None
    reporters = bool(bench.yielded("reporter"))
    hooks = {c.name for c in bench.loaded.manager.get_hookcallers(bench.plugin) or ()}
    if reporters or hooks & set(LIFECYCLE_HOOKS):
        raise Failed("torch among the loaded modules")
    return "it imports torch at its top, which the processes that measure pay for and nobody else"


@check(
    "plugin.import-state",
    "an import that leaves torch's process-wide state as it is",
    "set modes where they are needed (Precision.configure, Runner.load), never at the top of the module",
    needs=(LOADS,),
    alone=True,
    behaves=False,
)
def import_state(bench: Bench) -> str | None:
    watch = surroundings.Watch()
    _ = bench.catalogue
    changed = watch.changes()
    if changed:
        raise Failed("; ".join(changed))
    return None


# ---- in an interpreter of its own ---------------------------------------------------------------


def _imported(bench: Bench) -> dict[str, Any]:
    """What loading the plugin and asking for its reporters does to a fresh interpreter, without torch."""
    job = bench.job
    key = (job.source, job.plugins.extra, job.plugins.blocked)
    return _in_fresh_process(*key)


@cache
def _in_fresh_process(source: str, extra: tuple[str, ...], blocked: tuple[str, ...]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="harness-import-") as folder:
        empty, answer = Path(folder, "empty"), Path(folder, "answer.json")
        empty.mkdir()
        request = json.dumps({"source": source, "extra": extra, "blocked": blocked, "answer": str(answer)})
        search = os.pathsep.join(p or os.getcwd() for p in (os.getcwd(), *sys.path))
        done = subprocess.run(
            [sys.executable, "-m", "harness.conformance.fresh", request],
            cwd=empty,
            env={**os.environ, "PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if not answer.is_file():
            raise NotApplicable(f"an interpreter without torch ends while loading it ({done.returncode})")
        seen: dict[str, Any] = json.loads(answer.read_text())
        seen["printed"] = _tail(done.stdout)
        seen["complained"] = _tail(done.stderr)
        seen["files"] = sorted(p.name for p in empty.iterdir() if p.name != "__pycache__")
        return seen


def _tail(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())[:200]
