"""What the tests of faults share: the command as a process, its records, and what is left of it."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent.parent / "plugins"
SHARED = Path("/dev/shm")


@dataclass
class Swept:
    """One run over many faults."""

    done: subprocess.CompletedProcess[str]
    report: dict
    mark: str
    """In the name or the command line of all that a fault may leave behind."""
    folder: Path
    """Where it ran."""
    temporary: Path
    shared: set[str]
    """What there was of shared memory before."""

    def record(self, key: str, value: str) -> dict:
        return next(r for r in self.report["records"] if r["case"]["params"][key] == value)


class Lab:
    """Runs `harness` and looks for what is left of it."""

    plugins = PLUGINS

    @staticmethod
    def command(*arguments) -> list[str]:
        return [sys.executable, "-m", "harness", *map(str, arguments)]

    def run(self, *arguments, cwd: Path, **variables) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def start(self, *arguments, cwd: Path, **variables) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=cwd,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Where the tests themselves run under nohup, a run would keep to that.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509 - no threads
        )

    def sweep(self, folder: Path, plugin: str, model: str, key: str, values, *options) -> Swept:
        """One pass over a model with each of the values of a parameter."""
        mark = f"fault-{uuid.uuid4()}"
        temporary = Path(tempfile.mkdtemp(prefix="faults-"))  # sockets do not fit into long paths
        shared = self.shared()
        models = [x for value in values for x in ("-m", f"{model}:{key}={value}")]
        done = self.run(
            *("run", "--plugin", PLUGINS / plugin, *models, "-b", 4, "--passes", 1, "--no-memory"),
            *("--no-anatomy", *options),
            cwd=folder,
            FAULT_MARK=mark,
            TMPDIR=str(temporary),
        )
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Swept(done, self.report(folder / "results"), mark, folder, temporary, shared)

    @staticmethod
    def report(results: Path) -> dict:
        return json.loads(next((results / "benchmarks").glob("*.json")).read_text())

    @staticmethod
    def shared() -> set[str]:
        return set(os.listdir(SHARED)) if SHARED.is_dir() else set()

    @staticmethod
    def running_with(mark: str) -> list[int]:
        """Pids of processes whose command line holds the mark."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "cmdline").read_bytes().decode("utf-8", "replace"):
                        found.append(int(entry.name))
        return found

    def descendants(self, pid: int) -> list[int]:
        from harness.execute.zygote import children_of

        return [p for child in children_of(pid) for p in (child, *self.descendants(child))]

    def wait_until(self, holds, process=None, timeout=120.0):
        """Waits until something is so, and returns what it was; fails when the process has ended before."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            if process is not None and process.poll() is not None:
                break
            time.sleep(0.02)
        said = process.communicate(timeout=30) if process is not None and process.poll() is not None else ""
        raise AssertionError(f"waited in vain: {said}")

    def samples(self, results: Path, count: int, process, timeout=120.0) -> Path:
        """Waits until the run file holds so many samples, and returns it."""

        def look():
            for path in (results / "benchmarks").glob("*.jsonl") if results.exists() else ():
                if path.read_bytes().count(b'"event":"sample"') >= count:
                    return path
            return None

        return self.wait_until(look, process, timeout)

    def all_gone(self, pids: list[int], patience=20.0) -> bool:
        """Whether none of the processes is there any more, or will be soon."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not any(self.alive(p) for p in pids):
                return True
            time.sleep(0.05)
        return False

    @staticmethod
    def alive(pid: int) -> bool:
        """Whether it still runs. What has ended may wait for a parent that does not ask for it: ours, where
        something in this process has had orphans come to it.
        """
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    def end(self, process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()
