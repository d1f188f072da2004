"""Writes into the READMEs what commands print: `python -m docs.quoted`.

A block begins with the command and ends with a mark; what stands between is the command's output, all of it:

    <!-- output of: harness report results/reference/RUN.jsonl --format markdown -->
    <!-- end of output -->

To quote another run, change the command in its mark, in both pages, and run this. `--check` writes nothing
and exits with 1 if a block is not what its command prints.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.zh-CN.md")
_BLOCK = re.compile(r"^<!-- output of: harness (.+?) -->\n(.*?)^<!-- end of output -->$", re.M | re.S)


def commands(text: str) -> list[str]:
    """The arguments of `harness` in each block of a page."""
    return [m[1] for m in _BLOCK.finditer(text)]


def written(text: str) -> str:
    """A page with each block replaced by what its command prints now.

    Raises subprocess.CalledProcessError where a command fails.
    """
    return _BLOCK.sub(lambda m: _block(m[1], output(m[1])), text)


def without(text: str) -> str:
    """A page without what was quoted: the words that somebody wrote."""
    return _BLOCK.sub("", text)


@cache
def output(arguments: str) -> str:
    """What `harness` prints, called in the root of the repository with these arguments."""
    words = [sys.executable, "-m", "harness", *shlex.split(arguments)]
    done = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    return done.stdout


def _block(arguments: str, printed: str) -> str:
    return f"<!-- output of: harness {arguments} -->\n\n{printed.strip()}\n\n<!-- end of output -->"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.quoted", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a page is stale")
    check = parser.parse_args(arguments).check
    code = 0
    for path in (ROOT / name for name in PAGES):
        text = path.read_text("utf-8")
        if (fresh := written(text)) == text:
            continue
        if check:
            print(f"{path.name} is stale: run python -m docs.quoted", file=sys.stderr)
            code = 1
        else:
            path.write_text(fresh, "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
