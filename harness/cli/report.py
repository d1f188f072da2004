"""`harness report`: shows stored runs."""

from __future__ import annotations

from typing import Any

import click

from harness.analyse.analyse import analyse, run_info
from harness.catalogue.loading import PluginRequest
from harness.cli import options
from harness.cli.show import message, reporter, show, show_details
from harness.errors import ExitCode, StoreError, UsageError
from harness.explain.explain import explained
from harness.plan.suites import Axes
from harness.records.case import AXES
from harness.records.report import Report
from harness.report.numbers import duration, safe
from harness.report.select import filtered, ordered, with_baseline
from harness.store import runfile
from harness.store.folder import LATEST, Folder, read_report_file, results_folder


@click.command("report", short_help="Show stored runs as a table, Markdown, JSON or CSV.")
@click.argument("runs", nargs=-1, metavar="[RUN|FILE]...")
@click.option("--list", "listing", is_flag=True, help="List the stored runs, the newest last.")
@options.output
@click.option(
    "--sort",
    metavar="KEY",
    help="Sort all rows by latency, throughput, speedup, error, memory, "
    "status or an axis; groups come in the order of their best row.",
)
@click.option("--baseline", metavar="AXIS=VALUE,...", help="Count speed-ups from other cases, or `none`.")
@click.option("--status", multiple=True, metavar="STATUS", help="Only rows of this status.")
@options.axes("to show")
@options.results
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    listing: bool,
    format_: str,
    output: str | None,
    sort: str | None,
    baseline: str | None,
    status: tuple[str, ...],
    results: str | None,
    plugin: tuple[str, ...],
    **texts: Any,
) -> int:
    """Show stored runs: the latest, or the given RUN ids, `latest`, or FILEs (.jsonl or .json).

    \b
    harness report
    harness report --format markdown
    harness report 20261122-174126-0c1f -m mlp -b 64 --sort latency
    harness report --format csv --output table.csv
    """
    folder = Folder(results_folder(results))
    if listing:
        if runs:
            raise UsageError("--list shows every run and takes none", f"`harness report {runs[0]}` shows one")
        _list(folder)
        return ExitCode.FINE
    plugins = PluginRequest.from_options(options.plugin_texts(ctx, plugin))
    form = reporter(format_, plugins)
    names = runs or (LATEST,)
    if baseline == "":
        raise UsageError("--baseline is empty", "give axis=value,..., or `none` for no speed-ups")
    if len(names) > 1 and (output is not None or form.one_document):
        raise UsageError(f"one run at a time to a file, or as {form.name}")
    statuses = tuple(s.strip() for text in status for s in text.split(","))
    axes = Axes.from_texts(**{a: texts[a] for a in AXES}).given()
    for name in names:
        found = read(folder, name, baseline)
        # Before rows are left out: what is shown may be explained by what is not.
        found = ordered(filtered(explained(found), axes, statuses), sort)
        show(found, form, output)
        if texts["verbose"] or (ctx.obj or {}).get("verbose"):
            show_details(found)
    return ExitCode.FINE


def read(folder: Folder, name: str, baseline: str | None = None) -> Report:
    """The report of a run id, of `latest`, or of a file of either kind."""
    path = folder.find(name)
    ahead = folder.ahead() if name == LATEST else []
    if ahead:
        message(f"not the latest, since dated in the future: {', '.join(ahead[:3])}; name it by its id")
    if path.suffix == ".json":
        if baseline:
            raise UsageError(
                "--baseline needs the run file", f"a report keeps no single calls; see {path.stem}.jsonl"
            )
        return read_report_file(path)
    run = runfile.read(path)
    return with_baseline(run, baseline) if baseline else analyse(run)


def _list(folder: Folder) -> None:
    ids = folder.ids()
    if not ids:
        raise StoreError(f"there is no run under {folder.benchmarks}", "make one with `harness run`")
    rows = []
    for run_id in ids:
        path = folder.run_path(run_id)
        try:
            stored = runfile.read(path)
        except StoreError as error:
            message(f"{path.name}: {error.message}")
            continue
        info = run_info(stored)
        took = _took(info.started, info.ended)
        cases = len(stored.header.plan.cases)
        texts = [info.id, info.started[:16].replace("T", " "), str(cases), info.status, took, info.command]
        rows.append([safe(text) for text in texts])
    import tabulate

    click.echo(
        tabulate.tabulate(
            rows,
            headers=["run", "started (UTC)", "cases", "status", "took", "command"],
            tablefmt="plain",
            disable_numparse=True,
        )
    )


def _took(started: str, ended: str | None) -> str:
    from datetime import datetime

    if ended is None:
        return "-"
    try:
        seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):  # no moment, or one of two without its zone
        return "-"
    return duration(max(0.0, seconds))
