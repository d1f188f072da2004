"""What the READMEs quote is what the commands print, from runs that are in the repository."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harness_docs_quoted", ROOT / "docs" / "quoted.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


quoted = _load()


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def stored(text: str) -> set[str]:
    return set(re.findall(r"results/reference/[\w-]+\.jsonl?", text))


@pytest.mark.parametrize("name", quoted.PAGES)
def test_a_quoted_output_is_byte_for_byte_what_its_command_prints(name: str):
    text = page(name)
    assert (
        text.count("<!-- output of: ") == len(quoted.commands(text)) == text.count("<!-- end of output -->")
    )
    assert quoted.written(text) == text, "run python -m docs.quoted"


def test_the_example_is_a_whole_report_of_a_kept_run_and_the_conclusion_is_drawn_from_the_same():
    report, *conclusion = quoted.commands(page("README.md"))
    assert re.fullmatch(r"report results/reference/[\w-]+\.jsonl --format markdown", report)
    assert conclusion
    assert all(c.startswith("explain ") and "--brief" in c for c in conclusion)
    runs = {run for command in (report, *conclusion) for run in stored(command)}
    assert len(runs) == 1
    assert (ROOT / runs.pop()).exists()


@pytest.mark.parametrize("name", quoted.PAGES)
def test_the_words_around_the_example_quote_no_number_and_no_other_run(name: str):
    text = page(name)
    # From the section of the example to the instruments: what would be untrue of another run.
    start, end = text.index("<!-- output of: "), text.rindex("<!-- end of output -->")
    start = text.rindex("\n## ", 0, start)
    end = text.index("\n## ", end)
    words = quoted.without(text[start:end])
    assert not re.search(r"\d", words), words
    assert stored(quoted.without(text)) <= stored("\n".join(quoted.commands(text)))


def test_check_tells_a_stale_page_and_the_command_mends_it(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(quoted, "ROOT", tmp_path)
    monkeypatch.setattr(quoted, "PAGES", ("page.md",))
    monkeypatch.setattr(quoted, "output", lambda arguments: f"it said {arguments}\n")
    path = tmp_path / "page.md"
    path.write_text("above\n\n<!-- output of: harness list models -->\nold\n<!-- end of output -->\nbelow\n")
    assert quoted.main(["--check"]) == 1
    assert "page.md is stale" in capsys.readouterr().err
    assert quoted.main([]) == 0
    assert "above\n" in path.read_text()
    assert "\n\nit said list models\n\n" in path.read_text()
    assert quoted.main(["--check"]) == 0
