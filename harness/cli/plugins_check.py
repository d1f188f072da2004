"""`harness plugins check`: does a plugin keep the contracts?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from harness.cli import options
from harness.cli.checked import Checked, summary
from harness.cli.checking import Working
from harness.cli.numbers import Finite
from harness.cli.show import message, write
from harness.errors import ExitCode, Terminated, UsageError
from harness.records import codec
from harness.records.conformance import FAILED, SCHEMA, CheckResult, ConformanceReport


@click.command("check", short_help="Hold a plugin against everything that the harness expects of one.")
@click.argument("what", metavar="WHAT")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME,...",
    help="Only these checks (`model.fresh`), kinds (`model`) or components (`tiny`).",
)
@click.option(
    "--timeout",
    type=Finite(min=0.1, max=options.MOST_S),
    default=120.0,
    show_default=True,
    metavar="S",
    help="Seconds for each check.",
)
@options.text_or_json
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    /,
    what: str,
    only: tuple[str, ...],
    timeout: float,
    format_: str,
    output: str | None,
    plugin: tuple[str, ...],
    **_: object,
) -> int:
    """Check WHAT: an installed distribution, the name of an entry point, a plugin file, a module, or
    `box` for everything built in. Every check runs in a process of its own, so a plugin may crash, hang
    or eat memory.

    A line for each component, and below it what is wrong; with --verbose every check. Exit code 0 if
    every check that applies is ok, 1 if one failed.

    \b
    harness plugins check harness-tiny
    harness plugins check tiny.py
    harness plugins check tiny.py --only model.inputs-batch
    """
    from harness.catalogue.loading import PluginRequest
    from harness.conformance.kit import counts
    from harness.conformance.subjects import subject
    from harness.store.folder import check_output

    if output is not None:
        check_output(Path(output))
    chosen = subject(what, PluginRequest.from_options(options.plugin_texts(ctx, plugin)))
    verbose = bool((ctx.obj or {}).get("verbose") or _.get("verbose"))
    streams = format_ == options.TEXT and output is None
    results: list[CheckResult] = []
    lines: list[str] = []
    text = Checked(every=verbose)

    def say(said: list[str]) -> None:
        lines.extend(said)
        if streams and said:
            with working.aside():
                click.echo("\n".join(said))

    with Working() as working:
        for found, plugins in _made(chosen, _words(only), timeout, working.begin):
            results.append(found)
            names = plugins
            say(text.add(found))
            if verbose and found.detail:
                with working.aside():
                    for line in found.detail.splitlines():
                        message(f"    {line}")
        say(text.end())
    passed = not any(r.status == FAILED for r in results)
    number = counts(results)
    if format_ == options.JSON:
        version = metadata.version("pytorch-inference-lab")
        report = ConformanceReport(SCHEMA, what, version, names, passed, number, results)
        write(codec.pretty(report), output)
    else:
        last = summary(what, number, passed)
        write(last if streams else "\n".join([*lines, last]), output)
    return ExitCode.FINE if passed else ExitCode.GATE


def _made(
    chosen: Any, words: list[str], timeout: float, begin: Callable[[str], None]
) -> Iterator[tuple[CheckResult, list[str]]]:
    """Each result as it is found, with the names of the plugins.

    Args:
        begin: told what is checked next.

    Raises:
        UsageError: --only names nothing.
        KeyboardInterrupt, Terminated: a signal came.
    """
    import signal

    from harness.conformance.kit import IMPORTS, Kit
    from harness.execute.run import launcher
    from harness.execute.signals import Interrupted, Interrupts

    with Interrupts() as interrupts:
        try:
            with launcher(interrupts, imports=IMPORTS) as zygotes:
                interrupts.on_second = zygotes.kill
                kit = Kit(chosen, zygotes, timeout)
                count = 0
                try:
                    for item in kit.items():
                        own = {item.check.name, item.check.subject, item.target.kind, item.target.name}
                        if words and not own & set(words):
                            continue
                        count += 1
                        begin(str(item))
                        yield kit.result(item), kit.plugins()
                finally:
                    kit.close()
                if not count:
                    raise UsageError(f"--only {','.join(words)}: no check here is called so", _known())
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None


def _words(only: tuple[str, ...]) -> list[str]:
    return [word.strip() for text in only for word in text.split(",") if word.strip()]


def _known() -> str:
    from harness.conformance.contract import CHECKS

    return f"checks: {', '.join(CHECKS)}"
