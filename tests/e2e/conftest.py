"""Runs the command in this process, or in one of its own, and reads back what it kept."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.records.settings import Settings

PLUGINS = Path(__file__).parent.parent / "plugins"


@dataclass
class Ended:
    code: int
    out: str
    err: str
    results: Path

    @property
    def report(self):
        """The newest public report."""
        return json.loads(sorted((self.results / "benchmarks").glob("*.json"))[-1].read_text())

    def record(self, **axes):
        """The one record whose case has these values."""
        found = [r for r in self.report["records"] if all(_axis(r, a) == v for a, v in axes.items())]
        assert len(found) == 1, f"{len(found)} records with {axes}"
        return found[0]


def _axis(record, axis):
    return record["label"][axis] if axis in ("model", "runner") else record["case"][axis]


def _quick(texts):
    """A run measures memory and takes its cases apart, each in one more process, only where a test is about it."""
    if texts[:1] != ["run"] or "--help" in texts:
        return texts
    apart = [] if {"--anatomy", "--no-anatomy"} & set(texts) else ["--no-anatomy"]
    memory = [] if {"--memory", "--no-memory"} & set(texts) else ["--no-memory"]
    return [*texts, *apart, *memory]


@pytest.fixture(scope="session", autouse=True)
def _known_components():
    """What there is has been asked once, as on any machine in use: slips in names are found at once."""
    subprocess.run([sys.executable, "-m", "harness", "list"], check=True, capture_output=True)


@pytest.fixture
def harness_command(tmp_path, capfd, monkeypatch):
    """Calls the command line in this process, from an empty folder."""
    from harness.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_RESULTS", raising=False)
    for room in ("asked", "claiming"):
        module = importlib.import_module(f"harness.cli.{room}")
        # What is tested is what becomes of numbers and not how good they are: beside other tests a process
        # would seldom become steady, and warm up for as long as it may.
        monkeypatch.setattr(module, "Settings", partial(Settings, warm_up_s=0.3, block_s=0.02))

    def call(*arguments):
        texts = _quick([str(a) for a in arguments])
        monkeypatch.setattr(sys, "argv", ["harness", *texts])
        capfd.readouterr()
        code = main.run(texts)
        out, err = capfd.readouterr()
        return Ended(int(code), out, err, tmp_path / "results")

    return call


@pytest.fixture
def harness_process(tmp_path):
    """Starts the command as a process of its own; the caller waits for it."""

    def start(*arguments, **variables):
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *_quick([str(a) for a in arguments])],
            cwd=tmp_path,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
