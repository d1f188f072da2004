"""A stranger's package, built and installed for real, adds a model and a runner; a broken one harms nobody."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

SETUP = """
[metadata]
name = {name}
version = {version}

[options]
py_modules = {module}

[options.entry_points]
harness =
    {module} = {module}
"""

GOOD = """
from dataclasses import dataclass

import torch

import harness


class Wide(harness.Model):
    name = "wide"
    summary = "one wide layer"

    @dataclass(frozen=True)
    class Params:
        width: int = 256

    def build(self, params):
        return torch.nn.Linear(params.width, 8)

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, params.width))


class Traced(harness.Runner):
    name = "traced"
    summary = "torch.jit.trace, frozen"

    def load(self, work):
        traced = torch.jit.freeze(torch.jit.trace(work.module, work.inputs.args))
        return harness.TorchSession(work, traced)


@harness.hookimpl
def harness_models():
    yield Wide()


@harness.hookimpl
def harness_runners():
    yield Traced()
"""

BROKEN = "import no_such_library\n"


def call(*arguments, cwd, code=0, **variables):
    done = subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def package(folder, name, version, module, text):
    folder.mkdir()
    (folder / "setup.cfg").write_text(SETUP.format(name=name, version=version, module=module))
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (folder / f"{module}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment of its own with both packages in it, seeing this one's libraries and harness."""
    folder = tmp_path_factory.mktemp("third-party")
    call(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    site = call(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    ).stdout.strip()
    # addsitedir follows the .pth files over there, so an editable harness is found as well.
    ours = next(p for p in sys.path if p.endswith("site-packages"))
    (Path(site) / "libraries.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    for name, version, module, text in (
        ("harness-wide", "1.2.3", "harness_wide", GOOD),
        ("harness-broken", "0.9", "harness_broken", BROKEN),
    ):
        source = package(folder / name, name, version, module, text)
        wheels = folder / f"{name}-wheel"
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", wheels, source, cwd=source)
        call(python, "-m", "pip", "install", "--quiet", "--no-deps", next(wheels.glob("*.whl")), cwd=folder)
    return python, folder


def test_list_shows_what_an_installed_package_adds_and_one_line_for_a_broken_one(environment):
    python, folder = environment
    done = call(python, "-m", "harness", "list", cwd=folder, XDG_CACHE_HOME=str(folder), COLUMNS="200")
    shown = " ".join(done.stdout.split())
    assert "wide one wide layer; [width: int = 256]; from harness-wide 1.2.3" in shown
    assert "traced torch.jit.trace, frozen; from harness-wide 1.2.3" in shown
    warnings = [line for line in done.stderr.splitlines() if "harness-broken" in line]
    assert warnings == [
        "plugin harness-broken 0.9 left out: ModuleNotFoundError: No module named 'no_such_library'"
    ]
    assert "Traceback" not in done.stderr
    again = call(python, "-m", "harness", "list", cwd=folder, XDG_CACHE_HOME=str(folder), COLUMNS="200")
    assert again.stdout == done.stdout


def test_run_measures_it_and_the_record_names_the_plugin(environment):
    python, folder = environment
    done = call(
        *(python, "-m", "harness", "run", "-m", "wide:width=128,mlp:hidden_dim=32", "-r", "eager,traced"),
        *("-b", 4, "--passes", 1, "--no-memory", "--no-anatomy"),
        cwd=folder,
        XDG_CACHE_HOME=str(folder),
    )
    assert [line for line in done.stderr.splitlines() if "left out" in line] == [
        "plugin harness-broken 0.9 left out: ModuleNotFoundError: No module named 'no_such_library'"
    ]
    report = json.loads(next((folder / "results" / "benchmarks").glob("*.json")).read_text())
    assert {(r["label"]["model"], r["label"]["runner"]): r["status"] for r in report["records"]} == {
        (m, r): "ok" for m in ("wide:width=128", "mlp:hidden_dim=32") for r in ("eager", "traced")
    }
    assert ("harness-wide", "1.2.3") in {(p["distribution"], p["version"]) for p in report["run"]["plugins"]}
    assert "harness-broken" not in {p["distribution"] for p in report["run"]["plugins"]}


def test_what_only_the_broken_package_could_provide_is_an_error_that_names_it(environment):
    python, folder = environment
    done = call(
        python, "-m", "harness", "run", "-m", "fancy", "-b", 4, cwd=folder, code=2, XDG_CACHE_HOME=str(folder)
    )
    assert "there is no model 'fancy'" in done.stderr
    assert "harness-broken 0.9" in done.stderr


def test_a_plugin_can_be_left_out_by_name(environment):
    python, folder = environment
    done = call(
        *(python, "-m", "harness", "--plugin", "no:harness-wide", "--plugin", "no:harness-broken", "list"),
        cwd=folder,
        XDG_CACHE_HOME=str(folder),
    )
    assert "wide" not in done.stdout and done.stderr == ""
