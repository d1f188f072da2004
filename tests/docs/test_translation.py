"""README.zh-CN.md is README.md in Chinese: what needs no translation is the same, section by section."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
_CODE = re.compile(r"^```.*?^```$", re.M | re.S)
_QUOTED = re.compile(r"^<!-- output of: .*?^<!-- end of output -->$", re.M | re.S)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, taken apart."""

    level: int
    title: str
    verbatim: list[str]
    """Code blocks and quoted outputs, which no translation changes."""

    tables: list[list[list[str]]]
    """The cells of each row of each table; of a cell with words only, nothing is kept."""

    prose: str
    paragraphs: int
    items: int


def sections(text: str) -> list[Section]:
    """A page's sections, in order; the lines that link the two pages to each other are left out."""
    text = re.sub(r"^.*\]\(README(\.zh-CN)?\.md\).*$", "", text, flags=re.M)
    verbatim: list[str] = []

    def taken(match: re.Match[str]) -> str:
        verbatim.append(match[0])
        return f"\0{len(verbatim) - 1}\0"

    text = _CODE.sub(taken, _QUOTED.sub(taken, text))
    parts = re.split(r"^(#+) +(.+?) *$", text, flags=re.M)
    found = []
    for marks, title, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        blocks = [b for b in re.split(r"\n\s*\n", body.strip()) if b and not re.fullmatch(r"\0\d+\0", b)]
        tables = [b for b in blocks if b.startswith("|")]
        prose = [b for b in blocks if not b.startswith("|")]
        found.append(
            Section(
                len(marks),
                title,
                [verbatim[int(n)] for n in re.findall(r"\0(\d+)\0", body)],
                [[_cells(line) for line in table.splitlines()] for table in tables],
                "\n".join(blocks),
                sum(not b.startswith("- ") for b in prose),
                sum(len(re.findall(r"^- ", b, re.M)) for b in prose),
            )
        )
    return found


def _cells(line: str) -> list[str]:
    """A row; cells that hold a number as they are, of others only how many there are."""
    cells = [c.strip() for c in line.strip().strip("|").split("|")]
    return [c if re.fullmatch(r"[\W\d]*\d[\W\dx]*|:?-+:?", c) else "" for c in cells]


def differences(english: str, chinese: str) -> list[str]:
    """What the second text lacks or has too much, one line each; empty where the structures agree."""
    ours, theirs = sections(english), sections(chinese)
    found: list[str] = []
    for a, b in zip_longest(ours, theirs):
        if a is None or b is None:
            there, what = (CHINESE, a) if b is None else (ENGLISH, b)
            found.append(f"{there} has no section for {what.title!r}")
            continue
        where = f"section {a.title!r} / {b.title!r}"
        if a.level != b.level:
            found.append(f"{where}: headings of levels {a.level} and {b.level}")
        for number, (x, y) in enumerate(zip_longest(a.verbatim, b.verbatim), 1):
            if x != y:
                found.append(f"{where}: code or output {number} differs:\n{_first_difference(x, y)}")
        if a.tables != b.tables:
            found.append(f"{where}: tables of other shapes or numbers: {a.tables} and {b.tables}")
        for name, x, y in (
            ("`code`", _code(a), _code(b)),
            ("links", _LINK.findall(a.prose), _LINK.findall(b.prose)),
            ("numbers", _numbers(a), _numbers(b)),
        ):
            found += _counted(f"{where}: {name}", Counter(x), Counter(y))
        for name, m, n in (
            ("paragraphs", a.paragraphs, b.paragraphs),
            ("list items", a.items, b.items),
        ):
            if m != n:
                found.append(f"{where}: {m} {name} in {ENGLISH}, {n} in {CHINESE}")
    return found


def _code(section: Section) -> list[str]:
    return [" ".join(c.split()) for c in re.findall(r"`([^`]+)`", section.prose)]


def _numbers(section: Section) -> list[str]:
    return _NUMBER.findall(_LINK.sub("]", re.sub(r"`[^`]+`", "", section.prose)))


def _counted(what: str, english: Counter[str], chinese: Counter[str]) -> list[str]:
    found = []
    if missing := list((english - chinese).elements()):
        found.append(f"{what}: {CHINESE} lacks {missing}")
    if extra := list((chinese - english).elements()):
        found.append(f"{what}: only {CHINESE} has {extra}")
    return found


def _first_difference(english: str | None, chinese: str | None) -> str:
    for x, y in zip_longest(
        (english or "").splitlines(), (chinese or "").splitlines(), fillvalue="(nothing)"
    ):
        if x != y:
            return f"  {ENGLISH}: {x}\n  {CHINESE}: {y}"
    return ""


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_chinese_readme_has_what_the_english_one_has():
    found = differences(read(ENGLISH), read(CHINESE))
    assert not found, "translate what changed:\n" + "\n".join(found)


def test_the_two_readmes_link_to_each_other_above_everything_else():
    for name, other in ((ENGLISH, CHINESE), (CHINESE, ENGLISH)):
        assert f"]({other})" in read(name).splitlines()[2]


def test_the_chinese_readme_is_in_chinese():
    """A section that was copied over in English has the right structure, too."""
    for section in sections(read(CHINESE)):
        words = re.sub(r"`[^`]+`|\]\([^)]+\)", "", section.prose)
        if section.prose.strip("\0 0123456789\n"):
            assert re.search("[\u4e00-\u9fff]", words), section.title


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\n## Developing\n", "\n## More\n\nWords.\n\n## Developing\n", "no section"),
        ("\n## Stack\n", "\n### Stack\n", "levels 3 and 2"),
        ("make test     #", "make tests    #", "code or output 1 differs"),
        ("1.0 % of 310,000", "1.1 % of 310,000", "lacks ['1.1']"),
        ("`json`, `csv` |", "`json`, `csv`, `html` |", "lacks ['html']"),
        ("[Plugins](docs/plugins.md)", "[Plugins](docs/hooks.md)", "lacks ['docs/hooks.md']"),
        ("\n| reporters |", "\n| more | words |\n| reporters |", "tables of other shapes"),
        ("\n- **Why.**", "\n- **More.** Words.\n- **Why.**", "list items"),
        ("\n\nApache-2.0.", "\n\nMore words.\n\nApache-2.0.", "paragraphs"),
    ],
)
def test_a_change_of_one_readme_alone_is_told(old: str, new: str, said: str):
    text = read(ENGLISH)
    assert text.count(old) >= 1, f"{ENGLISH} no longer has {old!r}: mend this test"
    assert said in "\n".join(differences(text.replace(old, new, 1), read(CHINESE)))


def test_a_number_in_a_table_is_held_against_the_other():
    table = "# T\n\n| a | b |\n|---|---:|\n| x | {} |\n"
    assert not differences(table.format("1.70"), table.replace("x", "甲").format("1.70"))
    assert differences(table.format("1.70"), table.format("1.71"))
