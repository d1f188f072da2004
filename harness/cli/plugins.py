"""`harness plugins`: what a plugin's author needs, each in a command of its own."""

from __future__ import annotations

from importlib.util import find_spec

import click

from harness.cli.lazy import LazyGroup

_HOME = "harness.cli.plugins_"
_TEXTS = {
    "new": "Write a complete, tested plugin package, to be changed into yours.",
    "check": "Hold a plugin against everything that the harness expects of one.",
    "list": "List installed plugins: what each provides, and why one does not load.",
}
COMMANDS = {name: text for name, text in _TEXTS.items() if find_spec(f"{_HOME}{name}") is not None}
"""Every subcommand with its help line."""


@click.group("plugins", cls=LazyGroup, texts=COMMANDS, home=_HOME)
def command() -> None:
    """Write, check and list plugins.

    \b
    harness plugins new harness-example
    harness plugins list
    """
