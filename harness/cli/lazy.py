"""A group of commands that are imported when they are called, and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are modules with a `command` in each.

    Args:
        texts: name of a command -> its help line, so that `--help` imports none of them.
        home: what comes before the name to make the module's name.
    """

    def __init__(self, *args: Any, texts: dict[str, str], home: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.texts = texts
        self.home = home

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.texts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.texts:
            return None
        command = import_module(f"{self.home}{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.texts and not args[0].startswith("-"):
            from harness.catalogue.suggest import suggestion

            raise click.UsageError(f"there is no command {args[0]!r}{suggestion(args[0], self.texts)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.texts:
            with formatter.section("Commands"):
                formatter.write_dl(list(self.texts.items()))
