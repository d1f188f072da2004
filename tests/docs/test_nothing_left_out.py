"""Every hook, command and option is documented twice, in the reference and in words, and has a test."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import click
import pytest

from harness.hookspecs import CATALOGUE_HOOKS, LIFECYCLE_HOOKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOOKS = [*CATALOGUE_HOOKS.values(), *LIFECYCLE_HOOKS]
GENERATED = ("reference.md", "hooks.md")
PROSE = "".join(
    path.read_text("utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
    if path.name not in GENERATED
)
TESTS = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harness_docs_generate_again", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


COMMANDS = {name: command for name, command, _ in _generate().commands()}


def options() -> dict[tuple[tuple[str, ...], str], list[str]]:
    """(spellings, help) -> the commands that have this very option; `--no-x` of `--x` is one of its own."""
    found = defaultdict(list)
    for name, command in COMMANDS.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for spellings in filter(None, (parameter.opts, parameter.secondary_opts)):
                    found[tuple(spellings), parameter.help or ""].append(name)
    return dict(found)


def has(text: str, word: str) -> bool:
    """Whether a word stands there, and no longer one that begins or ends with it."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def calls(text: str, command: str) -> bool:
    """Whether a test names a command as it would on the command line."""
    word = command.rpartition(" ")[2]
    return command == "harness" or has(text, command) or re.search(rf"[\"'(]{word}[\"' ]", text) is not None


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_in_the_reference_in_words_and_in_a_test(hook: str):
    assert f"### {hook}\n" in (DOCS / "hooks.md").read_text("utf-8")
    assert f"def {hook}(" in PROSE
    assert any(f"def test_hook_{hook}(" in text for text in TESTS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_reference_in_words_and_in_a_test(name: str):
    assert f"\n### {name}\n" in (DOCS / "reference.md").read_text("utf-8")
    assert has(PROSE, name)
    assert any(calls(text, name) for text in TESTS)


@pytest.mark.parametrize(
    ("spellings", "names"),
    [(spellings, names) for (spellings, _), names in options().items()],
    ids=lambda value: value[0],
)
def test_an_option_is_in_the_reference_in_words_and_in_a_test(spellings: tuple[str, ...], names: list[str]):
    """An option that several commands share, word for word, is tested with one of them."""
    reference = (DOCS / "reference.md").read_text("utf-8")
    for name in names:
        section = reference.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        for word in spellings:
            assert has(section, word), f"{name} {word}"
    assert any(has(PROSE, word) for word in spellings)
    using = [text for text in TESTS if any(calls(text, name) for name in names)]
    tested = any(has(text, word) for text in using for word in spellings)
    assert tested, f"no test gives {' or '.join(spellings)} to {' or '.join(names)}"


def test_what_is_not_there_would_be_missed():
    """Names are words: `--pass` is not `--passes`, and an option of one command is none of another's."""
    assert has("give --passes 1", "--passes") and not has("give --passes 1", "--pass")
    assert not has("plugins list", "--list")
    assert calls('harness("report")', "harness report") and not calls("reports", "harness report")
    assert calls('("plugins", "new", x)', "harness plugins new")
