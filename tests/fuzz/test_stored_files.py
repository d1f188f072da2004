"""Stored files that were damaged, or made up by a program that is not this one: no traceback, no hang, and what
is sound is still read.
"""

from __future__ import annotations

import json
import random

from harness.analyse.analyse import analyse
from harness.catalogue import Catalogue, load
from harness.compare.paired import report_of
from harness.explain.explain import explained
from harness.records import codec
from harness.records.calibration import Calibration
from harness.report import comparison as shown
from harness.store import calibration, comparisonfile, runfile
from harness.store.folder import read_report_file

from .conftest import REFERENCE, changed, command, damaged, fuzz, refused_or_fine, sealed, seeds

REPORTERS = [p.component for p in Catalogue(load(only=()), ("reporter",)).of_kind("reporter")]


def show(report) -> None:
    """Everything that is made of a report."""
    whole = explained(report)
    for reporter in REPORTERS:
        assert reporter.render(whole)
        assert reporter.display(whole, 80, True)


def run_files(run_lines, tmp_path, count) -> None:
    """Bytes of a run file: undamaged lines are still read."""
    path = tmp_path / "run.jsonl"
    whole = b"\n".join(run_lines) + b"\n"

    def check(seed: int) -> None:
        data = damaged(whole, random.Random(seed))
        path.write_bytes(data)
        run = refused_or_fine(lambda: runfile.read(path))
        lines = data.split(b"\n")
        if lines[0] != run_lines[0]:
            return
        assert run is not None, "its header is sound"
        kept = {codec.encode_event(s) for s in run.samples}
        for line in lines[1:-1]:
            if line in run_lines and b'"event":"sample"' in line:
                assert codec.encode_event(codec.decode_event(line)) in kept
        show(analyse(run))

    fuzz("bytes of run files", seeds, check, count)


def foreign_run_files(run_lines, tmp_path, count) -> None:
    """Well-formed lines with nonsense in them."""
    path = tmp_path / "foreign.jsonl"
    events = [json.loads(line) for line in run_lines]

    def check(seed: int) -> None:
        draw = random.Random(seed)
        lines = list(run_lines)
        for _ in range(draw.choice((1, 1, 2, 4))):
            at = 0 if draw.random() < 0.3 else draw.randrange(len(lines))
            lines[at] = sealed(changed(events[at], draw))
        path.write_bytes(b"\n".join(lines) + b"\n")
        command("report", path, "--format", draw.choice(("table", "markdown", "json", "csv")))
        command("explain", path, *draw.choice(((), ("--brief",), ("--format", "markdown"))))

    fuzz("foreign run files", seeds, check, count)


def reports(tmp_path, count) -> None:
    """Public reports of other programs."""
    path = tmp_path / "report.json"
    data = json.loads(REFERENCE.with_suffix(".json").read_bytes())
    data["records"] = data["records"][:3]
    kept = {r["id"] for r in data["records"]}
    data["findings"] = [f for f in data["findings"] if set(f["records"]) <= kept][:5]

    def check(seed: int) -> None:
        draw = random.Random(seed)
        raw = json.dumps(changed(data, draw)).encode()
        path.write_bytes(raw if draw.random() < 0.8 else damaged(raw, draw))
        found = refused_or_fine(lambda: read_report_file(path))
        if found is not None:
            show(found)
            command("compare", "--runs", path, REFERENCE)

    fuzz("reports", seeds, check, count)


def comparisons(comparison_lines, tmp_path, count) -> None:
    """Files of live comparisons, damaged and made up."""
    path = tmp_path / "comparison.jsonl"
    events = [json.loads(line) for line in comparison_lines]

    def check(seed: int) -> None:
        draw = random.Random(seed)
        if draw.random() < 0.5:
            path.write_bytes(damaged(b"\n".join(comparison_lines) + b"\n", draw))
        else:
            lines = list(comparison_lines)
            at = draw.choice((0, 1, draw.randrange(len(lines))))
            lines[at] = sealed(changed(events[at], draw))
            path.write_bytes(b"\n".join(lines) + b"\n")
        found = refused_or_fine(lambda: comparisonfile.read(path))
        if found is not None:
            made = report_of(found)
            assert shown.table(made)
            assert shown.markdown(made)
            assert codec.pretty(made)

    fuzz("comparisons", seeds, check, count)


def caches(tmp_path, monkeypatch, count) -> None:
    """What is cached about the machine: a cache that cannot be read is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    mark = calibration.fingerprint(calibration.state())
    path = calibration.path_of(mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.loads(codec.encode(Calibration(calibration.SCHEMA, mark, calibration.state())))

    def check(seed: int) -> None:
        draw = random.Random(seed)
        raw = json.dumps(changed(data, draw)).encode()
        path.write_bytes(raw if draw.random() < 0.5 else damaged(raw, draw))
        assert isinstance(calibration.load(), Calibration)

    fuzz("caches", seeds, check, count)


# ---- a few of each, in every run of the tests -------------------------------------------------------


def test_a_damaged_run_file_still_gives_every_line_that_is_sound(run_lines, tmp_path):
    run_files(run_lines, tmp_path, 100)


def test_a_run_file_of_another_program_is_shown_or_refused(run_lines, tmp_path):
    foreign_run_files(run_lines, tmp_path, 60)


def test_a_report_of_another_program_is_shown_or_refused(tmp_path):
    reports(tmp_path, 40)


def test_a_comparison_of_another_program_is_shown_or_refused(comparison_lines, tmp_path):
    comparisons(comparison_lines, tmp_path, 100)


def test_a_cache_of_another_program_is_used_or_passed_over(tmp_path, monkeypatch):
    caches(tmp_path, monkeypatch, 150)
