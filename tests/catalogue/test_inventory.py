"""What is known without a probe is forgotten as soon as it may be different."""

from __future__ import annotations

import json
import os

import pytest

from harness import inventory

HOOKS = "import harness\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed plugin that is a package, with its hooks in one module and a component in another."""
    folder = tmp_path / "fakepack"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "model.py", "inner/__init__.py", "inner/hooks.py"):
        (folder / name).write_text(HOOKS)
    info = tmp_path / "fakepack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakepack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nfakepack = fakepack\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.mark.parametrize("name", ["__init__.py", "model.py", "inner/hooks.py"])
def test_a_changed_file_of_a_plugin_is_another_environment(package, name):
    before = inventory.environment_key()
    assert inventory.environment_key() == before
    (package / name).write_text(HOOKS + "# changed\n")
    assert inventory.environment_key() != before


def test_a_module_inside_a_package_is_watched_with_those_beside_it(package):
    points = package.parent / "fakepack-1.0.dist-info" / "entry_points.txt"
    points.write_text("[harness]\nfakepack = fakepack.inner.hooks\n")
    before = inventory.environment_key()
    (package / "inner" / "__init__.py").write_text("# changed\n")
    assert inventory.environment_key() != before


@pytest.mark.parametrize("module", ["nothing_of_that_name", "nothing_of_that_name.at_all", "..odd", ""])
def test_an_entry_point_that_leads_nowhere_is_no_error(package, module):
    points = package.parent / "fakepack-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[harness]\nfakepack = {module}\n")
    assert inventory.environment_key()


def test_an_answer_in_an_older_form_is_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    inventory.keep("key", inventory.builtins())
    assert inventory.cached("key") == inventory.builtins()
    older = {k: v for k, v in inventory.builtins().items() if k != "plugins"}
    inventory.keep("key", older)
    assert inventory.cached("key") is None
    (tmp_path / "pytorch-inference-lab" / "inventory-key.json").write_text(json.dumps([1]))
    assert inventory.cached("key") is None


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder of PATH; what is put into it can be run."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name, text="#!/bin/sh\n"):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return folder / name

    return put


def test_a_compiler_that_comes_or_goes_is_another_environment(programs):
    without = inventory.environment_key()
    found = programs("g++")
    there = inventory.environment_key()
    assert there != without
    assert inventory.environment_key() == there
    found.unlink()
    assert inventory.environment_key() != there


def test_another_path_or_another_compiler_that_is_named_is_another_environment(programs, monkeypatch):
    before = inventory.environment_key()
    monkeypatch.setenv("CXX", "my-c++")
    named = inventory.environment_key()
    assert named != before
    programs("my-c++")
    there = inventory.environment_key()
    assert there != named
    programs("my-c++", "#!/bin/sh\nexit 1\n")
    assert inventory.environment_key() != there
    monkeypatch.setenv("PATH", "/usr/bin")
    assert inventory.environment_key() != there
