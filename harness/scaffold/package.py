"""A new plugin package: its files made from templates, and written as a whole or not at all."""

from __future__ import annotations

import os
import shlex
import shutil
import string
from importlib import metadata, resources
from pathlib import Path

from harness import registry
from harness.errors import UsageError
from harness.identity import DISTRIBUTION
from harness.scaffold.names import Names


def files_of(names: Names) -> dict[str, str]:
    """Path below the package's folder -> text, for every file."""
    values = _values(names)
    kinds = names.kinds
    files = {
        ".gitignore": _filled("gitignore", values),
        "README.md": _filled("README.md", values),
        "pyproject.toml": _filled("pyproject.toml", values),
        f"{names.module}/__init__.py": _joined("init.py", [f"init_{kind}.py" for kind in kinds], values),
    }
    for kind in kinds:
        files[f"{names.module}/{kind}.py"] = _filled(f"{kind}.py", values)
    parts = [f"test_{kind}.py" for kind in kinds]
    files[f"tests/test_{names.module}.py"] = _joined("test.py", parts, values)
    return files


def write(names: Names, directory: Path) -> Path:
    """Writes the package into a folder of its own in `directory`, and says which.

    Raises:
        UsageError: there is such a folder with something in it, or it cannot be written.
    """
    folder = directory / names.distribution
    # Written beside and renamed: a full disk leaves no half of a package behind.
    beside = directory / f".{names.distribution}.{os.getpid()}"
    try:
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UsageError(f"{folder} is there already", "choose another name, or another --directory")
        for name, text in files_of(names).items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        beside.replace(folder)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written: {error.strerror or error}", "--directory names another place"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def commands_of(names: Names, folder: str) -> list[str]:
    """What an author tries first, as shell commands."""
    shown = ["--format", names.component] if "reporter" in names.kinds else []
    return [
        f"pip install -e {shlex.quote(f'{folder}[test]')}",
        " ".join(["harness", "run", *_run_words(names), *shown]),
        "python -m pytest" if folder == "." else f"python -m pytest {shlex.quote(folder)}",
    ]


def _run_words(names: Names) -> list[str]:
    """What makes `harness run` measure every component of the package."""
    default = registry.defaults()["single"]
    words = ["-m", names.component if "model" in names.kinds else default["model"]]
    for kind, option in (("runner", "-r"), ("precision", "-p")):
        if kind in names.kinds:
            words += [option, f"{default[kind]},{names.component}"]
    return [*words, "-b", "4"]


def _values(names: Names) -> dict[str, str]:
    """What the templates may name."""
    default = registry.defaults()["single"]
    kinds = names.kinds
    *before, last = (f"a {kind}" for kind in kinds)
    torch = ', "torch"' if "model" in kinds or "runner" in kinds else ""
    tested = ["pytest", *(["harness", "torch"] if "precision" in kinds else [])]
    own = [f"from {names.module}.{kind} import {names.class_name(kind)}" for kind in sorted(kinds)]
    return {
        "distribution": names.distribution,
        "module": names.module,
        "component": names.component,
        "kinds": " and ".join([", ".join(before), last] if before else [last]),
        "default_precision": default["precision"],
        "default_runner": default["runner"],
        "requirements": f'"{DISTRIBUTION}>={metadata.version(DISTRIBUTION)}"{torch}',
        "libraries": "\n".join(f"import {module}" for module in sorted(tested)),
        "own": "\n".join(own),
        "try": "\n".join(commands_of(names, ".")),
        "run_words": "\n".join(f'    "{word}",' for word in _run_words(names)),
        **{f"{kind}_class": names.class_name(kind) for kind in kinds},
    }


def _filled(template: str, values: dict[str, str]) -> str:
    text = resources.files(__package__).joinpath("templates", f"{template}.tmpl").read_text("utf-8")
    return string.Template(text).substitute(values)


def _joined(head: str, parts: list[str], values: dict[str, str]) -> str:
    """Templates of Python one below the other, two blank lines between them."""
    return "\n\n".join(_filled(name, values) for name in (head, *parts))
