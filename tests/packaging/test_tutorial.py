"""The tutorial builds examples/harness-tiny, file by file, and its commands work as they stand."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "harness-tiny"
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""Name -> content of each file that the tutorial shows."""
CONSOLE = "\n".join(re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^\$ harness (.*)$", CONSOLE, re.MULTILINE)


def test_the_files_on_the_page_are_the_files_of_the_example():
    there = [p for p in EXAMPLE.rglob("*") if p.is_file() and p.suffix in (".py", ".toml")]
    assert {p.relative_to(EXAMPLE).as_posix(): p.read_text("utf-8") for p in there} == FILES


def test_there_is_no_other_code_on_the_page():
    assert len(re.findall(r"^```(?!console)\w+$", PAGE, re.MULTILINE)) == len(FILES)


def test_the_model_has_about_fifteen_lines():
    text = FILES["harness_tiny.py"]
    body = text[text.index("class Tiny") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 16


@pytest.fixture(scope="module")
def written(fresh):
    """A fresh environment, and beside it the files that a reader has written."""
    folder = fresh.folder / "harness-tiny"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "README.md").write_text("# harness-tiny\n")
    return fresh


@pytest.fixture(scope="module")
def built(written):
    """The same with the package installed, as after the second step."""
    written.install(written.folder / "harness-tiny")
    return written


def command(start):
    (found,) = (c for c in COMMANDS if c.startswith(start))
    return shlex.split(found)


def test_before_it_is_installed_the_file_can_be_named(written):
    words = command("run --plugin")
    done = written.harness(
        *words, "--no-lock", "--no-memory", "--no-anatomy", cwd=written.folder / "harness-tiny"
    )
    assert re.search(r"^[* ] +eager +fp32 +[0-9.]+ ", done.stdout, re.MULTILINE)


def test_installed_it_is_listed_as_the_page_says(built):
    done = built.harness(*command("plugins list"))
    assert done.stdout in PAGE


def test_installed_it_is_measured(built):
    quick = ("--passes", "1", "--no-memory", "--no-anatomy", "--no-lock", "--format", "json")
    report = json.loads(built.harness("run", "-m", "tiny", "-b", "2", *quick).stdout)
    (record,) = report["records"]
    assert (record["status"], record["verification"]["passed"]) == ("ok", True)
    plugins = {(p["distribution"], p["version"]) for p in report["run"]["plugins"]}
    assert ("harness-tiny", "0.1.0") in plugins


@pytest.mark.slow
def test_installed_it_is_measured_as_the_page_says(built):
    done = built.harness(*command("run -m tiny,"), "--no-lock")
    for title in ("tiny  batch 64  ", "tiny:width=256  batch 64  "):
        assert title in done.stdout
    assert len(re.findall(r"^\*? +(eager|onnxruntime) +fp32 ", done.stdout, re.MULTILINE)) == 4
    assert " X " not in done.stdout.partition("* fastest")[0]


def test_a_misspelt_parameter_is_answered_as_the_page_says(built):
    done = built.harness(*command("run -m tiny:widht"), code=2)
    assert done.stderr in PAGE


def test_every_command_on_the_page_is_tried():
    assert len(COMMANDS) == 4


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("harness.conformance") is None, reason="the conformance kit is not there"
)
def test_its_own_tests_pass(built):
    done = built.run("-m", "pytest", "-q", "-p", "no:cacheprovider", built.folder / "harness-tiny")
    assert " passed" in done.stdout and "skipped" not in done.stdout
