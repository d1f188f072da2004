"""`harness export`: a model as a file, verified at several batch sizes."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness import registry
from harness.cli import options, single
from harness.cli.numbers import Finite
from harness.cli.show import message, write
from harness.errors import ExitCode, NothingMeasured, StoreError, UsageError
from harness.execute.one import OneCase, one_case
from harness.jobs import ExportJob
from harness.plan.suites import Axes
from harness.records import codec
from harness.records.export import SCHEMA, AtBatch, ExportReport, ExportResult, VerifyResult
from harness.report.numbers import NOTHING, safe, seconds, significant, small
from harness.store.folder import check_output, results_folder

VERIFIED = "1,4,16"
ATOL = 1e-4


@dataclass(frozen=True)
class _Wanted:
    """What the options ask of the export."""

    dynamic: bool
    largest: int
    batches: list[int]
    atol: float | None


@click.command("export", short_help="Export a model to ONNX, verified at several batch sizes.")
@single.case(runner=registry.defaults()["export"]["runner"])
@click.option(
    "--dynamic/--static", default=True, show_default=True, help="Keep the batch size open, or fix it at -b."
)
@click.option(
    "--max-batch",
    type=click.IntRange(2, 1_000_000),
    default=256,
    show_default=True,
    metavar="N",
    help="The largest batch size of a dynamic export.",
)
@click.option(
    "--verify",
    metavar="N,...",
    help=f"Batch sizes to verify at ({VERIFIED} and the largest by default; with --static that of -b).",
)
@click.option(
    "--atol",
    type=Finite(min=0, min_open=True),
    metavar="X",
    help=f"The largest absolute deviation that passes: {ATOL:g} for full precision by default; "
    "for others the precision's own tolerance counts alone.",
)
@click.option("--keep-failed", is_flag=True, help="Write the file although it failed.")
@click.option("-o", "--output", metavar="FILE", help="The file; results/MODEL.onnx by default.")
@options.text_or_json_only
@options.results
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Export a model to an ONNX file with torch's dynamo exporter, check the file, run it with ONNX
    Runtime at several batch sizes and hold every output against the model in eager float64.

    PASS is exit code 0. FAIL is exit code 3, and no file is written.

    \b
    harness export
    harness export -m transformer --output transformer.onnx
    harness export -m mlp -p int8-dynamic
    harness export -m cnn --static -b 8
    """
    request = single.one_request(ctx, given, runner=registry.defaults()["export"]["runner"])
    wanted = _wanted(given, int(request.matrix.batch_size[0]) if request.matrix.batch_size else None)
    with one_case(request, message) as case:
        target = _target(given, case)
        report, made = _export(case, wanted, target.name)
        if report.passed or given["keep_failed"]:
            _place(made, target)
            report = _with_output(report, str(target))
        title = single.case_title(case.planned)
    for warning in (*case.warnings, *report.warnings):
        message(f"warning: {safe(warning)}")
    json = given["format_"] == options.JSON
    write(codec.pretty(report) if json else _text(title, report), None)
    return ExitCode.FINE if report.passed else ExitCode.CASES


def _wanted(given: dict[str, Any], batch_size: int | None) -> _Wanted:
    example = batch_size or int(registry.defaults()["single"]["batch_size"])
    dynamic, largest = given["dynamic"], given["max_batch"]
    if given["verify"] == "":
        raise UsageError("--verify is empty", "give batch sizes, e.g. --verify 1,16")
    chosen = list(Axes.from_texts(batch_size=(given["verify"],)).batch_size) if given["verify"] else []
    if not dynamic:
        if chosen and chosen != [example]:
            raise UsageError("a static export has one batch size", f"leave --verify out: it is {example}")
        return _Wanted(False, example, [example], given["atol"])
    if example > largest:
        raise UsageError(f"the example's batch size {example} is above --max-batch {largest}")
    if example < 2:
        raise UsageError(
            "a dynamic export needs an example of at least 2: the exporter takes 1 for a constant",
            "leave -b out, or export with --static",
        )
    if not chosen:
        chosen = [b for b in map(int, VERIFIED.split(",")) if b < largest] + [largest]
    for size in chosen:
        if size > largest:
            raise UsageError(f"batch size {size} is above --max-batch {largest}")
    return _Wanted(True, largest, list(dict.fromkeys(chosen)), given["atol"])


