"""The page has every check, in the words of the code; and the table of checks is sound."""

import re
from pathlib import Path

from harness.conformance.table import CHECKS, checks_of

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text("utf-8")
ROW = re.compile(r"^\| `([a-z]+\.[a-z-]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)


def test_every_check_is_on_the_page_in_the_words_of_the_code():
    shown = {name: (expected, hint) for name, expected, hint in ROW.findall(PAGE)}
    assert shown == {
        c.name: (c.expected.replace("|", "\\|"), c.hint.replace("|", "\\|")) for c in CHECKS.values()
    }


def test_what_a_check_needs_comes_before_it():
    for subject in ("plugin", "listener", "model", "precision", "runner", "reporter"):
        names = [c.name for c in checks_of(subject)]
        for check in checks_of(subject):
            for need in check.needs:
                assert need in CHECKS
                assert need not in names or names.index(need) < names.index(check.name), check.name


def test_words_fit_into_the_sentence_they_are_put_in():
    for check in CHECKS.values():
        assert not check.expected.endswith("."), check.name
        assert not check.hint.endswith("."), check.name
        assert "\n" not in check.expected + check.hint, check.name
