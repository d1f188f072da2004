"""Tells plugins what happens in a run. Only those that listen are loaded into the parent."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.catalogue.loading import Loaded, PluginRequest, describe, load
from harness.errors import HarnessError
from harness.hookspecs import LIFECYCLE_HOOKS
from harness.records.case import PluginInfo

PATIENCE_S = 10.0
"""A hook that takes longer is named."""


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
            name = f"plugin {self._loaded.origin(implementation.plugin)}: {hook}"
            with self._watched(name):
                implementation.function(**wanted)

    @contextmanager
    def _watched(self, name: str) -> Iterator[None]:
        """Whatever code of a plugin raises is a warning; one that does not come back is named; the folder in
        which the run's paths begin stays what it is.
        """
        before = None
        with contextlib.suppress(OSError):  # it may be gone
            before = os.getcwd()
        slow = threading.Timer(PATIENCE_S, self._warn, (f"{name} takes its time, and the run waits for it",))
        slow.daemon = True
        slow.start()
        try:
            yield
        except BaseException as error:
            # While signals are heard elsewhere, it is no Ctrl-C.
            if isinstance(error, KeyboardInterrupt) and _is_ctrl_c():
                raise
            self._warn(f"{name} failed: {describe(error)}")
        finally:
            slow.cancel()
        with contextlib.suppress(OSError):
            if before is not None and os.getcwd() != before:
                os.chdir(before)
                self._warn(f"{name} changed the working folder; it is set back")


def _is_ctrl_c() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
