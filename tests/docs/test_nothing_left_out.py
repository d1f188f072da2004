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


def words(text: str) -> set[str]:
    """Everything in a text that can be an option or the name of a command."""
    return set(re.findall(r"(?<![\w-])-{0,2}\w[\w-]*", text))


def called(text: str) -> set[str]:
    """The words that a test may call as commands: what follows a quote."""
    return set(re.findall(r"[\"'](\w+)(?=[\"' ])", text))


PAGES = [path.read_text("utf-8") for path in sorted(DOCS.glob("*.md")) if path.name not in GENERATED]
PROSE = "".join([*PAGES, (ROOT / "README.md").read_text("utf-8")])
SAID = words(PROSE)
REFERENCE = dict(
    re.findall(
        r"^### (harness.*)\n((?:(?!##).*\n)*)", (DOCS / "reference.md").read_text("utf-8"), re.MULTILINE
    )
)
"""Command -> its section."""
TESTS = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
TESTED = [(called(text), words(text)) for text in TESTS]


def _generate() -> ModuleType:
    sys.path.insert(0, str(ROOT))  # it imports its neighbours
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


def calls(test: tuple[set[str], set[str]], name: str) -> bool:
    """Whether a file of tests calls a command: `plugins` and `list` for `harness plugins list`."""
    return set(name.split()[1:]) <= test[0]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_in_the_reference_in_words_and_in_a_test(hook: str):
    assert (DOCS / "hooks" / f"{hook}.md").is_file()
    assert f"def {hook}(" in PROSE
    assert any(f"def test_hook_{hook}(" in text for text in TESTS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_reference_in_words_and_in_a_test(name: str):
    assert name in REFERENCE
    assert re.search(rf"\b{name}\b", PROSE)
    assert any(calls(test, name) for test in TESTED)


@pytest.mark.parametrize(
    ("spellings", "names"),
    [(spellings, names) for (spellings, _), names in options().items()],
    ids=lambda value: value[0],
)
def test_an_option_is_in_the_reference_in_words_and_in_a_test(spellings: tuple[str, ...], names: list[str]):
    """An option that several commands share, word for word, is tested with one of them."""
    for name in names:
        assert set(spellings) <= words(REFERENCE.get(name, "")), f"{name}: run python -m docs.generate"
    assert SAID & set(spellings)
    tested = any(calls(test, name) and test[1] & set(spellings) for test in TESTED for name in names)
    assert tested, f"no test gives {' or '.join(spellings)} to {' or '.join(names)}"


def test_what_is_not_there_would_be_missed():
    """Words are whole: `--pass` is not in `--passes`, nor `--list` in `plugins list`."""
    assert words("give --passes 1 or -m, not plugins-list") == {
        *("give", "--passes", "1", "or", "-m", "not", "plugins-list"),
    }
    assert called("harness('plugins', \"list\", x, 'report --status')") == {"plugins", "list", "report"}
    assert not calls(({"list"}, set()), "harness plugins list")
