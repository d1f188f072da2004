"""The page of findings has each key that a rule can yield, and no other."""

import ast
import re
from pathlib import Path

from harness import registry

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "harness" / "explain" / "rules").glob("*.py"))


def _texts(node: ast.expr, names: dict[str, set[str]]) -> set[str]:
    """The texts that an expression can be, as far as a reader of this one file can tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body, names) | _texts(node.orelse, names)
    if isinstance(node, ast.Name):
        return names[node.id]
    raise AssertionError(f"line {node.lineno}: a key that nobody can read")


def _names(tree: ast.Module) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
            for target, value in pairs:
                if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                    names.setdefault(target.id, set()).add(str(value.value))
    return names


def _keys() -> set[str]:
    found: set[str] = set()
    for file in RULES:
        tree = ast.parse(file.read_text("utf-8"))
        names = _names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "finding":
                found |= _texts(node.args[0], names)
    return found


def _documented() -> list[str]:
    page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return [key for row in rows for key in re.findall(r"`([a-z0-9-]+)`", row)]


def test_every_finding_is_on_its_page_once():
    assert sorted(_documented()) == sorted(_keys())


def test_every_experiment_is_about_a_finding_that_there_is():
    assert {lever["finding"] for lever in registry.levers()} <= _keys()


def test_a_finding_has_an_experiment_on_its_page_if_it_has_one():
    page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    with_one = {lever["finding"] for lever in registry.levers()}
    for line in page.splitlines():
        if line.startswith("| `"):
            _, keys, *_, experiment, _ = line.split("|")
            for key in re.findall(r"`([a-z0-9-]+)`", keys):
                assert bool(experiment.strip()) == (key in with_one), key
