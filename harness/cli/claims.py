"""`harness claims`: confirmed, refuted or not testable here."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import aiming, options
from harness.errors import ExitCode, UsageError


@click.command("claims", short_help="Are claims about configurations true here? Verdicts, and a gate for CI.")
@click.argument("source", required=False, metavar="[NAME|FILE]")
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="RUN|FILE",
    help="Take cases from a stored run that has them, and measure the others. May be repeated.",
)
@click.option("--settle", is_flag=True, help="With --run: measure again what noise left open there.")
@click.option(
    "--from",
    "from_",
    metavar="RUN|FILE",
    help="Measure the cases of somebody's report here, and say which of its speed-ups carry over.",
)
@click.option(
    "--strict", is_flag=True, help="Exit with 1 also on what is not testable here or cannot be said."
)
@click.option(
    "--despite-noise",
    is_flag=True,
    help="Judge times also where more than half of the blocks were disturbed by other work.",
)
@options.allow_code
@options.replication(aiming.CLAIMS_FURTHER_S)
@options.lock
@options.table_or_json
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Judge claims: those in the box that NAME says (`seed` by default), or your own in a TOML FILE. What
    they need is measured as one run, which is kept like any other.

    CONFIRMED: the whole 95 % interval fulfils a claim. REFUTED: it lies wholly outside; exit code 1. NOT
    TESTABLE HERE: unsupported, failed, incorrect or too noisy, with the reason.

    \b
    harness claims
    harness claims acceptance.toml --strict
    harness claims seed --run latest --format markdown --output claims.md
    harness claims --from colleague.json
    """
    # Here and not above: `harness claims --help` is to be quick.
    from harness.claims import language
    from harness.cli.claiming import asked
    from harness.cli.claims_from import from_report
    from harness.cli.claims_judged import judged, measured_anything
    from harness.cli.show import message
    from harness.plan.suites import Aims
    from harness.store import trust
    from harness.store.folder import check_output

    aiming.settings(given, Aims())  # a slip in them is told before anything is started
    if given["output"] is not None:
        check_output(Path(given["output"]))
    if given["from_"] is not None:
        if given["source"] is not None or given["runs"]:
            raise UsageError("--from takes its cases from a report", "give no claims and no --run beside it")
        found, ended = from_report(asked(ctx, given), given["from_"])
    else:
        if given["settle"] and not given["runs"]:
            raise UsageError("--settle needs --run", "say which run left claims open: --run latest")
        source = given["source"] if given["source"] is not None else "seed"
        claims = language.find(source)
        models = [point.model for claim in claims.claims for point in claim.points()]
        trust.check_models(models, f"claims {source}", given["allow_code"])
        found, ended = judged(asked(ctx, given), claims, source)
    _show(found, given)
    if ended is not None:
        raise ended
    failed = _failed(found, given["strict"])
    if failed:
        message(f"claims failed: {'; '.join(failed[:5])}{' ...' if len(failed) > 5 else ''}")
        return ExitCode.GATE
    if not measured_anything(found):
        message("nothing could be measured")
        return ExitCode.NOTHING
    return ExitCode.FINE


def _failed(found: Any, strict: bool) -> list[str]:
    """What makes the exit code 1, in words."""
    from harness.records.claims import CANNOT_SAY, DOES_NOT, NOT_TESTABLE, REFUTED

    bad = (REFUTED, DOES_NOT, *((NOT_TESTABLE, CANNOT_SAY) if strict else ()))
    return [f"{v.name} {v.word.lower()}" for v in found.verdicts if v.word in bad] + [
        f"{c.case} {c.word}" for c in found.carried if c.word in bad
    ]


def _show(found: Any, given: dict[str, Any]) -> None:
    from harness.claims import text as shown
    from harness.cli.show import write
    from harness.records import codec

    if given["format_"] == options.JSON:
        write(codec.pretty(found), given["output"])
    elif given["format_"] == options.MARKDOWN:
        write(shown.markdown(found), given["output"])
    else:
        on_terminal = given["output"] is None and sys.stdout.isatty()
        width = shutil.get_terminal_size((110, 40)).columns if on_terminal else 110
        style = shown.Style(width, on_terminal and not os.environ.get("NO_COLOR"))
        write(shown.text(found, style), given["output"], colour=style.colour)
