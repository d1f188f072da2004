"""Reports and runs of strangers, full of what a terminal, a browser or a spreadsheet would obey, or of paths that lead
elsewhere: they are text.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re

import pytest

from harness.cli import main
from harness.records import codec
from harness.store.eventfile import EventWriter

HOSTILE = "\x1b[2J\x1b]0;owned\x07|`x`|<script>alert(1)</script>\n# owned\r [a](javascript:x) \u202e\x00=1+1"
FORMULA = '=HYPERLINK("http://evil")'
LONG = "long " * 100_000


@pytest.fixture
def stored(build, tmp_path, monkeypatch):
    """Writes a report in which every text is the same; gives its path."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="theirs"):
        found = build.haunted(build.full_report(), text)
        found = dataclasses.replace(found, run=dataclasses.replace(found.run, id=name))
        path = tmp_path / f"{name}.json"
        path.write_bytes(codec.encode(found))
        return path

    return write


@pytest.fixture
def shown(capsys):
    """What a command prints on stdout."""

    def call(*words):
        code = main.run([str(w) for w in words])
        out, err = capsys.readouterr()
        assert code in (0, 4), err
        assert all(line.isprintable() for line in err.splitlines())
        return out

    return call


COMMANDS = [
    ("report",),
    ("report", "--format", "markdown"),
    ("report", "--format", "csv"),
    ("explain",),
    ("explain", "--brief"),
    ("explain", "--format", "markdown"),
    ("explain", "--brief", "--format", "markdown"),
    ("compare", "--runs"),
    ("compare", "--format", "markdown", "--runs"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_prints_what_a_terminal_obeys(stored, shown, words):
    files = [stored(HOSTILE, "a"), stored(HOSTILE, "b")] if "--runs" in words else [stored(HOSTILE)]
    out = shown(*words, *files)
    assert all(line.isprintable() for line in out.split("\n"))


@pytest.mark.parametrize("words", [w for w in COMMANDS if "markdown" in w], ids=" ".join)
def test_markdown_of_a_stranger_has_no_markup_of_theirs(stored, shown, words):
    markdown_it = pytest.importorskip("markdown_it")
    files = [stored(HOSTILE, "a"), stored(HOSTILE, "b")] if "--runs" in words else [stored(HOSTILE)]
    out = shown(*words, *files)
    html = markdown_it.MarkdownIt("commonmark").enable("table").render(out)
    assert not re.search(r"<(script|a|img|h1)\b", html)


def test_no_cell_is_a_formula(stored, shown):
    for start in ("=", " =", "+", "-", "@"):
        rows = csv.reader(io.StringIO(shown("report", "--format", "csv", stored(start + FORMULA))))
        for cell in [c for row in rows for c in row]:
            assert not cell.lstrip(" ").startswith(("=", "+", "@")), cell


@pytest.mark.parametrize(
    "words", [("report",), ("report", "--format", "markdown"), ("explain",)], ids=" ".join
)
def test_a_text_without_end_does_not_flood_the_screen(stored, shown, words):
    lines = shown(*words, stored(LONG)).splitlines()
    assert max(map(len, lines)) < 40_000
    assert sum(map(len, lines)) < 400_000


@pytest.mark.parametrize(
    "name", ["../../x", "/tmp/absolute-x", "..", "a/b", "x" * 300, "", "\x1b[2J", "latest"]
)
def test_the_id_in_a_stored_run_leads_nowhere(build, tmp_path, monkeypatch, shown, name):
    home = tmp_path / "deep" / "deeper"
    (home / "results" / "benchmarks").mkdir(parents=True)
    monkeypatch.chdir(home)
    case = build.planned("itself")
    path = home / "results" / "benchmarks" / "20261122-174126-0c1f.jsonl"
    writer = EventWriter(path, build.header([case], id=name))
    for n in range(2):
        writer.write(build.sample(case, n))
    writer.close()
    before = sorted(p for p in tmp_path.rglob("*"))
    for words in (
        ("report", "latest"),
        ("report", "--list"),
        ("explain", "latest"),
        ("report", path, "-f", "json"),
    ):
        assert shown(*words)
    assert sorted(p for p in tmp_path.rglob("*")) == before
