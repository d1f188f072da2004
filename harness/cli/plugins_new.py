"""`harness plugins new`: a complete plugin package to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from harness.components import KINDS
from harness.errors import ExitCode


@click.command("new", short_help="Write a complete, tested plugin package, to be changed into yours.")
@click.argument("name")
@click.option("--model", is_flag=True, help="With a model; the default if no kind is named.")
@click.option("--runner", is_flag=True, help="With a runner.")
@click.option("--precision", is_flag=True, help="With a precision.")
@click.option("--reporter", is_flag=True, help="With a reporter.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    default=".",
    help="Where to make the package's folder; the current folder by default.",
)
def command(name: str, directory: Path, **given: bool) -> int:
    """Write a plugin package called NAME: installed by pip, it is measured by `harness run` as it stands.
    What it brings is called NAME without `harness-`, which a NAME of one word gets in front. Kinds may be
    combined.

    \b
    harness plugins new harness-example
    harness plugins new harness-example --runner --precision
    """
    # Here and not above: `harness plugins new --help` is to be quick.
    from harness.scaffold.names import names_of
    from harness.scaffold.package import commands_of, files_of, write

    kinds = [kind for kind in KINDS if given[kind]] or ["model"]
    names = names_of(name, kinds)
    folder = write(names, directory)
    click.echo(f"wrote {folder}:")
    for file in files_of(names):
        click.echo(f"  {file}")
    click.echo("to try it as it is:")
    for line in commands_of(names, str(folder)):
        click.echo(f"  {line}")
    # Of the files with something to say alone: what pip leaves beside them repeats some of it.
    files = (folder / "pyproject.toml", folder / names.module)
    settings, module = (shlex.quote(str(path)) for path in files)
    click.echo(f"to make it yours: grep -n CHANGE: {settings} {module}/*.py")
    return ExitCode.FINE
