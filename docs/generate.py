"""Writes what the docs take from the code: `python -m docs.generate`.

    hooks.md, hooks/      an overview, and a page for each hook of harness/hookspecs.py
    reference.md          commands with their options, exit codes, statuses, components, suites
    report.schema.json    the JSON Schema of the public report
    comparison.schema.json   the JSON Schema of a comparison
    claims.schema.json    the JSON Schema of judged claims

`--check` writes nothing and exits with 1 if a file is not what would be written.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import msgspec

from docs import hook_pages
from docs.hook_pages import MARK
from harness import errors, registry
from harness.catalogue import Catalogue, load
from harness.cli import main as cli
from harness.components import Precision
from harness.records import claims, comparison, report
from harness.records.events import STATUSES
from harness.report.select import KEYS

FOLDER = Path(__file__).parent
WIDTH = 100
"""Columns of the commands' help; fixed, so that no terminal changes the page."""

STATUS_TEXTS = {
    "incorrect": "It was measured, and an output is wrong: its error is above the tolerance, a shape or an "
    "integer differs, or it has NaN or Inf that the reference does not have. It can never be the best.",
    "crashed": "A signal ended the process: a segmentation fault, an abort, or a kill from outside.",
    "out_of_memory": "An allocator gave up, or the kernel's out-of-memory killer struck.",
    "timeout": "One replicate took longer than `--timeout`.",
    "failed": "An exception (the reason has its text, and the line of your own code it came through), a "
    "compilation while calls were timed, or a process that ended itself.",
    "unsupported": "This combination cannot run here. The reason says why, and what would. No fault.",
    "interrupted": "A signal came while its first replicate was running.",
    "not_reached": "The run ended before its first replicate.",
    "ok": "Every replicate was measured and is right.",
}


# ---- source texts ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassText:
    """What the source of a class says in words: its docstring, and the one below each attribute."""

    doc: str
    attributes: dict[str, str]


