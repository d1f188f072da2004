"""Loads plugins into a pluggy manager: built-ins, entry points, and what --plugin names.

One broken plugin is a `Problem` and never the end: each is loaded in its own try/except and checked
on its own, so that the message can name it. The manager is a value that is built and passed.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.catalogue import targets
from harness.catalogue.files import import_file
from harness.catalogue.provided import Origin, Problem
from harness.catalogue.suggest import suggestion
from harness.errors import PluginError, UsageError

GROUP = "harness"
BUILTINS = (
    "harness_plugins.models",
    "harness_plugins.precisions",
    "harness_plugins.runners",
    "harness_plugins.reporters",
)
"""The modules of the box, in the order they are loaded. They use the same hooks as anyone's plugin."""

DISABLE_VARIABLE = "HARNESS_NO_PLUGINS"
"""If set and not empty, no entry point is loaded."""


@dataclass(frozen=True)
class PluginRequest:
    """What --plugin said: modules or files to load, names to leave out."""

    extra: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    given: targets.Given = targets.NOTHING
    """What goes into models that are named by their file or module."""

    @classmethod
    def from_options(
        cls, texts: Iterable[str], inputs: Iterable[str] = (), inputs_file: str | None = None
    ) -> PluginRequest:
        """Splits the option's texts; `no:NAME` blocks, anything else loads."""
        texts = list(texts)
        if any(not t.removeprefix("no:").strip() for t in texts):
            raise UsageError("--plugin is empty", "give a module, a file ending in .py, or no:NAME")
        extra = [t for t in texts if not t.startswith("no:")]
        blocked = [t[3:] for t in texts if t.startswith("no:")]
        given = targets.given(inputs, inputs_file)
        return cls(tuple(_absolute(t) for t in extra), tuple(blocked), given)


def _absolute(text: str) -> str:
    if text.startswith(targets.SCHEME):
        return text
    is_file = text.endswith(".py") or os.sep in text
    return str(Path(text).expanduser().resolve()) if is_file else text


@dataclass
class Loaded:
    """The loaded plugins: pluggy's manager, the origin of each, and what was left out."""

    manager: pluggy.PluginManager
    origins: dict[int, Origin] = field(default_factory=dict)
    """id(plugin) -> where it comes from."""
    problems: list[Problem] = field(default_factory=list)
    blocked: tuple[str, ...] = ()
    given: targets.Given = targets.NOTHING
    chosen: tuple[str, ...] = ()
    """Sources of adopted models that were asked for as they are, and not by what stands for them here."""

    def origin(self, plugin: Any) -> Origin:
        return self.origins[id(plugin)]

    def plugins(self) -> list[Origin]:
        """Where each loaded plugin comes from, in the order of loading."""
        return list(self.origins.values())


def entry_points() -> list[tuple[metadata.EntryPoint, str, str]]:
    """(entry point, distribution, version) of the group, sorted by distribution and name."""
    return list(_entry_points(tuple(sys.path)))


@cache
def _entry_points(_: tuple[str, ...]) -> tuple[tuple[metadata.EntryPoint, str, str], ...]:
    """Scanning every distribution takes a while, and children inherit what the zygote has found."""
    found = []
    for point in metadata.entry_points(group=GROUP):
        dist = point.dist
        found.append((point, dist.name if dist else "unknown", dist.version if dist else "unknown"))
    return tuple(sorted(found, key=lambda f: (f[1].lower(), f[0].name)))


def plugins_disabled() -> str:
    """Why no entry point is loaded, or an empty text."""
    if os.environ.get(DISABLE_VARIABLE):
        return f"{DISABLE_VARIABLE} is set: no installed plugin is loaded"
    return ""


def load(request: PluginRequest | None = None, only: Iterable[str] | None = None) -> Loaded:
    """Loads the built-ins, then third parties.

    Args:
        request: what --plugin asked for.
        only: sources (`Origin.source`) of the third-party plugins to load; None loads all installed.

    Raises:
        PluginError: a plugin named by `request.extra` cannot be loaded; it was asked for.
    """
    request = request or PluginRequest()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = Loaded(manager, blocked=request.blocked, given=request.given)
    loaded.chosen = tuple(text for text in request.extra if _is_target(text))
    for name in BUILTINS:
        if name not in request.blocked:
            _register(loaded, importlib.import_module(name), Origin(name, f"builtin:{name}"))
    wanted = None if only is None else set(only)
    if not plugins_disabled():
        for point, dist, version in entry_points():
            if point.name in request.blocked or dist in request.blocked:
                continue
            origin = Origin(point.name, f"entry:{dist}/{point.name}", dist, version)
            if wanted is None or origin.source in wanted:
                _guarded(loaded, origin, point.load)
    for text in dict.fromkeys((*request.extra, *sorted(w for w in wanted or () if _is_target(w)))):
        origin = _origin_of(text)
        if origin.plugin in request.blocked:
            continue
        if wanted is None or origin.source in wanted:
            before = len(loaded.problems)
            _guarded(loaded, origin, lambda o=origin: _import(o))
            if len(loaded.problems) > before:
                problem = loaded.problems[-1]
                what = origin.plugin if _is_target(text) else f"--plugin {text}"
                raise PluginError(f"{what}: {problem.reason}", detail=problem.detail)
    return loaded


