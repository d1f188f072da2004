"""`harness plugins list` says of every installed plugin what it brings, or why it does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from harness import installed, inventory, registry

MODEL = """
import harness

class Tiny(harness.Model):
    name = "tiny"
    summary = "one linear layer"

@harness.hookimpl
def harness_models():
    yield Tiny()
"""
LISTENS = "\n@harness.hookimpl\ndef harness_run_finished(report):\n    pass\n"
HALF = MODEL + "    yield Tiny\n"
OFF = "raise RuntimeError('this must not run')\n"

PACKAGES = {
    "harness-a": ("1.0", MODEL + LISTENS),
    "harness-b": ("2.0", HALF),
    "harness-broken": ("0.9", "import no_such_library\n"),
    "harness-off": ("3.0", OFF),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder for PYTHONPATH with distributions that look installed."""
    folder = tmp_path_factory.mktemp("site")
    for name, (version, source) in PACKAGES.items():
        module = name.replace("-", "_")
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[harness]\nentry-{name[8:]} = {module}\n")
        (folder / f"{module}.py").write_text(source)
    return folder


def plugins_list(site, *words, code=0, **variables):
    own = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(site / "cache"), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=site.parent,
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def listed(site):
    return plugins_list(site, "plugins", "list", "--plugin", "no:harness-off")


@pytest.fixture(scope="module")
def as_json(site, listed):
    done = plugins_list(site, "--plugin", "no:harness-off", "plugins", "list", "--format", "json")
    return json.loads(done.stdout)


def line(listed, name):
    """What is said of one plugin, in one line."""
    rows = re.split(r"\n  (?=\S)", listed.stdout)
    (found,) = (" ".join(row.split()) for row in rows if row.startswith(f"{name} "))
    return found


def test_a_plugin_that_loads_is_shown_with_what_it_brings_and_where_from(listed):
    shown = line(listed, "harness-a 1.0")
    assert "models tiny" in shown
    assert "listens to harness_run_finished" in shown
    assert "entry point entry-a = harness_a" in shown


def test_a_name_that_two_provide_is_shown_as_such_at_both(listed):
    assert "loads; models tiny (ALSO FROM harness-b 2.0)" in line(listed, "harness-a")
    assert "models tiny (ALSO FROM harness-a 1.0)" in line(listed, "harness-b")


def test_one_that_does_not_load_is_shown_with_the_reason(listed):
    said = "DOES NOT LOAD: ModuleNotFoundError: No module named 'no_such_library'; entry point entry-broken"
    assert said in line(listed, "harness-broken 0.9")


def test_one_of_which_a_part_is_left_out_says_which(listed):
    assert "LOADS IN PART: harness_models: yield an instance, not the class: Tiny()" in line(
        listed, "harness-b"
    )


def test_one_that_is_blocked_says_by_what_and_is_not_loaded(listed):
    assert "LEFT OUT: --plugin no:harness-off" in line(listed, "harness-off 3.0")
    assert "this must not run" not in listed.stdout + listed.stderr


def test_there_is_nothing_on_stderr_where_the_table_says_it(listed):
    assert listed.stderr == ""


def test_json_has_the_same_for_programs(as_json):
    rows = {row["distribution"]: row for row in as_json["installed"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "harness-a": "loads",
        "harness-b": "in part",
        "harness-broken": "broken",
        "harness-off": "blocked",
    }
    assert as_json["schema"] == 1
    assert rows["harness-a"] == {
        "plugin": "entry-a",
        "distribution": "harness-a",
        "version": "1.0",
        "module": "harness_a",
        "status": "loads",
        "reasons": [],
        "components": {
            "model": [{"name": "tiny", "also": ["harness-b 2.0"]}],
            "runner": [],
            "precision": [],
            "reporter": [],
        },
        "listens": ["harness_run_finished"],
    }
    assert rows["harness-off"]["reasons"] == ["--plugin no:harness-off"]


def test_the_variable_leaves_all_out_but_what_the_command_line_names(site, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MODEL.replace('"tiny"', '"mine"'))
    words = ("plugins", "list", "--plugin", file, "--plugin", "no:harness-offf")
    done = plugins_list(site, *map(str, words), HARNESS_NO_PLUGINS="1")
    assert done.stdout.count("LEFT OUT: HARNESS_NO_PLUGINS is set") == len(PACKAGES)
    assert line(done, "mine.py") == "mine.py loads; models mine"
    assert "no:harness-offf leaves nothing out" in done.stderr


# ---- rows, from inventories -----------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch):
    rows = [
        {"distribution": "Harness_A", "install": "pip install harness-a", "models": ["tiny"]},
        {"distribution": "harness-new", "install": "pip install harness-new", "runners": ["swift"]},
    ]
    monkeypatch.setattr(registry, "known_plugins", lambda: rows)


def test_what_is_known_and_not_installed_comes_with_its_command(known):
    (row,) = installed.known([{"distribution": "harness-a"}, {"distribution": None}])
    assert row["distribution"] == "harness-new"
    assert row["install"] == "pip install harness-new"
    assert row["components"] == {"model": [], "runner": ["swift"], "precision": [], "reporter": []}


def test_the_table_shows_what_is_known(known):
    from harness.cli.plugins_list import _table

    text = _table([], installed.known([]))
    assert "no plugin; `harness plugins new NAME` writes one" in text
    assert "runners swift; pip install harness-new" in text


def test_where_nothing_could_be_asked_the_status_is_not_known(install):
    install(MODEL, "harness-tiny")
    (row,) = installed.installed(inventory.builtins(), (), disabled=False, trouble="torch is not there")
    assert (row["status"], row["reasons"]) == ("unknown", ["torch is not there"])


def test_two_entry_points_of_one_module_are_one_plugin(install):
    file = install(MODEL, "harness-tiny")
    points = next(file.parent.glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[harness]\nfirst = harness_tiny\nsecond = harness_tiny\n")
    seen = {"plugin": "first", "distribution": "harness-tiny", "version": "1.0"}
    found = {"components": [], "plugins": [{**seen, "hooks": ["harness_models"], "problems": []}]}
    first, second = installed.installed(found, (), disabled=False)
    assert (first["status"], first["reasons"]) == ("loads", [])
    assert (second["status"], second["reasons"]) == (
        "loads",
        ["another entry point of the same module stands for it"],
    )


def test_a_component_that_the_box_has_too_is_shown_as_such(install):
    install(MODEL, "harness-tiny")
    box = {"kind": "model", "name": "big", "aliases": ["tiny"], "source": "builtin:x", "plugin": "x"}
    own = {"kind": "model", "name": "tiny", "aliases": [], "source": "entry:harness-tiny/harness-tiny"}
    owner = {"plugin": "harness-tiny", "distribution": "harness-tiny", "version": "1.0"}
    found = {
        "components": [{**box, "distribution": None, "version": None}, {**own, **owner}],
        "plugins": [{**owner, "hooks": ["harness_models"], "problems": []}],
    }
    (row,) = installed.installed(found, (), disabled=False)
    assert row["components"]["model"] == [{"name": "tiny", "also": ["the box"]}]