def class_texts(module: ModuleType) -> dict[str, ClassText]:
    """The words of every class in a module: a string right below an assignment describes it."""
    tree = ast.parse(inspect.getsource(module))
    return {
        node.name: ClassText(_one_line(ast.get_docstring(node) or ""), dict(_attribute_texts(node)))
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def _attribute_texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for before, after in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            continue
        text = after.value.value
        target: ast.expr | None = None
        if isinstance(before, ast.AnnAssign):
            target = before.target
        elif isinstance(before, ast.Assign):
            target = before.targets[0]
        if isinstance(text, str) and isinstance(target, ast.Name):
            yield target.id, _one_line(inspect.cleandoc(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ---- reference.md ---------------------------------------------------------------------------------


def commands(
    command: click.Command = cli.harness, name: str = "harness", parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """(name in full, command, its context) of a command and of all that is below it, in the help's order."""
    settings = {**command.context_settings, "terminal_width": WIDTH} if parent is None else {}
    context = click.Context(command, parent, info_name=name.rpartition(" ")[2], **settings)
    yield name, command, context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands(found, f"{name} {inner}", context)


def reference() -> str:
    """The page of everything that has a name on the command line."""
    parts = [
        MARK,
        "# Reference",
        "Every command with its options, every exit code and status, and what ships in the box. How to use "
        "them is on [Using it](guide.md).",
        "## Commands",
    ]
    for name, command, context in commands():
        parts += [f"### {name}", f"```text\n{command.get_help(context).rstrip()}\n```"]
    keys = ", ".join(f"`{key}`" for key in KEYS)
    parts.append(f"Keys of `harness report --sort`: {keys}.")
    parts += ["## Exit codes", _exit_codes(), "## Statuses", _statuses()]
    parts += ["## Components in the box", *_components(), "## Suites in the box", _suites()]
    parts += ["## Claims in the box", _claims()]
    return "\n\n".join(parts) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([_cell(c) for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _exit_codes() -> str:
    texts = class_texts(errors)["ExitCode"].attributes
    return _table(("code", "meaning"), ((f"`{int(c)}`", texts[c.name]) for c in errors.ExitCode))


def _statuses() -> str:
    if set(STATUS_TEXTS) != set(STATUSES):
        raise ValueError(f"STATUS_TEXTS describes {sorted(STATUS_TEXTS)}, there are {sorted(STATUSES)}")
    intro = "The status of a case is the worst of its replicates. The worst comes first:"
    return intro + "\n\n" + _table(("status", "meaning"), ((f"`{s}`", STATUS_TEXTS[s]) for s in STATUSES))


def _components() -> list[str]:
    tolerances = {
        provided.name: provided.component.tolerance
        for provided in Catalogue(load(only=())).of_kind("precision")
        if isinstance(provided.component, Precision)
    }
    parts = []
    for kind in ("model", "runner", "precision", "reporter"):
        rows = []
        for row in (r for r in registry.components() if r["kind"] == kind):
            names = ", ".join(f"`{n}`" for n in (row["name"], *row.get("aliases", ())))
            last = f"{tolerances[row['name']]:g}" if kind == "precision" else _parameters(row)
            rows.append((names, row["summary"], last))
        if kind == "reporter":
            table = _table(("name", "what it is"), (row[:2] for row in rows))
        else:
            title = "tolerance" if kind == "precision" else "parameters"
            table = _table(("name", "what it is", title), rows)
        parts += [f"### {kind.capitalize()}s", table]
    return parts


def _parameters(row: dict[str, Any]) -> str:
    shown = []
    for parameter in row.get("params", ()):
        default = parameter.get("default")
        text = "none" if default is None else json.dumps(default).strip('"')
        shown.append(f"`{parameter['name']}`: {parameter['type']} = {text}")
    return "<br>".join(shown) or "none"


def _suites() -> str:
    rows = []
    for name in registry.suite_names():
        rows.append((f"`{name}`", tomllib.loads(registry.suite_text(name)).get("summary", "")))
    return _table(("suite", "what is in it"), rows)


def _claims() -> str:
    rows = []
    for name in registry.claims_names():
        rows.append((f"`{name}`", tomllib.loads(registry.claims_text(name)).get("summary", "")))
    return _table(("claims", "what is in it"), rows)


# ---- report.schema.json, comparison.schema.json ----------------------------------------------------


_MODULES = (
    "anatomy",
    "calibration",
    "case",
    "ceilings",
    "claims",
    "comparison",
    "events",
    "finding",
    "noise",
    "report",
    "settings",
)
"""Where the types of the public formats are."""


def report_schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    return _schema(
        report.Report,
        report.SCHEMA,
        "report",
        "What `harness report --format json` prints and `harness run` writes beside its run file.",
        {("Record", "status"): STATUSES},
    )


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of a comparison."""
    kinds = (comparison.LIVE, comparison.INDICATIVE, comparison.REMEASURED)
    return _schema(
        comparison.ComparisonReport,
        comparison.SCHEMA,
        "comparison",
        "What `harness compare --format json` prints.",
        {
            ("Side", "status"): STATUSES,
            ("Verdict", "word"): comparison.WORDS,
            ("ComparisonInfo", "kind"): kinds,
        },
    )


def claims_schema() -> dict[str, Any]:
    """The JSON Schema of judged claims."""
    return _schema(
        claims.ClaimsReport,
        claims.SCHEMA,
        "claims",
        "What `harness claims --format json` prints.",
        {
            ("Judged", "word"): claims.WORDS,
            ("Answer", "word"): claims.WORDS,
            ("Carried", "word"): claims.CARRY_WORDS,
        },
    )


def _schema(
    cls: type, version: int, name: str, summary: str, enums: dict[tuple[str, str], Iterable[str]]
) -> dict[str, Any]:
    """The JSON Schema of a public type, with the words of the dataclasses as descriptions."""
    (top,), definitions = msgspec.json.schema_components((cls,), ref_template="#/$defs/{name}")
    texts: dict[str, ClassText] = {}
    for module in _MODULES:
        texts |= class_texts(importlib.import_module(f"harness.records.{module}"))
    for title, definition in definitions.items():
        text = texts[title]
        if text.doc:
            definition["description"] = text.doc
        for key, words in text.attributes.items():
            definition["properties"][key] = {**definition["properties"][key], "description": words}
    definitions[cls.__name__]["properties"]["schema"] = {
        "const": version,
        "description": "The version of this format. Another number is another format.",
    }
    for (title, key), values in enums.items():
        definitions[title]["properties"][key]["enum"] = list(values)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"PyTorch Inference Lab {name}, schema {version}",
        "description": f"{summary} Further keys may appear within this schema; null means that something "
        "cannot be said.",
        **top,
        "$defs": dict(definitions),
    }


# ---- all of them ----------------------------------------------------------------------------------


def files() -> dict[str, str]:
    """File name -> the text it should have."""
    return {
        **hook_pages.pages(),
        "reference.md": reference(),
        "report.schema.json": _json(report_schema()),
        "comparison.schema.json": _json(comparison_schema()),
        "claims.schema.json": _json(claims_schema()),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def stale() -> list[str]:
    """Names of the files that are not what would be written."""
    return [name for name, text in files().items() if _present(FOLDER / name) != text]


def _present(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m docs.generate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a file is stale")
    if parser.parse_args(arguments).check:
        names = stale()
        for name in names:
            print(f"docs/{name} is stale: run python -m docs.generate", file=sys.stderr)
        return 1 if names else 0
    for name, text in files().items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