def adopt(loaded: Loaded, target: targets.Target) -> Origin:
    """Adds the model that a callable in a file or a module makes.

    Raises:
        UsageError: it is not there, or makes no model.
        PluginError: its code failed.
    """
    path = Path(target.where).expanduser()
    if target.is_file and path.is_dir():
        raise UsageError(
            f"{target.text}: {target.where} is a folder", "name the file in it that is the model"
        )
    if target.is_file and not path.is_file():
        raise UsageError(f"{target.text}: there is no file {target.where}")
    origin = _origin_of(target.source)
    try:
        _register(loaded, _import(origin), origin)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        detail = "".join(traceback.format_exception(error))
        raise PluginError(f"{target.text}: {describe(error)}", detail=detail) from error
    return origin


def _is_target(source: str) -> bool:
    return source.startswith(targets.SCHEME)


def _origin_of(text: str) -> Origin:
    if _is_target(text):
        from harness.catalogue import adopted

        target = targets.of_source(text)
        owner = (None, None) if target.is_file else _distribution_of(target.where)
        return Origin(target.name, text, *owner, digest=adopted.digest(target))
    if not (text.endswith(".py") or os.sep in text):
        return Origin(text, f"module:{text}", *_distribution_of(text))
    path = Path(text)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise PluginError(f"--plugin {text}: {error.strerror or error}") from error
    return Origin(path.name, f"file:{path}", digest=digest)


def _distribution_of(module: str) -> tuple[str | None, str | None]:
    owners = metadata.packages_distributions().get(module.partition(".")[0], [])
    return (owners[0], metadata.version(owners[0])) if owners else (None, None)


def _import(origin: Origin) -> Any:
    how, _, what = origin.source.partition(":")
    if _is_target(origin.source):
        from harness.catalogue import adopted

        return adopted.plugin(targets.of_source(origin.source))
    if how == "module":
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        return importlib.import_module(what)
    path = Path(what)
    return import_file(path, f"harness_plugin_{path.stem}_{origin.digest}")


def _guarded(loaded: Loaded, origin: Origin, importer: Any) -> None:
    try:
        plugin = importer()
        _register(loaded, plugin, origin)
    except (Exception, SystemExit) as error:
        reason = str(error) if isinstance(error, PluginError) else describe(error)
        detail = "".join(traceback.format_exception(error))
        loaded.problems.append(Problem(origin.plugin, origin.distribution, origin.version, reason, detail))


_ADVICE = re.compile(r"Exception raised from|Search for `cuda|CUDA kernel errors might be ")
"""Where the advice of torch begins that follows what happened."""


def describe(error: BaseException) -> str:
    """An exception in one line, with the file and line that raised it where that helps."""
    try:
        text = " ".join(_ADVICE.split(str(error))[0].split())[:300]
    except Exception:
        text = "its message cannot be read"
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({Path(error.filename).name}, line {error.lineno})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _register(loaded: Loaded, plugin: Any, origin: Origin) -> None:
    """Registers one plugin and refuses hooks that do not exist, or none at all."""
    manager = loaded.manager
    if manager.is_registered(plugin):  # installed and named by --plugin, or named twice
        return
    try:
        manager.register(plugin, name=origin.source)
    except pluggy.PluginValidationError as error:
        if manager.is_registered(plugin):  # before pluggy 1.7 the hooks ahead of the wrong one stay
            manager.unregister(plugin)
        raise PluginError(" ".join(str(error).split())) from error
    unknown = _unknown_hooks(manager, plugin)
    if unknown or not manager.get_hookcallers(plugin):
        manager.unregister(plugin)
        if unknown:
            raise PluginError(f"unknown hook {unknown[0]}{suggestion(unknown[0], _hook_names())}")
        near = [n for n in dir(plugin) if n.startswith("harness_")]
        more = f" ({', '.join(near)} not marked with @harness.hookimpl)" if near else ""
        raise PluginError(f"it implements no hook{more}")
    loaded.origins[id(plugin)] = origin


def idle_blocks(request: PluginRequest) -> list[str]:
    """A sentence for each name that --plugin no:NAME leaves out and that nothing here has."""
    points = entry_points()
    names = {name for point, dist, _ in points for name in (point.name, dist)}
    names |= {*BUILTINS, *(_origin_of(text).plugin for text in request.extra)}
    return [
        f"--plugin no:{name} leaves nothing out: there is no such plugin{suggestion(name, names)}"
        for name in request.blocked
        if name not in names
    ]


def _hook_names() -> list[str]:
    return [*hookspecs.CATALOGUE_HOOKS.values(), *hookspecs.LIFECYCLE_HOOKS]


def _unknown_hooks(manager: pluggy.PluginManager, plugin: Any) -> list[str]:
    callers = manager.get_hookcallers(plugin) or []
    return [c.name for c in callers if not c.has_spec()]