def _target(given: dict[str, Any], case: OneCase) -> Path:
    """Where the file goes: `results/<model>.onnx`, with the precision where that is not the default."""
    if given["output"] is not None:
        target = Path(given["output"])
        check_output(target)
        if target.exists() and not target.is_file():
            # A device or a pipe: it would be replaced by a file.
            raise StoreError(f"cannot write {target}: it is no regular file", "e.g. --output model.onnx")
        return target.resolve() if target.is_symlink() else target
    name, precision = case.planned.label["model"], case.planned.case.precision
    if precision != registry.defaults()["single"]["precision"]:
        name += f"_{precision}"
    # A name may hold parameters, and nothing in it may lead out of the folder.
    return results_folder(given["results"]) / (re.sub(r"[^A-Za-z0-9._=-]+", "_", name).lstrip(".") + ".onnx")


def _export(case: OneCase, wanted: _Wanted, name: str) -> tuple[ExportReport, Path]:
    """The report, with no output yet, and the file in the temporary folder."""
    folder = case.zygotes.folder / "export"
    folder.mkdir(exist_ok=True)
    # Under its final name: a file of weights beside it is named after it, and named in it.
    made = folder / name
    job = ExportJob(case.job(), str(made), wanted.dynamic, 1, wanted.largest)
    message("exporting ...")
    result = case.ask("export", job, ExportResult)
    atol = wanted.atol if wanted.atol is not None else (ATOL if result.full_precision else None)
    warnings = list(result.warnings)
    batches = []
    for size in wanted.batches:
        message(f"verifying at batch {size} ...")
        found, more = _verified(case, made, size, atol)
        batches.append(found)
        warnings += [w for w in more if w not in warnings]
    report = ExportReport(
        schema=SCHEMA,
        passed=all(b.passed for b in batches),
        output=None,
        size_bytes=sum(f.stat().st_size for f in folder.iterdir()),
        seconds=result.seconds,
        atol=atol,
        tolerance=case.planned.tolerance,
        batches=batches,
        case=case.planned.case,
        environment=case.environment,
        facts=result.facts,
        warnings=warnings,
    )
    return report, made


def _verified(case: OneCase, made: Path, size: int, atol: float | None) -> tuple[AtBatch, list[str]]:
    """The file at one batch size, in a process of its own: what crashes there has failed there."""
    planned = case.at_batch(size)
    case.make_reference(planned)
    try:
        found = case.ask("verify", case.job(planned, file=made), VerifyResult)
    except NothingMeasured as error:
        return AtBatch(size, False, None, None, error.message), []
    right = found.verification
    if right is None:
        return AtBatch(size, False, None, None, "nothing was verified"), found.warnings
    reason = right.reason
    largest = right.max_abs_error
    if reason is None and atol is not None and not (largest is not None and largest <= atol):
        reason = f"largest deviation {small(largest)} is above {small(atol)}"
    return AtBatch(size, reason is None, largest, right.error, reason), found.warnings


def _place(made: Path, target: Path) -> None:
    """Moves the file, and the weights beside it if they are in a file of their own, to its place."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for file in sorted(made.parent.iterdir(), reverse=True):
            beside = target.with_name(f".{file.name}.part")
            shutil.copyfile(file, beside)
            beside.replace(target.with_name(file.name))
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from error


def _with_output(report: ExportReport, output: str) -> ExportReport:
    from dataclasses import replace

    return replace(report, output=output)


def _text(title: str, report: ExportReport) -> str:
    import tabulate

    limits = f"error at most {small(report.tolerance)}"
    if report.atol is not None:
        limits = f"largest deviation at most {small(report.atol)}, {limits}"
    lines = [title, f"  {'PASS' if report.passed else 'FAIL'}   {limits}", ""]
    rows = [
        [
            str(b.batch_size),
            small(b.max_abs_error),
            small(b.error),
            "pass" if b.passed else "FAIL",
            safe(b.reason or ""),
        ]
        for b in report.batches
    ]
    titles = ["batch", "largest deviation", "error", "", ""]
    align = ("right", "right", "right", "left", "left")
    grid = tabulate.tabulate(rows, headers=titles, tablefmt="plain", disable_numparse=True, colalign=align)
    lines += [f"  {line.rstrip()}" for line in grid.splitlines()]
    facts = report.facts
    rows = [
        [
            "file",
            safe(report.output) if report.output else "not written: it is wrong (--keep-failed writes it)",
        ],
        ["size", f"{significant(report.size_bytes / (1 << 20))} MiB, written in {seconds(report.seconds)} s"],
        *([safe(key.replace("_", " ")), _fact(value)] for key, value in facts.items()),
    ]
    wide = max(len(key) for key, _ in rows) + 2
    lines += ["", *(f"  {key:<{wide}}{value or NOTHING}" for key, value in rows)]
    return "\n".join(lines) + "\n"


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{safe(str(k))} {safe(str(v))}" for k, v in value.items())
    return safe(str(value))
