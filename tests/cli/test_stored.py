"""Options of commands that show what is stored, on a run that is in the repository."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest

from harness.cli import main

(RUN,) = (Path(__file__).parents[2] / "results" / "reference").glob("*.json")
"""Three models under three runners, all correct but for what this machine cannot run."""


@pytest.fixture
def shown(tmp_path, monkeypatch, capsys):
    """What a command prints."""
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0):
        found = main.run([str(word) for word in words])
        out, err = capsys.readouterr()
        assert found == code, err
        return out if code == 0 else err

    return call


@pytest.fixture(scope="module")
def records():
    return json.loads(RUN.read_text())["records"]


def test_the_version_is_that_of_the_installed_package(shown):
    assert shown("--version") == f"harness {metadata.version('pytorch-inference-lab')}\n"


@pytest.mark.parametrize("word", ["-v", "--verbose"])
def test_verbose_shows_where_an_error_came_from(shown, word):
    words = ("report", "no-such-run")
    assert "Traceback" not in shown(*words, code=2)
    assert "Traceback" in shown(word, *words, code=2)


@pytest.mark.parametrize("status", ["ok", "failed"])
def test_a_report_of_one_status_has_no_other_rows(shown, records, status):
    report = json.loads(shown("report", RUN, "--status", status, "--format", "json"))
    wanted = [r["id"] for r in records if r["status"] == status]
    assert sorted(r["id"] for r in report["records"]) == sorted(wanted)


def test_a_status_that_there_is_not_is_refused(shown):
    assert "ok" in shown("report", RUN, "--status", "fine", code=2)


@pytest.mark.parametrize(
    ("option", "of"),
    [
        ("--max-latency-ms", lambda r: r["latency_ms"]["median"]),
        ("--max-error", lambda r: r["verification"]["error"]),
        ("--max-memory-mib", lambda r: r["memory_mib"]["host_run_peak"]),
    ],
)
def test_a_limit_leaves_out_what_is_above_it(shown, records, option, of):
    rows = [r for r in records if r["case"]["model"] == "mlp" and r["status"] == "ok"]
    least = min(rows, key=of)
    limit = of(least) * 1.05  # above the end of its interval
    above = [r for r in rows if of(r) > limit]
    name = f"{least['label']['runner']} {least['case']['precision']}"
    words = ("explain", RUN, "-m", "mlp", option)
    assert "no correct configuration within the limits" in shown(*words, of(least) * 0.99)
    text = shown(*words, limit)
    assert re.search(rf"^\* {name} ", text, re.MULTILINE)
    assert len(re.findall(r"^  not ", text, re.MULTILINE)) == len(above) > 0


@pytest.mark.parametrize("option", ["--max-latency-ms", "--max-error", "--max-memory-mib"])
@pytest.mark.parametrize("value", ["0", "-1", "nan"])
def test_a_limit_that_is_none_is_refused(shown, option, value):
    assert f"Invalid value for '{option}'" in shown("explain", RUN, option, value, code=2)


def test_without_evidence_the_findings_stay_and_the_values_go(shown):
    whole, bare = shown("explain", RUN), shown("explain", RUN, "--no-evidence")
    assert 0 < len(bare.splitlines()) < len(whole.splitlines())
    assert "evidence" in whole and "evidence" not in bare


@pytest.mark.parametrize("option", ["-d", "--device"])
def test_only_rows_of_a_device_are_explained(shown, option):
    assert "mlp" in shown("explain", RUN, option, "cpu")
    said = shown("explain", RUN, option, "cuda", code=2)
    assert "has the device cuda" in said and "it has cpu" in said
