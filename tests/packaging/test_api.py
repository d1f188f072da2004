"""The public API is what was agreed to, name by name, and its types reach an author's own checker."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def api():
    spec = importlib.util.spec_from_file_location("harness_test_api", HERE / "api.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_api_is_what_is_written_down(api):
    assert api.text() == api.FILE.read_text(), (
        "the public API has changed: if it was meant to, run python tests/packaging/api.py, and say so in "
        "CHANGELOG.md (docs/api.md has the rules)"
    )


def test_the_pin_sees_a_changed_signature_a_new_method_and_a_changed_default(api, monkeypatch):
    before = api.text()
    changes = [
        ("items", lambda self, params, batch_size, *, more=1: 1),
        ("brand_new", lambda self: None),
        ("unit", "tokens"),
    ]
    for name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(harness.Model, name, value, raising=False)
            assert api.text() != before, name
    with monkeypatch.context() as patch:
        patch.setattr(harness, "__all__", harness.__all__[1:])
        assert api.text() != before
    assert api.text() == before


def test_every_public_name_is_there_and_has_one_home():
    assert sorted(harness.__all__) == harness.__all__ == sorted(set(harness.__all__))
    assert set(harness._HOMES) == set(harness.__all__)
    for name in harness.__all__:
        assert getattr(harness, name).__doc__, name


def test_a_type_checker_is_told_of_just_the_public_names():
    tree = ast.parse(Path(harness.__file__).read_text())
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    assert {alias.name for line in block.body for alias in line.names} == set(harness.__all__)


def test_every_public_name_is_on_the_page_of_the_api():
    page = (ROOT / "docs" / "api.md").read_text()
    assert [name for name in harness.__all__ if not re.search(rf"`harness\.{name}`", page)] == []


@pytest.mark.slow  # `make types` looks at typed_plugin.py, too
def test_an_author_s_checker_finds_mistakes_and_nothing_else(fresh):
    """typed_plugin.py and a package that was just written, against the installed wheel, under --strict."""
    fresh.harness("plugins", "new", "harness-typed", "--model", "--precision", "--runner", "--reporter")
    files = (HERE / "typed_plugin.py", fresh.folder / "harness-typed" / "harness_typed")
    words = ("--strict", "--no-incremental", "--config-file=", "--python-executable", fresh.python)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, (*words, *files))],
        cwd=fresh.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 6 source files\n")
