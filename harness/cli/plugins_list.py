"""`harness plugins list`: installed plugins, what each provides, and why one does not load."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from harness import installed
from harness.cli import options, stock
from harness.errors import ExitCode

_WORDS = {
    installed.LOADS: "loads",
    installed.IN_PART: "LOADS IN PART",
    installed.BROKEN: "DOES NOT LOAD",
    installed.BLOCKED: "LEFT OUT",
    installed.UNKNOWN: "NOT KNOWN",
}
SCHEMA = 1


@click.command("list", short_help="List installed plugins: what each provides, and why one does not load.")
@options.text_or_json_only
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, format_: str, plugin: tuple[str, ...], **_: object) -> int:
    """List installed plugins: entry point, distribution, version, what each provides, and why one does
    not load; then published ones that are not installed. Code of plugins runs in a child process alone.
    """
    texts = options.plugin_texts(ctx, plugin)
    found, trouble = stock.take(texts)
    disabled = bool(os.environ.get("HARNESS_NO_PLUGINS"))
    rows = installed.installed(found, stock.blocked(texts), disabled, trouble)
    known = installed.known(rows)
    for problem in found["idle_blocks"]:
        click.echo(_clean(problem), err=True)
    if format_ == options.JSON:
        click.echo(json.dumps({"schema": SCHEMA, "installed": rows, "known": known}, indent=2))
    else:
        click.echo(_table(rows, known))
    return ExitCode.FINE


def _table(rows: list[dict[str, Any]], known: list[dict[str, Any]]) -> str:
    formatter = click.HelpFormatter(max_width=None)
    with formatter.section("installed"):
        if not rows:
            formatter.write_text("no plugin; `harness plugins new NAME` writes one")
        else:
            formatter.write_dl([(_clean(_who(r)), _clean(_what(r))) for r in rows], col_max=32)
    if known:
        with formatter.section("known, and not installed"):
            lines = [(k["distribution"], "; ".join([*_provided(k), k["install"]])) for k in known]
            formatter.write_dl([(_clean(a), _clean(b)) for a, b in lines], col_max=32)
    return formatter.getvalue().rstrip()


def _who(row: dict[str, Any]) -> str:
    return f"{row['distribution']} {row['version']}" if row["distribution"] else str(row["plugin"])


def _what(row: dict[str, Any]) -> str:
    word = _WORDS[row["status"]]
    if row["reasons"]:
        word += f": {'; '.join(row['reasons'])}"
    parts = [word, *_provided(row)]
    if row["listens"]:
        parts.append(f"listens to {', '.join(row['listens'])}")
    if row["module"]:
        parts.append(f"entry point {row['plugin']} = {row['module']}")
    return "; ".join(parts)


def _provided(row: dict[str, Any]) -> list[str]:
    """`models tiny, wide` for each kind that there is."""
    return [f"{kind}s {', '.join(map(_one, names))}" for kind, names in row["components"].items() if names]


def _one(component: dict[str, Any] | str) -> str:
    if isinstance(component, str):
        return component
    also = component["also"]
    return f"{component['name']} (ALSO FROM {' AND '.join(also)})" if also else str(component["name"])


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
