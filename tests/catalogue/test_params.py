"""Parameters given as text become typed values, or an error that says what would be right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue.params import Parameter, alternatives, as_data, fill, problem_with, schema, text_of
from harness.errors import UsageError


@dataclass(frozen=True)
class Mlp:
    in_dim: int = 512
    hidden_dim: int = 2048
    n_layers: int = 4

    def __post_init__(self) -> None:
        if self.n_layers < 1:
            raise ValueError(f"n_layers must be at least 1, not {self.n_layers}")


@dataclass(frozen=True)
class Many:
    count: int = 1
    rate: float = 0.5
    flag: bool = False
    maybe: bool | None = None
    word: str = "plain"
    path: str | None = None
    mode: Literal["default", "max-autotune"] = "default"
    names: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (1, 2)
    rates: tuple[float, ...] = ()
    some: list[str] = field(default_factory=list)


def wrong(cls: type, **texts: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        fill("mlp", cls, texts)
    return caught.value


def test_a_misspelt_parameter_is_answered_with_the_right_one_and_with_all_there_are():
    error = wrong(Mlp, hiden_dim="3")
    assert error.message.startswith("mlp has no parameter hiden_dim; did you mean hidden_dim")
    assert error.hint == "it takes in_dim: int = 512, hidden_dim: int = 2048, n_layers: int = 4"


def test_a_parameter_for_a_component_that_takes_none_is_an_error_that_says_so():
    @dataclass(frozen=True)
    class Nothing:
        pass

    error = wrong(Nothing, width="3")
    assert error.message == "mlp has no parameter width"
    assert error.hint == "it takes no parameters"


def test_what_is_not_given_has_its_default():
    assert fill("mlp", Mlp, {"hidden_dim": "64"}) == Mlp(hidden_dim=64)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "7", 7),
        ("count", "-3", -3),
        ("rate", "1e-3", 1e-3),
        ("rate", "2", 2.0),
        ("word", "12", "12"),
        ("word", "true", "true"),
        ("word", "", ""),
        ("mode", "max-autotune", "max-autotune"),
        ("path", "none", None),
        ("path", "/tmp/a=b", "/tmp/a=b"),
        ("maybe", "None", None),
        ("maybe", "yes", True),
        ("names", "a+b+c", ("a", "b", "c")),
        ("names", "a", ("a",)),
        ("names", "", ()),
        ("sizes", "3+4", (3, 4)),
        ("some", "x+y", ["x", "y"]),
    ],
)
def test_a_text_becomes_a_value_of_the_parameters_type(name, text, value):
    filled = getattr(fill("net", Many, {name: text}), name)
    assert filled == value
    assert type(filled) is type(value)


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "1"])
def test_each_word_for_true_is_true(word):
    assert fill("net", Many, {"flag": word}).flag is True


@pytest.mark.parametrize("word", ["false", "FALSE", "no", "off", "0"])
def test_each_word_for_false_is_false(word):
    assert fill("net", Many, {"flag": word}).flag is False


@pytest.mark.parametrize(
    ("name", "text", "message", "hint"),
    [
        ("count", "many", "count=many is no int", "count is int, e.g. mlp:count=1"),
        ("count", "2.5", "count=2.5 is no int", "e.g. mlp:count=1"),
        ("count", "none", "count=none is no int", "e.g. mlp:count=1"),
        ("rate", "fast", "rate=fast is no float", "e.g. mlp:rate=0.5"),
        ("flag", "maybe", "flag=maybe is no bool", "e.g. mlp:flag=false"),
        ("mode", "fastest", "mode=fastest is no 'default' | 'max-autotune'", "e.g. mlp:mode=default"),
        ("sizes", "3+x", "sizes=3+x is no int+...", "e.g. mlp:sizes=1+2"),
        ("maybe", "perhaps", "maybe=perhaps is no bool | None", "e.g. mlp:maybe=none"),
    ],
)
def test_a_value_of_the_wrong_type_is_answered_with_the_type_and_an_example(name, text, message, hint):
    error = wrong(Many, **{name: text})
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_that_json_cannot_hold_is_refused_before_it_becomes_null_in_the_results(text):
    assert "rate" in wrong(Many, rate=text).message


def test_what_the_component_itself_refuses_is_a_usage_error_with_its_own_words():
    error = wrong(Mlp, n_layers="0")
    assert error.message == "mlp: n_layers must be at least 1, not 0"
    assert "n_layers: int = 4" in error.hint


def test_parameters_are_shown_with_type_and_default_as_they_are_written():
    assert [str(p) for p in schema(Many)] == [
        "count: int = 1",
        "rate: float = 0.5",
        "flag: bool = false",
        "maybe: bool | None = none",
        "word: str = plain",
        "path: str | None = none",
        "mode: 'default' | 'max-autotune' = default",
        "names: str+... = ",
        "sizes: int+... = 1+2",
        "rates: float+... = ",
        "some: str+... = ",
    ]
    assert schema(Mlp)[0] == Parameter("in_dim", "int", 512)


def test_a_record_of_parameters_has_every_default_in_it():
    assert as_data(fill("mlp", Mlp, {"in_dim": "8"})) == {"in_dim": 8, "hidden_dim": 2048, "n_layers": 4}


_word = st.text(max_size=8).filter(lambda t: t.lower() not in ("none", "null"))
_item = st.text(min_size=1, max_size=8).filter(lambda t: "+" not in t)
_number = st.integers(-(2**63), 2**63 - 1)
_real = st.floats(allow_nan=False, allow_infinity=False)
_filled = st.builds(
    Many,
    count=_number,
    rate=_real,
    flag=st.booleans(),
    maybe=st.none() | st.booleans(),
    word=_word,
    path=st.none() | _word,
    mode=st.sampled_from(["default", "max-autotune"]),
    names=st.lists(_item, max_size=3).map(tuple),
    sizes=st.lists(_number, max_size=3).map(tuple),
    rates=st.lists(_real, max_size=3).map(tuple),
    some=st.lists(_item, max_size=3),
)


@given(_filled)
def test_stored_parameters_written_as_text_fill_the_same_parameters_again(params):
    # Children of a run get their parameters this way.
    texts = {name: text_of(value) for name, value in as_data(params).items()}
    again = fill("net", Many, texts)
    assert again == params
    assert math.copysign(1, again.rate) == math.copysign(1, params.rate)


@given(st.dictionaries(st.sampled_from([f.name for f in schema(Many)]), st.text(max_size=12)))
def test_any_text_fills_parameters_or_is_a_usage_error(texts):
    try:
        found = fill("net", Many, texts)
    except UsageError as error:
        found = error.message
    assert isinstance(found, Many) or found.startswith("net")


def test_parameters_must_be_a_frozen_dataclass_with_readable_types_and_defaults():
    class Plain:
        width: int = 3

    @dataclass
    class Thawed:
        width: int = 3

    @dataclass(frozen=True)
    class Required:
        width: int

    @dataclass(frozen=True)
    class Unreadable:
        width: "Nowhere" = 3  # type: ignore[name-defined]  # noqa: F821, UP037

    assert problem_with(Plain) == "Params must be a dataclass"
    assert problem_with({"width": 3}) == "Params must be a dataclass"
    assert problem_with(Mlp(1)) == "Params must be a dataclass"
    assert "frozen=True" in problem_with(Thawed)
    assert problem_with(Required) == "Params.width has no default"
    assert "cannot be read" in problem_with(Unreadable)
    assert problem_with(Mlp) is None
    assert problem_with(Many) is None


@dataclass(frozen=True)
class Ranged:
    width: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    depth: Annotated[int, msgspec.Meta(gt=0)] = 1
    rate: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] | None = None
    kind: Literal["plain", "fancy"] = "plain"
    bias: bool = True
    seed: int = 0


def test_a_range_is_shown_and_kept():
    assert [p.type for p in schema(Ranged)][:3] == ["int from 1 to 64", "int from 1", "float from 0.0 | None"]
    assert fill("net", Ranged, {"width": "64", "rate": "0.5"}) == Ranged(width=64, rate=0.5)
    assert fill("net", Ranged, {"rate": "none"}) == Ranged()
    for text in ("0", "65", "-1"):
        with pytest.raises(UsageError) as raised:
            fill("net", Ranged, {"width": text})
        assert f"width={text} is no int from 1 to 64" in raised.value.message


def test_what_is_tried_of_parameters_is_each_choice_and_both_ends_of_a_range():
    assert list(alternatives(Ranged)) == [
        ("width", "1"),
        ("width", "64"),
        ("rate", "0.0"),
        ("kind", "fancy"),
        ("bias", "false"),
    ]
