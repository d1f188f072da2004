"""A new package is complete, clean and typed as it is written; installed, it is measured as it stands."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from harness.cli import main as cli
from harness.components import KINDS
from harness.scaffold import package
from harness.scaffold.names import names_of

ROOT = Path(__file__).parents[2]
SELECTIONS = [chosen for n in range(1, 5) for chosen in combinations(KINDS, n)]
LONGEST = "abcdefghijk-abcdefghijk-abcdefghijkl"


def harness(*words, capsys):
    code = cli.run([str(word) for word in words])
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def every_kind_of_package(tmp_path_factory):
    """A project with the repository's rules, and a package for each selection of kinds in it."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "ruff.toml", project)
    (project / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "ruff.toml", project / "examples")
    for kinds in SELECTIONS:
        name = "harness-" + "".join(kind[:2] for kind in kinds)
        package.write(names_of(name, kinds), project / "examples")
    for name in (LONGEST, "harness-3d"):
        package.write(names_of(name, KINDS), project / "examples")
    return project


@pytest.mark.parametrize("words", [("check",), ("format", "--diff")], ids=" ".join)
def test_every_package_is_clean_by_the_repository_s_own_rules(every_kind_of_package, words):
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", "examples"]
    done = subprocess.run(command, cwd=every_kind_of_package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(every_kind_of_package.rglob("pyproject.toml"))) == len(SELECTIONS) + 2


@pytest.mark.parametrize("kinds", SELECTIONS, ids=",".join)
def test_a_package_announces_just_what_was_asked_for(kinds):
    names = names_of("harness-example", kinds)
    files = package.files_of(names)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == "harness-example"
    assert project["entry-points"] == {"harness": {"example": "harness_example"}}
    assert any(d.startswith("pytorch-inference-lab>=") for d in project["dependencies"])
    hooks = files["harness_example/__init__.py"]
    for kind in KINDS:
        assert (f"def harness_{kind}s()" in hooks) == (kind in kinds)
        assert (f"harness_example/{kind}.py" in files) == (kind in kinds)
        if kind in kinds:
            assert "CHANGE:" in files[f"harness_example/{kind}.py"]
    assert not any("$" in text for text in files.values())
    assert 'checks("harness-example")' in files["tests/test_harness_example.py"]


def test_the_modules_with_hooks_import_no_torch():
    for kinds in SELECTIONS:
        text = package.files_of(names_of("harness-example", kinds))["harness_example/__init__.py"]
        assert "import torch" not in text


def test_the_command_writes_the_package_and_says_what_to_try(tmp_path, capsys):
    code, out, err = harness("plugins", "new", "harness-example", "--directory", tmp_path, capsys=capsys)
    assert (code, err) == (0, "")
    folder = tmp_path / "harness-example"
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert written == set(package.files_of(names_of("harness-example", ["model"])))
    assert "harness run -m example -b 4" in out
    assert "pip install -e '.[test]'\n" in (folder / "README.md").read_text()
    assert f"pip install -e '{folder}[test]'\n" in out
    for name in written:
        assert f"  {name}\n" in out
    assert [p.name for p in tmp_path.iterdir()] == ["harness-example"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_option_chooses_the_kind(kind, tmp_path, capsys):
    words = ("plugins", "new", "harness-example", f"--{kind}", "--directory", tmp_path)
    assert harness(*words, capsys=capsys)[0] == 0
    inside = {p.stem for p in (tmp_path / "harness-example" / "harness_example").iterdir()}
    assert inside == {"__init__", kind}


def test_a_folder_with_a_space_is_quoted_in_the_commands(tmp_path, capsys):
    _, out, _ = harness("plugins", "new", "x-y", "--directory", tmp_path / "my work", capsys=capsys)
    assert f"pip install -e '{tmp_path}/my work/x-y[test]'\n" in out
    assert f"python -m pytest '{tmp_path}/my work/x-y'\n" in out


def test_the_places_to_change_are_found_and_not_what_an_installation_left(tmp_path, capsys):
    _, out, _ = harness(
        "plugins", "new", "harness-example", "--directory", tmp_path / "my work", capsys=capsys
    )
    folder = tmp_path / "my work" / "harness-example"
    left = folder / "harness_example.egg-info" / "PKG-INFO"
    left.parent.mkdir()
    left.write_text((folder / "README.md").read_text())
    (line,) = [x.partition(": ")[2] for x in out.splitlines() if x.startswith("to make it yours: ")]
    inside = next(x for x in (folder / "README.md").read_text().splitlines() if x.startswith("grep"))
    for command in (line, f"cd {shlex.quote(str(folder))} && {inside}"):
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        hits = done.stdout.splitlines()
        assert len(hits) >= 4
        assert all("# CHANGE: " in hit for hit in hits), hits
        assert {Path(hit.partition(":")[0]).name for hit in hits} == {"pyproject.toml", "model.py"}


def test_an_empty_folder_is_filled_and_another_is_left_as_it_is(tmp_path, capsys):
    folder = tmp_path / "harness-example"
    folder.mkdir()
    words = ("plugins", "new", "harness-example", "--directory", tmp_path)
    assert harness(*words, capsys=capsys)[0] == 0
    (folder / "README.md").write_text("mine")
    code, out, err = harness(*words, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {folder} is there already\nhint: ")
    assert (folder / "README.md").read_text() == "mine"


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_cannot_be_written_is_one_line(place, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _, err = harness("plugins", "new", "x-y", "--directory", tmp_path / place, capsys=capsys)
    assert code == 2
    assert (
        err
        == f"error: {tmp_path / place / 'x-y'} cannot be written: Not a directory\nhint: --directory names another place\n"
    )


def test_a_bad_name_is_one_line_a_hint_and_exit_code_2(tmp_path, capsys):
    code, out, err = harness("plugins", "new", "a b", "--directory", tmp_path, capsys=capsys)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2
    assert not list(tmp_path.iterdir())


def test_a_command_that_is_not_there_is_answered_with_a_near_one(capsys):
    code, _, err = harness("plugins", "nwe", capsys=capsys)
    assert code == 2
    assert "there is no command 'nwe'; did you mean new?" in err
