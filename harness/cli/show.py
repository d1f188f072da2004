"""Renders reports to the terminal, a pipe or a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

import click

from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.loading import describe
from harness.catalogue.specs import parse
from harness.components import Reporter
from harness.errors import HarnessError, PluginError, StoreError, UnknownName
from harness.records import codec
from harness.records.report import Report
from harness.report.select import standard_order
from harness.store.folder import read_report_file, write_whole


def message(text: str) -> None:
    """One line for the user, on stderr; stdout is for data. Where nobody reads any more, what is being
    measured is worth more than the line.
    """
    with contextlib.suppress(BrokenPipeError):
        click.echo("".join(c if c.isprintable() else "?" for c in text), err=True)


def reporter(name: str, plugins: PluginRequest) -> Reporter:
    """The reporter of that name; third-party plugins are only loaded if the box has none, and then no other
    kind is asked for, since what a model or a runner imports has no place in this process.

    Raises:
        UnknownName: there is none.
    """
    spec = parse(name, "reporter")
    kinds = ("reporter",)
    catalogue = Catalogue(load(PluginRequest(blocked=plugins.blocked), only=()), kinds)
    try:
        found = catalogue.get("reporter", spec)
    except UnknownName:
        found = Catalogue(load(plugins), kinds).get("reporter", spec)
    assert isinstance(found.component, Reporter)
    return found.component


def show(report: Report, form: Reporter, output: str | None) -> None:
    """Prints or writes one report, in the standard order unless it is sorted already.

    Raises:
        PluginError: the reporter fails.
        StoreError: the file cannot be written.
    """
    to_terminal = output is None and sys.stdout.isatty()
    try:
        if to_terminal:
            width = shutil.get_terminal_size((120, 40)).columns
            text = form.display(report, width, colour=not os.environ.get("NO_COLOR"))
        else:
            text = form.render(report)
    except HarnessError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"reporter {form.name} failed: {describe(error)}") from error
    if not isinstance(text, (str, bytes)):
        raise PluginError(f"reporter {form.name} failed: render() returned {type(text).__name__}, not text")
    if isinstance(text, str):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise PluginError(f"reporter {form.name} failed: its text is no Unicode: {error}") from error
    write(text, output, colour=to_terminal)


def write(text: str | bytes, output: str | None, colour: bool = False) -> None:
    """Writes to a file, or to the standard output where none is named.

    Raises:
        StoreError: it cannot be written.
    """
    if output is not None:
        write_whole(Path(output), text)
        message(f"written: {output}")
        return
    try:
        if isinstance(text, bytes):
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        else:
            click.echo(text, nl=not text.endswith("\n"), color=True if colour else None)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StoreError(f"cannot write the output: {error.strerror}") from error


def kept(path: Path, report: Report) -> StoreError | None:
    """Writes the public report of a run; the error where it cannot be, since what was measured is worth
    showing all the same. A report that says more than this one (its run's file was damaged since) is put
    aside first.
    """
    try:
        with contextlib.suppress(StoreError):
            before = read_report_file(path)
            if _says_more(before, report):
                aside = path.with_name(f"{path.stem}.before{path.suffix}")
                os.replace(path, aside)
                message(f"the report that was there says more than the run's file does now: it is {aside}")
        write_whole(path, codec.pretty(report))
    except StoreError as error:
        error.hint = error.hint or f"`harness report {report.run.id}` makes it from the run's file"
        return error
    return None


def _says_more(before: Report, now: Report) -> bool:
    """Whether any case has more replicates there."""
    have = {record.id: record.replicates for record in now.records}
    return any(record.replicates > have.get(record.id, 0) for record in before.records)


def show_details(report: Report) -> None:
    """What --verbose adds: tracebacks and last words of the cases that did not end well, on stderr."""
    for record in report.records:
        if record.detail:
            case = record.case
            name = (
                f"{record.label['model']} batch {case.batch_size} {record.label['runner']} {case.precision}"
            )
            message(f"--- {name}: {record.status}")
            for line in record.detail.splitlines():
                message(f"    {line}")


def in_order(report: Report) -> Report:
    """The report with its records in the order in which people read them."""
    from dataclasses import replace

    return replace(report, records=standard_order(report.records))
