"""What there is here, for commands that show it: from the cache, or asked of a probe child."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click

from harness import inventory
from harness.errors import HarnessError


def blocked(texts: Iterable[str]) -> tuple[str, ...]:
    """The names that `--plugin no:NAME` leaves out."""
    return tuple(t[3:] for t in texts if t.startswith("no:"))


def take(texts: tuple[str, ...]) -> tuple[dict[str, Any], str | None]:
    """(what there is, why it could not be asked what works here).

    With a reason, only the box is in it: that can be shown whatever is wrong with torch or a plugin.

    Args:
        texts: what --plugin said.

    Raises:
        PluginError, UsageError: a plugin that was asked for cannot be loaded.
    """
    extra = tuple(t for t in texts if not t.startswith("no:"))
    key = inventory.environment_key(extra, blocked(texts))
    found = inventory.cached(key)
    if found is not None:
        return found, None
    if sys.stderr.isatty():
        click.echo("taking stock of this machine, once ...", err=True)
    # Here and not above: what is cached is to be shown as quickly as `ls` would.
    from harness.catalogue.loading import PluginRequest
    from harness.errors import PluginError, Terminated, UsageError
    from harness.execute import probe

    try:
        return probe.ask(PluginRequest.from_options(texts), key), None
    except (PluginError, UsageError, Terminated):
        raise
    except HarnessError as error:
        return inventory.builtins(), error.message
