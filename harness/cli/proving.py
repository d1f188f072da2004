"""`harness explain --prove` and `--waterfall`: experiments, each told in one line and kept with the run."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from harness.catalogue.targets import SCHEME
from harness.cli import options
from harness.cli.show import message
from harness.errors import ExitCode, Terminated, UsageError
from harness.records.finding import PROVED, WITHDRAWN, Finding, Proof, Waterfall
from harness.records.report import Report
from harness.store import trust
from harness.store.folder import Folder, results_folder


def chosen(report: Report, only: tuple[str, ...], most: int) -> list[list[Finding]]:
    """What is put to the test: not what was already, and first what explains the rows of the table.

    Raises:
        UsageError: a key is none of this report's findings.
    """
    from harness.prove.experiments import distinct

    found = [f for r in report.records for f in r.findings] + report.findings
    keys = {f.key for f in found}
    for key in only:
        if key not in keys:
            raise UsageError(
                f"no finding of this run is called {key!r}",
                f"there are: {', '.join(sorted(keys)) or 'none'}",
            )
    main = {r.explanation.key for r in report.records if r.explanation}
    rank = {"trouble": 0, "gain": 1, "no gain": 1, "place": 2}
    open_ = [f for f in found if f.intervention is not None and (not only or f.key in only)]
    if not only:
        open_ = [f for f in open_ if f.state not in (PROVED, WITHDRAWN)]
    open_.sort(key=lambda f: (f.key not in main, rank.get(f.kind, 3)))
    groups = distinct(open_)
    return groups[:most] if most else groups


def prove(
    ctx: click.Context, given: dict[str, Any], report: Report, path: Path | None
) -> tuple[list[Proof], ExitCode | None]:
    """Makes the experiments; every proof is in the run's file as soon as it is known.

    Args:
        path: the run's own file; None where only a report is there, which is not changed.

    Returns:
        The proofs, and the exit code if a signal ended it.
    """
    from harness.prove.experiments import experiment
    from harness.store import eventfile

    groups = chosen(report, given["only"], given["most"])
    if not groups:
        message("nothing to prove: no finding has an experiment that was not made")
        return [], None
    if path is None:
        message("a report is not changed: these proofs are shown, and kept nowhere but as comparisons")
    proofs: list[Proof] = []
    code: ExitCode | None = None
    with _laboratory(ctx, given, report) as lab:
        for number, group in enumerate(groups, 1):
            made = group[0].intervention
            assert made is not None
            message(f"proving {number} of {len(groups)}: {_what(group)}: {made.text}")
            try:
                for proof in experiment(lab, group):
                    proofs.append(proof)
                    if path is not None:
                        eventfile.append(path, proof, report.run.id)
            except (KeyboardInterrupt, Terminated) as signal:
                message("interrupted: what was proved so far is kept")
                code = ExitCode.INTERRUPTED if isinstance(signal, KeyboardInterrupt) else ExitCode.TERMINATED
                break
            message(f"  {outcome(proofs[-1])}")
    if path is not None and proofs:
        _renew(path)
    return proofs, code


def _what(group: list[Finding]) -> str:
    """`mlp at batch 64, bf16-amp on eager`, and how many more rows the same experiment is about."""
    subjects = list(dict.fromkeys(f.subject for f in group))
    return subjects[0] + (f" and {len(subjects) - 1} more" if len(subjects) > 1 else "")


def _renew(path: Path) -> None:
    """The report beside a run's file, if there is one, has the proofs, too."""
    from harness.analyse.analyse import analyse
    from harness.cli.show import kept
    from harness.explain.explain import explained
    from harness.store import runfile

    beside = path.with_suffix(".json")
    if beside.is_file():
        lost = kept(beside, explained(analyse(runfile.read(path))))
        if lost is not None:
            raise lost


