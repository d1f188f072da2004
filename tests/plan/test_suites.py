"""Suites in TOML, and the options of the command that replace their axes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.errors import UsageError
from harness.jobs import Matrix
from harness.plan.suites import Aims, Axes, Suite, find, matrices, parse

GOOD = """
summary = "two models"
[[matrix]]
model = ["mlp", "cnn:num_classes=100"]
runner = ["eager", "compile:mode=max-autotune"]
precision = ["fp32"]
batch_size = [1, 64]
exclude = [{ runner = "compile", batch_size = 1 }]
include = [{ model = "transformer", batch_size = 8 }]
"""


def wrong(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse("mine", text)
    return caught.value


def test_a_suite_is_a_summary_and_matrices():
    suite = parse("mine", GOOD)
    assert (suite.name, suite.summary) == ("mine", "two models")
    assert suite.matrices == [
        Matrix(
            model=["mlp", "cnn:num_classes=100"],
            runner=["eager", "compile:mode=max-autotune"],
            precision=["fp32"],
            batch_size=[1, 64],
            exclude=[{"runner": "compile", "batch_size": 1}],
            include=[{"model": "transformer", "batch_size": 8}],
        )
    ]


def test_a_suite_may_say_how_long_it_goes_on_and_how_sure_it_is_to_be():
    assert parse("mine", "passes = 4\n[[matrix]]").aims == Aims("4")
    text = 'passes = "3..6"\nuntil = "10%"\nfurther_s = 30\n[[matrix]]'
    assert parse("mine", text).aims == Aims("3..6", "10%", 30.0)
    assert parse("mine", GOOD).aims == Aims()
    assert parse("mine", "until = 0.1\n[[matrix]]").aims == Aims(until="0.1")


def test_a_single_value_needs_no_brackets():
    assert parse("mine", "[[matrix]]\nmodel = 'mlp'\nbatch_size = 4").matrices[0].batch_size == [4]


@pytest.mark.parametrize("name", registry.suite_names())
def test_every_suite_in_the_box_can_be_read_and_says_what_it_is(name):
    suite = find(name)
    assert suite.summary
    assert suite.matrices


def test_a_misspelt_suite_is_answered_with_the_right_one_and_all_there_are():
    with pytest.raises(UsageError) as caught:
        find("defualt")
    assert caught.value.message == "there is no suite 'defualt'; did you mean default?"
    assert "default" in caught.value.hint
    assert "a file ending in .toml" in caught.value.hint


def test_a_suite_file_is_found_by_its_path_and_named_in_its_errors(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    assert find(str(file)).name == "mine"
    file.write_text("modle = 3")
    with pytest.raises(UsageError, match=r"mine\.toml: unknown key 'modle'"):
        find(str(file))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_suite_file_that_cannot_be_read_is_a_usage_error(tmp_path, content):
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"mine\.toml"):
        find(str(file))


def test_a_folder_is_no_suite(tmp_path):
    with pytest.raises(UsageError):
        find(str(tmp_path))


def test_an_unknown_key_is_an_error_that_names_it_and_the_near_one():
    error = wrong("[[matrix]]\nmodel = ['mlp']\nbatchsize = [1]")
    assert error.message == "suite mine: matrix 1: unknown key 'batchsize'; did you mean batch_size?"
    assert "batch_size" in error.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = [", "suite mine:"),
        ("", "no [[matrix]] in it"),
        ("matrix = []", "no [[matrix]] in it"),
        ("matrix = 'mlp'", "no [[matrix]] in it"),
        ("[matrix]\nmodel = 'mlp'", "no [[matrix]] in it"),
        ("matrix = [1]", "matrix 1 is no table"),
        ("summary = 3\n[[matrix]]", "summary must be text"),
        ("passes = true\n[[matrix]]", "passes must be text or a number, as --passes takes it"),
        ("until = [1]\n[[matrix]]", "until must be text or a number"),
        ("further_s = '5'\n[[matrix]]", "further_s must be a number of seconds"),
        ("further_s = -1\n[[matrix]]", "further_s must be a number of seconds from 0 on"),
        ("[[matrix]]\nmodel = []", "model is empty"),
        ("[[matrix]]\nmodel = [3]", "3 is no text"),
        ("[[matrix]]\nmodel = ['']", "'' is no text"),
        ("[[matrix]]\nbatch_size = [0]", "0 is no whole number above 0"),
        ("[[matrix]]\nbatch_size = [true]", "True is no whole number"),
        ("[[matrix]]\nbatch_size = ['4']", "'4' is no whole number"),
        ("[[matrix]]\nthreads = 2.5", "2.5 is no whole number"),
        ("[[matrix]]\nexclude = 'compile'", "exclude must be a list of tables"),
        ("[[matrix]]\nexclude = [{}]", "exclude must be a list of tables"),
        ("[[matrix]]\nexclude = [{ runer = 'compile' }]", "unknown key 'runer'; did you mean runner?"),
        (
            "[[matrix]]\n[[matrix]]\ninclude = [{ batch_size = 'x' }]",
            "matrix 2: include: 'x' is no whole number",
        ),
    ],
)
def test_whatever_is_wrong_in_a_suite_is_one_line_that_says_where(text, said):
    assert said in wrong(text).message


def suite_or_message(text: str) -> Suite | str:
    """The suite, or what is wrong with it; any other exception is a failure of the test."""
    try:
        return parse("mine", text)
    except UsageError as error:
        return error.message


def toml(value: object) -> str:
    """JSON's plain values are TOML's too; tables are written inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


