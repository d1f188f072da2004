"""Asks a probe child what components there are and which work here; the answer is cached."""

from __future__ import annotations

import signal
from typing import Any

from harness import inventory
from harness.catalogue.loading import PluginRequest
from harness.errors import NothingMeasured, Terminated
from harness.execute.launch import Launcher
from harness.execute.outcomes import ending
from harness.execute.run import as_error, launcher
from harness.execute.signals import Interrupted, Interrupts
from harness.jobs import InventoryJob

TIMEOUT_S = 120.0


def ask(plugins: PluginRequest, key: str) -> dict[str, Any]:
    """Starts a probe child and keeps what it says.

    Raises:
        HarnessError: it cannot answer.
        KeyboardInterrupt, Terminated: a signal came.
    """
    with Interrupts() as interrupts, launcher(interrupts) as zygotes:
        try:
            return ask_with(zygotes, plugins, key)
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None


def ask_with(zygotes: Launcher, plugins: PluginRequest, key: str) -> dict[str, Any]:
    """The same with zygotes that are there already."""
    zygotes.start(1)
    outcome = zygotes.run(0, "inventory", InventoryJob(plugins), TIMEOUT_S)
    found = outcome.messages.get("result")
    if not isinstance(found, dict):
        end = ending(outcome, TIMEOUT_S)
        if end.status == "interrupted":
            raise Interrupted
        raise as_error(
            outcome.messages.get("failure"),
            NothingMeasured(f"taking stock failed: {end.reason}", detail=end.detail),
        )
    inventory.keep(key, found)
    return found
