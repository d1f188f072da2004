"""Tells plugins what happens in a run. Only those that listen are loaded into the parent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.catalogue.loading import Loaded, PluginRequest, describe, load
from harness.errors import HarnessError
from harness.hookspecs import LIFECYCLE_HOOKS
from harness.records.case import PluginInfo


class Observers:
    """The plugins of a run that implement a lifecycle hook.

    Args:
        plugins: what the plan loaded, in a child; a plugin that breaks on import never gets here.
        request: what --plugin said.
        warn: told, in one line, when an observer breaks.
    """

    def __init__(
        self, plugins: list[PluginInfo], request: PluginRequest, warn: Callable[[str], None]
    ) -> None:
        self._warn = warn
        listening = {p.source for p in plugins if set(p.hooks) & set(LIFECYCLE_HOOKS)}
        self._loaded: Loaded | None = None
        if listening:
            try:
                self._loaded = load(request, only=listening)
            except HarnessError as error:
                warn(error.message)

    def tell(self, hook: str, **arguments: Any) -> None:
        """Calls a lifecycle hook of every listener. What one of them breaks does not reach the run."""
        if self._loaded is None:
            return
        caller = getattr(self._loaded.manager.hook, hook)
        for implementation in caller.get_hookimpls():
            wanted = {n: arguments[n] for n in implementation.argnames}
            try:
                implementation.function(**wanted)
            except (Exception, SystemExit) as error:
                origin = self._loaded.origin(implementation.plugin)
                self._warn(f"plugin {origin}: {hook} failed: {describe(error)}")
