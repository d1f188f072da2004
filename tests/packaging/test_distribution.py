"""What is built and installed is what is in the repository, and works anywhere."""

import configparser
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = {"harness": "harness", "plugins": "harness_plugins", "registry": "harness_registry"}


def run(*arguments, cwd, **variables):
    done = subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def packages_on_disk():
    found = set()
    for folder, package in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *inner)))
    return found


def test_every_package_on_disk_is_declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert set(config["options"]["packages"].split()) == packages_on_disk()


def test_pyproject_holds_the_build_system_alone():
    import tomllib

    assert list(tomllib.loads((ROOT / "pyproject.toml").read_text())) == ["build-system"]


def test_the_constraints_pin_every_requirement_of_the_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    import re

    pinned = {
        re.split(r"[=<>]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    wanted = config["options"]["install_requires"].split()
    for extra in config["options.extras_require"].values():
        wanted += extra.split()
    names = {re.split(r"[=<>]", w)[0].lower().replace("_", "-") for w in wanted}
    assert names <= pinned


def make_environment(folder):
    """A virtual environment that sees this one's libraries, but not this checkout."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd="/").stdout.strip()
    )
    # A plain path line: the .pth files over there, an editable install among them, are not followed.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The built wheel, from a copy of the repository as a build would see it."""
    import shutil

    source = tmp_path_factory.mktemp("source") / "repository"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "tests", "results", "__pycache__"),
    )
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", target, source, cwd=source)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_three_packages_and_its_metadata_and_every_data_file(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {n.partition("/")[0] for n in names}
    assert top == {"harness", "harness_plugins", "harness_registry", "pytorch_inference_lab-0.1.0.dist-info"}
    for file in (ROOT / "registry").rglob("*.toml"):
        assert f"harness_registry/{file.relative_to(ROOT / 'registry')}" in names
    assert "harness/py.typed" in names


def test_the_installed_wheel_runs_from_outside_the_repository(wheel, tmp_path):
    python = make_environment(tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed", wheel, cwd=tmp_path)
    command = python.parent / "harness"
    where = run(python, "-c", "import harness; print(harness.__file__)", cwd=tmp_path).stdout
    assert str(tmp_path) in where
    assert "mlp" in run(command, "list", "models", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path)).stdout
    done = run(
        command,
        "run",
        "-m",
        "mlp:hidden_dim=64",
        "-b",
        "2",
        "--passes",
        "1",
        "--no-anatomy",
        cwd=tmp_path,
        XDG_CACHE_HOME=str(tmp_path),
    )
    assert "mlp:hidden_dim=64" in done.stdout
    assert list((tmp_path / "results" / "benchmarks").glob("*.json"))