def outcome(proof: Proof) -> str:
    """`proved: 1.42x (1.35 to 1.50), 10 pairs`."""
    from harness.explain.said import times_text

    word = {True: "proved", False: "not borne out", None: "undecided"}[proof.proved]
    parts = []
    if proof.ratio is not None:
        known = f" ({proof.low:.2f} to {proof.high:.2f})" if proof.low and proof.high else ""
        parts.append(f"{times_text(proof.ratio)}{known}, {proof.pairs} pairs")
    if proof.reason:
        parts.append(proof.reason)
    return f"{word}: {'; '.join(parts)}"


def fall(ctx: click.Context, given: dict[str, Any], shown: Report, whole: Report) -> Waterfall:
    """The way from the baseline to the best row with the largest gain.

    Args:
        shown: the rows to choose from.
        whole: the run: where the baseline is, and what ran.

    Raises:
        UsageError: no row is the best of its group and faster than its baseline.
    """
    from harness.prove.waterfall import waterfall

    best = [r for r in shown.records if r.best and r.speedup is not None and not r.is_baseline]
    busy = whole.run.noise.busy if whole.run.noise is not None else None
    if busy:
        raise UsageError(
            f"no way to show: which row is fastest cannot be told, {busy}", "measure again when it is idle"
        )
    if not best:
        raise UsageError(
            "no way to show: the baseline itself is the best row of every group",
            "choose another run, or measure more configurations",
        )
    subject = max(best, key=lambda r: r.speedup.ratio if r.speedup else 0.0)
    with _laboratory(ctx, given, whole) as lab:
        return waterfall(lab, whole, subject)


class _laboratory:  # noqa: N801  a context manager, used like a function
    """Locks and settings of experiments on a run."""

    def __init__(self, ctx: click.Context, given: dict[str, Any], report: Report) -> None:
        self._given = given
        self._report = report
        own = options.plugin_texts(ctx, given["plugin"])
        theirs = [*(() if own else _files_of(report)), *_adopted(report)]
        path = Folder(results_folder(given["results"])).find(given["run"])
        named = [text for text in (*theirs, *trust.code_of(report)) if not text.startswith("no:")]
        trust.check_report(report, path, named, given["allow_code"])
        self._texts = (*own, *theirs)

    def __enter__(self) -> Any:
        from harness.catalogue.loading import PluginRequest
        from harness.compare import rule
        from harness.prove.experiments import Laboratory

        devices = tuple(dict.fromkeys(r.case.device for r in self._report.records))
        self._locks = options.locks(self._given, devices)
        return Laboratory(
            folder=Folder(results_folder(self._given["results"])),
            plugins=PluginRequest.from_options(self._texts),
            mode=rule.MODES[self._given["mode"]],
            seed=self._report.run.seed,
            locks=self._locks.__enter__(),
            command=shlex.join(["harness", *sys.argv[1:]]),
            tell=message,
            tolerance=self._report.run.settings.tolerance,
        )

    def __exit__(self, *raised: Any) -> None:
        self._locks.__exit__(*raised)


def _adopted(report: Report) -> tuple[str, ...]:
    """Models that the run took from files or modules, with their inputs."""
    sources = [p.source for r in report.records for p in r.providers if p.kind == "model"]
    return tuple(dict.fromkeys(s for s in sources if s.startswith(SCHEME)))


def _files_of(report: Report) -> tuple[str, ...]:
    """The plugins that the run was given, from wherever it was started, and those that it left out.

    Raises:
        UsageError: a file is no longer where it was.
    """
    found = []
    for info in report.run.plugins:
        scheme, _, where = info.source.partition(":")
        if scheme == "file" and not os.path.exists(where):
            raise UsageError(f"the run's plugin {where} is not here", "say where it is: --plugin FILE")
        found += [where] if scheme in ("file", "module") else []
    try:
        words = shlex.split(report.run.command)
    except ValueError:  # no command line, whoever wrote it
        words = []
    return (*found, *(w for w in words if w.startswith("no:")))
