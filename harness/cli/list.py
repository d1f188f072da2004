"""`harness list`: every component, suite and file of claims, without loading torch or any plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from harness import registry
from harness.cli import options, stock
from harness.errors import ExitCode

_SECTIONS = {
    "models": "model",
    "runners": "runner",
    "precisions": "precision",
    "reporters": "reporter",
}
_FILES: dict[str, tuple[Callable[[], list[str]], Callable[[str], str]]] = {
    "suites": (registry.suite_names, registry.suite_text),
    "claims": (registry.claims_names, registry.claims_text),
}
"""Title -> the names of TOML files in the registry, and the text of one."""


@click.command("list", short_help="List models, runners, precisions, reporters, suites and claims.")
@click.argument("section", required=False, type=click.Choice([*_SECTIONS, *_FILES]))
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, section: str | None, plugin: tuple[str, ...], **_: object) -> int:
    """List what there is: name, summary, parameters with defaults, where it comes from, and why
    something cannot be used here. The first call on a machine asks a child process, the others a cache.
    """
    formatter = click.HelpFormatter(max_width=None)
    if section not in _FILES:
        found, trouble = stock.take(options.plugin_texts(ctx, plugin))
        if trouble:
            click.echo(f"what works here is not known: {trouble}", err=True)
        for problem in (*found["problems"], *found["idle_blocks"]):
            click.echo(_clean(problem), err=True)
        for title, kind in _SECTIONS.items():
            if section in (None, title):
                _write(formatter, title, [c for c in found["components"] if c["kind"] == kind])
    for title, (names, text) in _FILES.items():
        if section in (None, title):
            _write_files(formatter, title, names(), text)
    click.echo(formatter.getvalue().rstrip())
    return ExitCode.FINE


def _write(formatter: click.HelpFormatter, title: str, components: list[dict[str, Any]]) -> None:
    with formatter.section(title):
        rows = []
        for component in sorted(components, key=lambda c: (c["name"], c["source"])):
            name = component["name"]
            if component.get("aliases"):
                name += f" ({', '.join(component['aliases'])})"
            rows.append((_clean(name), _clean(_text(component))))
        if rows:
            formatter.write_dl(rows, col_max=24)


def _text(component: dict[str, Any]) -> str:
    parts = [component["summary"]]
    parameters = component.get("params", [])
    if parameters:
        shown = ", ".join(f"{p['name']}: {p['type']} = {_value(p.get('default'))}" for p in parameters)
        parts.append(f"[{shown}]")
    if component["distribution"]:
        parts.append(f"from {component['distribution']} {component['version']}")
    elif not component["source"].startswith("builtin:"):
        parts.append(f"from {component.get('plugin') or component['source']}")
    if component.get("requires"):
        parts.append(f"needs the extra {component['requires']}")
    if component.get("unusable"):
        parts.append(f"NOT USABLE HERE: {component['unusable']}")
    elif component.get("remark"):
        parts.append(f"note: {component['remark']}")
    return "; ".join(parts)


def _value(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return "+".join(map(str, default)) or "''"
    return str(default)


def _write_files(
    formatter: click.HelpFormatter, title: str, names: list[str], text: Callable[[str], str]
) -> None:
    import tomllib

    with formatter.section(title):
        formatter.write_dl([(n, tomllib.loads(text(n)).get("summary", "")) for n in names], col_max=24)


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
