"""`harness plugins check` as people and programs call it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main

HERE = Path(__file__).parent
BROKEN = HERE / "misbehaving" / "does_not_import.py"
LISTENER = HERE / "misbehaving" / "listener_prints.py"


@pytest.fixture
def check(capfd, tmp_path, monkeypatch):
    """Calls `harness plugins check` in this process, from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        capfd.readouterr()
        code = main.run(["plugins", "check", *map(str, words)])
        out, err = capfd.readouterr()
        return int(code), out, err

    return call


@pytest.mark.slow
def test_a_plugin_that_keeps_the_contracts(check):
    code, out, err = check(HERE / "healthy" / "others.py", "--only", "fp64-true,plugin", "--verbose")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert re.fullmatch(r"plugin others\.py: \d+ ok(, \d+ not applicable)?", lines[0])
    assert lines[1] == "    plugin.loads: ok"
    assert "    precision.how: ok" in lines
    assert "    component.params-text: not applicable: it has no parameters" in lines
    assert not any("reporter lines" in line for line in lines)
    assert lines[-1].endswith(
        " not applicable: " + str(HERE / "healthy" / "others.py") + " keeps the contracts"
    )


def test_a_failure_is_one_sentence_with_a_hint_and_exit_code_1(check):
    code, out, _ = check(LISTENER)
    assert code == 1
    (at,) = [n for n, line in enumerate(out.splitlines()) if ": FAILED: " in line]
    line, hint = out.splitlines()[at : at + 2]
    assert line.startswith("    listener.stdout: FAILED: plugin listener_prints.py: expected ")
    assert hint == "        hint: print to sys.stderr: the standard output is for the data of the command"
    assert re.fullmatch(r"plugin listener_prints\.py: \d+ ok, 1 failed.*", out.splitlines()[at - 1])
    assert "1 failed" in out.splitlines()[-1]
    # What is ok is counted, and shown to those who ask.
    assert ": ok" not in out


def test_json_has_the_same_and_goes_to_a_file(check, tmp_path):
    code, out, err = check(LISTENER, "--format", "json", "--output", "checked.json")
    assert (code, out) == (1, "")
    assert "written: checked.json" in err
    report = json.loads((tmp_path / "checked.json").read_text())
    assert (report["schema"], report["passed"], report["plugins"]) == (1, False, ["listener_prints.py"])
    failed = [r for r in report["results"] if r["status"] == "failed"]
    assert [r["check"] for r in failed] == ["listener.stdout"]
    assert failed[0]["reason"].startswith("plugin listener_prints.py: expected hooks that print nothing")
    assert report["counts"] == {
        status: sum(r["status"] == status for r in report["results"])
        for status in ("ok", "failed", "not applicable")
    }


@pytest.mark.slow
def test_text_goes_to_a_file_as_well(check, tmp_path):
    assert check(BROKEN, "--output", "checked.txt")[:2] == (1, "")
    assert "plugin.loads: FAILED" in (tmp_path / "checked.txt").read_text()


@pytest.mark.slow
def test_verbose_shows_the_traceback(check):
    _, _, err = check(BROKEN, "--verbose", "--only", "plugin.loads")
    assert "Traceback" in err and "import no_such_library" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-plugin"], "there is no plugin 'no-such-plugin' here"),
        (["bx"], "did you mean box?"),
        (["no/such.py"], "no/such.py: there is no such file"),
        (["numpy-is/not"], "there is no such file"),
        (["pytorch-inference-lab"], "is installed and announces no plugin"),
        ([""], "nothing to check"),
        (["box", "--only", "model.frsh"], "--only model.frsh: no check here is called so"),
        (["box", "--timeout", "0"], "--timeout"),
        ([], "Missing argument"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else None,
)
def test_a_slip_is_one_line_and_a_hint(check, words, said):
    code, _, err = check(*words)
    assert code == 2
    assert said in err
    assert "hint: " in err or "no such file" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_other_plugins_are_loaded_only_if_asked_for(check):
    """One that breaks beside it spoils nothing; one that it needs is named."""
    words = (HERE / "healthy" / "others.py", "--only", "plugin.loads")
    assert check(*words, "--plugin", HERE / "healthy" / "models.py")[0] == 0


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Distributions that look installed, for this process and for its children."""
    folder = tmp_path / "site"
    folder.mkdir()

    def add(name, points, source, version="1.0"):
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        announced = "".join(f"{point} = {module}\n" for point, module in points.items())
        (info / "entry_points.txt").write_text(f"[harness]\n{announced}")
        for module in set(points.values()):
            (folder / f"{module}.py").write_text(source)

    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    return add


PRECISION = """
import harness


class One(harness.Precision):
    name = "{name}"
    summary = "float32 again"
    tolerance = 1e-4


@harness.hookimpl
def harness_precisions():
    yield One()
"""


@pytest.mark.slow
def test_a_distribution_and_an_entry_point_of_it(check, site):
    site("harness-one", {"one": "one_plugin"}, PRECISION.format(name="one"))
    site("harness-two", {"one": "two_plugin", "two": "two_plugin"}, "import no_such_library\n", "0.9")
    code, out, _ = check("harness_one", "--only", "one,plugin.loads", "--format", "json")
    report = json.loads(out)
    assert (code, report["plugins"]) == (0, ["harness-one 1.0"])
    assert {r["component"] for r in report["results"]} == {"plugin one", "precision one"}
    code, out, _ = check("two")
    assert code == 1
    assert "plugin two  plugin.loads: FAILED: plugin two: expected a plugin that loads" in out
    assert "No module named 'no_such_library'" in out
    code, _, err = check("one")
    assert code == 2
    assert "the entry point 'one' is announced by harness-one and harness-two" in err
    assert check("harness-two/one")[0] == 1


def test_what_is_left_out_cannot_be_checked(check, site, monkeypatch):
    site("harness-one", {"one": "one_plugin"}, PRECISION.format(name="one"))
    code, _, err = check("harness-one", "--plugin", "no:harness-one")
    assert code == 2
    assert "harness-one is to be checked and left out" in err
    monkeypatch.setenv("HARNESS_NO_PLUGINS", "1")
    code, _, err = check("harness-one")
    assert code == 2
    assert "HARNESS_NO_PLUGINS is set" in err


@pytest.mark.slow
def test_a_module_of_the_current_folder(check, tmp_path):
    (tmp_path / "here_it_is.py").write_text(PRECISION.format(name="here"))
    assert check("here_it_is", "--only", "plugin.loads,precision.tolerance")[0] == 0


def test_a_terminal_shows_which_check_is_being_made_and_a_pipe_gets_nothing_of_it(tmp_path):
    words = [sys.executable, "-m", "harness", "plugins", "check", str(LISTENER), "--only", "listener.stdout"]
    ours, theirs = pty.openpty()
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, check=False, cwd=tmp_path)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "plugin listener_prints.py: listener.stdout" in shown
    assert "0 checks done" in shown
    # What is data stays free of it.
    assert done.returncode == 1
    assert b"\x1b" not in done.stdout
    assert b"checks done" not in done.stdout
    assert b"listener.stdout: FAILED" in done.stdout


@pytest.mark.slow
def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path):
    import signal
    import time

    started = subprocess.Popen(
        [sys.executable, "-m", "harness", "plugins", "check", HERE / "misbehaving" / "runners.py", "--only", "hangs"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=None, cwd=tmp_path,
    )  # fmt: skip
    assert started.stdout is not None
    for line in started.stdout:
        if "runner.builds" in line:
            break
    time.sleep(0.2)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "interrupted" in err