_plain = (
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | st.text("mlpcnx:=,", max_size=6)
)
_keys = st.sampled_from(["model", "runner", "precision", "batch_size", "device", "threads"]) | st.text(
    max_size=4
)
_values = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=2),
    max_leaves=6,
)
_tables = st.dictionaries(_keys | st.sampled_from(["exclude", "include"]), _values, max_size=4)


@given(
    st.dictionaries(st.sampled_from(["summary", "matrix", "other"]), _values | st.lists(_tables, max_size=2))
)
def test_any_table_is_a_suite_or_a_usage_error(data):
    text = "\n".join(f"{key} = {toml(value)}" for key, value in data.items())
    suite = suite_or_message(text)
    if isinstance(suite, str):
        assert suite.startswith("suite mine")
    else:
        assert all(isinstance(b, int) and b > 0 for m in suite.matrices for b in m.batch_size)
        assert all(
            isinstance(t, str) and t for m in suite.matrices for t in (*m.model, *m.runner, *m.precision)
        )


@given(st.text(max_size=60))
def test_any_text_is_a_suite_or_a_usage_error(text):
    found = suite_or_message(text)
    assert isinstance(found, Suite) or found.startswith("suite mine")


@pytest.mark.parametrize(
    "text", ["a = " + "1" * 5000, "a = " + "[" * 5000], ids=["endless number", "endless nesting"]
)
def test_what_pythons_toml_reader_gives_up_on_is_a_usage_error_too(text):
    assert wrong(text).message.startswith("suite mine")


# ---- options -------------------------------------------------------------------------------------


def test_options_may_be_repeated_and_may_hold_lists():
    axes = Axes.from_texts(model=("mlp:hidden_dim=64,cnn", "transformer"), batch_size=("1,4", "16"))
    assert axes.model == ("mlp:hidden_dim=64", "cnn", "transformer")
    assert axes.batch_size == (1, 4, 16)
    assert axes.given().keys() == {"model", "batch_size"}


@pytest.mark.parametrize("text", ["0", "-1", "2.5", "many", "", "1000001", "1,,2"])
def test_a_batch_size_that_is_none_is_an_error_that_says_the_range(text):
    with pytest.raises(UsageError) as caught:
        Axes.from_texts(batch_size=(text,))
    assert "is no batch size" in caught.value.message
    assert caught.value.hint == "a whole number from 1 to 1000000"


def test_a_number_of_threads_that_is_none_is_an_error():
    with pytest.raises(UsageError, match="'0' is no number of threads"):
        Axes.from_texts(threads=("0",))


def test_an_option_replaces_the_axis_of_every_matrix_of_a_suite_and_leaves_the_others():
    suite = parse("mine", GOOD + "[[matrix]]\nmodel = 'mlp'\nbatch_size = 128")
    first, second = matrices(Axes(batch_size=(2, 3)), suite)
    assert first.batch_size == second.batch_size == [2, 3]
    assert first.model == ["mlp", "cnn:num_classes=100"]
    assert first.exclude == [{"runner": "compile", "batch_size": 1}]


def test_an_option_replaces_the_axis_of_what_is_included_by_hand_too():
    (matrix,) = matrices(Axes(batch_size=(2, 3)), parse("mine", GOOD))
    assert matrix.include == [{"model": "transformer", "batch_size": 2}]


def test_a_suite_without_options_is_taken_as_it_is():
    suite = parse("mine", GOOD)
    assert matrices(Axes(), suite) == suite.matrices


def test_without_a_suite_an_axis_that_is_not_given_has_its_default():
    (matrix,) = matrices(Axes(runner=("compile",)), None)
    assert (matrix.model, matrix.runner, matrix.precision) == (["mlp"], ["compile"], ["fp32"])
    assert matrix.batch_size == [1, 4, 16, 64]
