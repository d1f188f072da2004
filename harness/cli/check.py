"""`harness check`: does it really run there?"""

from __future__ import annotations

from typing import Any

import click

from harness.cli import options, single
from harness.cli.show import message, write
from harness.errors import ExitCode, UsageError
from harness.execute.one import one_case
from harness.jobs import CheckJob
from harness.plan.suites import Axes
from harness.records import codec
from harness.records.check import SCHEMA, Check, CheckReport
from harness.report.numbers import safe, seconds, significant


@click.command("check", short_help="Does a model really run under a runner? Graph breaks, fallbacks.")
@single.case()
@click.option(
    "--other-batches",
    metavar="N,...",
    help="Call the loaded case with these batch sizes, too: does it recompile, does it refuse?",
)
@options.text_or_json
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Does a model really run under a runner? Loads it, calls it on several inputs, and says what the
    runner says of itself: compiled graphs, graph breaks and recompilations with places and causes,
    providers of nodes, fusions, casts. The same facts are in every record of `harness run`.

    Exit code 0 if all runs as asked, 3 if something does not, 4 if it does not run at all.

    \b
    harness check -r compile
    harness check -m transformer -r onnxruntime
    harness check -r compile --other-batches 1,64
    """
    request = single.one_request(ctx, given)
    if given["other_batches"] == "":
        raise UsageError("--other-batches is empty", "give batch sizes, e.g. --other-batches 1,64")
    others = list(
        Axes.from_texts(batch_size=(given["other_batches"],) if given["other_batches"] else ()).batch_size
    )
    with one_case(request, message) as case:
        case.make_reference()
        case.build()
        found = case.ask("check", CheckJob(case.job(), others), Check)
        report = CheckReport(SCHEMA, case.planned.case, case.environment, found)
        title = single.case_title(case.planned)
    for warning in (*case.warnings, *found.warnings):
        message(f"warning: {warning}")
    problems = _problems(found)
    json = given["format_"] == options.JSON
    write(codec.pretty(report) if json else _text(title, found, problems), given["output"])
    return ExitCode.CASES if problems else ExitCode.FINE


def _problems(found: Check) -> list[str]:
    """Everything that is not as asked, in one line each."""
    problems = [safe(p) for p in found.problems]
    if found.failure is not None:
        problems.append(f"it ended with {safe(found.failure)}")
    problems += [f"batch {o.batch_size}: {safe(o.error)}" for o in found.other_batches if o.error]
    if found.verification is not None and not found.verification.passed:
        problems.append(f"incorrect: {safe(found.verification.reason or '')}")
    return problems


def _text(title: str, found: Check, problems: list[str]) -> str:
    count = len(problems)
    verdict = (
        "yes, all of it runs as asked" if not count else f"not wholly: {count} problem{'s' * (count != 1)}"
    )
    lines = [title, f"  {verdict}", *(f"  - {p}" for p in problems), ""]
    rows = [("ready", f"{seconds(found.ready_s)} s from loading to the end of the first call")]
    rows.append(("calls", f"{found.calls} on several inputs"))
    runs = [str(o.batch_size) for o in found.other_batches if not o.error]
    if runs:
        rows.append(("other batches", f"{', '.join(runs)} run, too"))
    facts = {k: v for k, v in found.facts.items() if not k.endswith("_reasons")}  # told as problems
    rows += [(_words(key), _value(value)) for key, value in facts.items()]
    rows = [(key, value) for key, value in rows if value]
    wide = max(len(key) for key, _ in rows) + 2
    lines += [f"  {key:<{wide}}{value}" for key, value in rows]
    return "\n".join(lines) + "\n"


def _words(key: str) -> str:
    """`cache_hits` as `cache hits`, `compile_s` as `compile s`."""
    return safe(key.replace("_", " "))


def _value(value: Any) -> str:
    """A fact in one line; an empty text for what is empty."""
    if isinstance(value, dict):
        texts = {_value(v) for v in value.values()}
        if len(value) > 3 and len(texts) == 1:
            return f"{texts.pop()} for all {len(value)}"
        return ", ".join(f"{safe(str(k))} {_value(v)}" for k, v in value.items())
    if isinstance(value, list):
        return "; ".join(_value(v) for v in value)
    if isinstance(value, float):
        return significant(value)
    if value is None:
        return ""
    return safe(str(value))
