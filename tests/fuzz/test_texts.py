"""Texts that a user writes, or a stranger sends: specs, selectors, inputs, suites and claims. Each is understood or
answered with one line that says what is wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness import registry
from harness.catalogue import drawn, params, specs, targets
from harness.claims import language
from harness.cli import aiming
from harness.errors import UsageError
from harness.plan import selectors, suites
from harness.plan.suites import Axes

from .conftest import HOSTILE, damaged, fuzz, refused_or_fine, seeds

_PIECES = (
    *(
        "mlp",
        "cnn",
        "eager",
        "fp32",
        "hidden_dim",
        "net.py",
        "a.b",
        "model",
        "batch_size",
        "all",
        "none",
        "x",
    ),
    *(
        ":",
        ",",
        "=",
        "+",
        "/",
        ";",
        "..",
        "-",
        "%",
        "[",
        "]",
        "(",
        ")",
        '"',
        "'",
        "#",
        "\\",
        "{",
        "}",
        " ",
        "\n",
    ),
    *(
        "0",
        "1",
        "64",
        "-1",
        "1e400",
        "9" * 5000,
        "nan",
        "0x10",
        "1_000",
        "٣",
        "\x1b[2J",
        "\u202e",
        "\x00",
        "é",
    ),
    *("float32", "int64", "batch", "../", "__import__('os')", "{0.__class__}", "%s", "$(id)", "\udcff"),
)
texts = st.text(max_size=60) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


def spec_strings(text: str) -> None:
    """Every option that takes a text of its own language."""
    for kind in ("model", "runner", "precision", "reporter"):
        found = refused_or_fine(lambda kind=kind: specs.parse_all([text], kind))
        for spec in found or ():
            # What was understood is said so that it is understood the same.
            if spec.target is None:
                assert specs.parse(str(spec), kind) == spec
    target = targets.split(text)
    if target is not None:
        assert targets.of_source(target[0].source).where
    refused_or_fine(lambda: selectors.parse_selector(text))
    refused_or_fine(lambda: drawn.parse(text))
    refused_or_fine(lambda: aiming.passes(text))
    refused_or_fine(lambda: aiming.until(text))
    refused_or_fine(lambda: aiming.seconds(text))
    refused_or_fine(lambda: Axes.from_texts(batch_size=(text,), threads=(text,), model=(text,)))
    for value in (text, text.partition(":")[2]):
        refused_or_fine(
            lambda value=value: params.fill("mlp", _Params, {"width": value, "rate": value, "names": value})
        )


@dataclass(frozen=True)
class _Params:
    width: int = 1
    rate: float = 0.5
    names: tuple[str, ...] = ()
    way: str | None = None
    on: bool = False


# ---- TOML ------------------------------------------------------------------------------------------


class _Raw(str):
    """TOML that stands for itself."""


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return (
            '"' + "".join(f"\\U{ord(c):08x}" if c in '"\\' or not c.isprintable() else c for c in value) + '"'
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + " }"
    return str(value)


_SCALARS = (
    st.booleans() | st.integers() | st.floats() | st.sampled_from((_Raw("9" * 5000), _Raw("1e400"), _Raw("2026-01-01"), -1, 0, 1, 64, 1_000_001))
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
    | st.sampled_from(("mlp", "eager", "fp32", "compile:mode=max-autotune", "cpu", "all", "none", "5%", "../x", HOSTILE))
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("model", "runner", "a")), inner, max_size=3)
    ),
    max_leaves=6,
)
_AXES = ("model", "runner", "precision", "batch_size", "device", "threads")
_SANE = {
    "model": ["mlp", "cnn"], "runner": "eager", "precision": ["fp32"], "batch_size": [1, 64], "device": "cpu",
    "threads": 2,
}  # fmt: skip


def _table(keys: tuple[str, ...], sane: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with some keys, most of them with values that make sense."""
    return st.dictionaries(st.sampled_from(keys), st.none() | _VALUES, max_size=5).map(
        lambda t: {k: sane.get(k, "x") if v is None else v for k, v in t.items()}
    )


_MATRIX = _table((*_AXES, "exclude", "include", "modle"), {**_SANE, "exclude": [{"runner": "eager"}]})
SUITE = st.tuples(
    _table(
        ("summary", "passes", "until", "further_s", "pases"),
        {"passes": "3..12", "until": "5%", "further_s": 1},
    ),
    st.lists(_MATRIX, max_size=3),
)
_CLAIM = _table(
    (*language.KEYS, "latencyms"),
    {"name": "a", "case": {"model": "cnn"}, "over": {"batch_size": [1, 16]}, "grows": "latency",
     "latency_ms": {"at_most": 5}, "compared_with": {"runner": "compile"}, "speedup": {"at_least": 1.2}},
)  # fmt: skip
CLAIMS = st.tuples(_table(("summary", "claims"), {}), st.lists(_CLAIM, max_size=3))


def _document(parts: tuple[dict[str, Any], list[dict[str, Any]]], name: str) -> str:
    head, tables = parts
    lines = [f"{key} = {toml(value)}" for key, value in head.items()]
    for table in tables:
        lines += [f"[[{name}]]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    return "\n".join(lines)


def _told(where: str, parse: Any) -> None:
    """Understood, or refused in a line that names the file."""
    try:
        parse()
    except UsageError as error:
        said = error.message
    else:
        return
    assert said.startswith(where), said
    assert len(said) < 3000


def suite_files(parts: Any) -> None:
    text = _document(parts, "matrix")
    _told("mine.toml", lambda: suites.parse("mine", text, where="mine.toml"))


def claim_files(parts: Any) -> None:
    text = _document(parts, "claim")
    _told("mine.toml", lambda: language.parse("mine", text, where="mine.toml"))


def damaged_toml(seed: int) -> None:
    """Suites and claims of the box with bytes lost, changed and put in."""
    draw = random.Random(seed)
    if draw.random() < 0.5:
        text = damaged(registry.suite_text(draw.choice(registry.suite_names())).encode(), draw)
        _told("f.toml", lambda: suites.parse("f", text.decode("utf-8", "replace"), where="f.toml"))
    else:
        text = damaged(registry.claims_text("seed").encode(), draw)
        _told("f.toml", lambda: language.parse("f", text.decode("utf-8", "replace"), where="f.toml"))


# ---- a few of each, in every run of the tests -------------------------------------------------------


def test_a_spec_is_understood_or_refused():
    fuzz("specs", texts, spec_strings, 150)


def test_a_suite_is_understood_or_refused_with_the_file():
    fuzz("suites", SUITE, suite_files, 100)


def test_claims_are_understood_or_refused_with_the_file():
    fuzz("claims", CLAIMS, claim_files, 100)


def test_a_damaged_suite_or_claim_is_understood_or_refused_with_the_file():
    fuzz("damaged TOML", seeds, damaged_toml, 100)
