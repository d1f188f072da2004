"""What every benchmark shares: its options, the machine, targets, and the two files it leaves behind."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import machine

SCHEMA = 1
ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "docs" / "benchmarks"
TRIED = ROOT / "build" / "benchmarks"
"""Where shortened runs go: git-ignored."""
PACKAGES = (*machine.PACKAGES, "click", "msgspec", "pytorch-inference-lab")


@dataclass(frozen=True)
class Target:
    """Something a benchmark promises."""

    what: str
    passed: bool
    measured: str
    limit: str

    @property
    def verdict(self) -> str:
        return "PASS" if self.passed else "FAIL"


@dataclass(frozen=True)
class Result:
    """What a benchmark found: text for people, figures for programs."""

    name: str
    title: str
    question: str
    tables: list[str]
    """Markdown tables, the main one first."""
    notes: list[str]
    """What a reader needs to know to read the tables, one sentence or two each."""
    targets: list[Target]
    figures: dict[str, Any]
    shortened: bool = False
    """Tried with fewer rounds or cells than a result needs: no target is judged."""


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    made.add_argument("--quick", action="store_true", help="a short run to try it; no target is judged")
    made.add_argument("--output", type=Path, metavar="DIR", help="folder of the Markdown and JSON files")
    made.add_argument("--order-seed", type=int, metavar="N", help="repeat the random order of another run")
    return made


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned so that it reads well on a terminal too."""
    import tabulate

    return tabulate.tabulate(rows, headers=headers, tablefmt="pipe", disable_numparse=True)


def environment(folder: Path) -> dict[str, str]:
    """The variables of a subprocess: no settings of the harness or of Python, caches of its own.

    PYTHONDONTWRITEBYTECODE in particular would have everything compiled anew in each process.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HARNESS_", "PYTHON"))}
    return {**kept, "XDG_CACHE_HOME": str(folder / "cache")}


def harness_command() -> str:
    """The installed command `harness` beside this interpreter.

    Raises:
        SystemExit: it is not there.
    """
    path = Path(sys.executable).parent / "harness"
    if not path.exists():
        raise SystemExit("error: no command `harness` beside this Python\nhint: pip install -e .")
    return str(path)


def progress(text: str) -> None:
    """A line for whoever waits; stdout is for the result."""
    print(text, file=sys.stderr, flush=True)


def load_average() -> float:
    """Runnable processes, averaged over a minute."""
    return round(os.getloadavg()[0], 2)


def publish(result: Result, output: Path | None) -> int:
    """Prints the result, writes `<name>.md` and `<name>.json`, and returns the exit code."""
    folder = output or (TRIED if result.shortened else PUBLISHED)
    folder.mkdir(parents=True, exist_ok=True)
    about = _about(result)
    (folder / f"{result.name}.md").write_text(_markdown(result, about), "utf-8")
    whole = {
        "schema": SCHEMA,
        "benchmark": result.name,
        **about,
        "targets": [dataclasses.asdict(t) for t in result.targets],
        "figures": result.figures,
    }
    (folder / f"{result.name}.json").write_text(json.dumps(whole, indent=2) + "\n", "utf-8")
    print("\n\n".join([*result.tables, _verdicts(result)]))
    progress(f"saved: {folder / result.name}.md and .json")
    missed = any(not t.passed for t in result.targets)
    return int(missed and not result.shortened)


def _about(result: Result) -> dict[str, Any]:
    """When, where and with what a result was made. No host name and no path: it is published."""
    arguments = shlex.join(sys.argv[1:])
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "command": f"python -m benchmarks.{result.name} {arguments}".strip(),
        "commit": _commit(),
        "shortened": result.shortened,
        "machine": {
            "cpu": machine.cpu_name(),
            "cores_logical": len(machine.affinity()),
            "cores_usable": machine.usable_cores(),
            "memory_mib": machine.memory_mib(),
            "virtual": machine.is_virtual(),
            "os": machine.os_name(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "versions": machine.versions(PACKAGES),
    }


def _commit() -> str | None:
    """The commit that was measured, `+` if files had been changed since; None outside a checkout."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def _verdicts(result: Result) -> str:
    rows = [[t.what, t.measured, t.limit, t.verdict] for t in result.targets]
    if result.shortened:
        rows = [[*row[:3], "not judged (--quick)"] for row in rows]
    return table(["target", "measured", "limit", "verdict"], rows)


def _markdown(result: Result, about: dict[str, Any]) -> str:
    place = about["machine"]
    virtual = ", virtual" if place["virtual"] else ""
    lines = [
        f"# {result.title}",
        "",
        result.question,
        "",
        "\n\n".join([*result.tables, _verdicts(result)]),
        "",
        *[f"- {note}" for note in result.notes],
        "",
        f"Machine: {place['cpu']}, {place['cores_logical']} logical CPUs{virtual}, "
        f"{place['memory_mib'] / 1024:.0f} GiB, {place['os']}, Linux {place['kernel']}, "
        f"Python {place['python']}.",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items()) + ".",
        f"Made on {about['date']} by `{about['command']}`"
        + (f" at commit {about['commit']}." if about["commit"] else "."),
        f"All figures: `{result.name}.json`.",
        "",
    ]
    return "\n".join(lines)
