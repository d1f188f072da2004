"""What tests of packages share: the built wheel, and fresh environments to install things into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def call(*words, cwd, code=0, **variables):
    done = subprocess.run(
        [str(w) for w in words],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of the repository as a build would see it."""
    source = tmp_path_factory.mktemp("source") / "repository"
    left_out = (".*", "*.egg-info", "build", "dist", "tests", "results", "__pycache__")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*left_out))
    return source


@pytest.fixture(scope="session")
def wheel(checkout, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    call(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", target, checkout),
        cwd=checkout,
    )
    return next(target.glob("*.whl"))


@dataclass
class Environment:
    """A virtual environment with the harness's wheel; it sees the libraries of this one, but no checkout."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    def create(self) -> None:
        call(sys.executable, "-m", "venv", "--without-pip", self.folder / "venv", cwd=self.folder)
        where = call(self.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd="/")
        # A plain path line: the .pth files over there, an editable install among them, are not followed.
        Path(where.stdout.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, *packages: Path) -> None:
        """Wheels, or folders to build; nothing is fetched."""
        words = ("--python", self.python, "install", "--quiet", "--disable-pip-version-check")
        offline = ("--no-deps", "--no-build-isolation", "--ignore-installed")
        call(sys.executable, "-m", "pip", *words, *offline, *packages, cwd=self.folder)

    def harness(self, *words, code=0, cwd=None, **variables):
        """`harness` as installed there, with a cache of its own; in the environment's folder by default."""
        own = {"XDG_CACHE_HOME": str(self.folder), "COLUMNS": "200"}
        command = self.folder / "venv" / "bin" / "harness"
        return call(command, *words, cwd=cwd or self.folder, code=code, **own, **variables)

    def run(self, *words):
        """A Python command there."""
        return call(self.python, *words, cwd=self.folder, XDG_CACHE_HOME=str(self.folder))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, wheel) -> Environment:
    """A fresh environment with nothing but the harness in it."""
    environment = Environment(tmp_path_factory.mktemp("fresh"))
    environment.create()
    environment.install(wheel)
    return environment
