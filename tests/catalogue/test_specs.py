"""What a user writes to name components: `mlp:hidden_dim=4096,n_layers=8,cnn`."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue.specs import Spec, parse, parse_all, split_list
from harness.errors import UsageError

_names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True).filter(
    lambda n: not n.endswith((".py", ".onnx", ".pt2", ".pt"))
)
_keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_texts = st.text(max_size=12).filter(lambda t: "," not in t and t == t.strip())
_specs = st.builds(
    Spec,
    name=_names,
    values=st.lists(st.tuples(_keys, _texts), max_size=3, unique_by=lambda kv: kv[0]).map(tuple),
    distribution=st.none() | _names,
)


def test_a_comma_starts_a_new_name_unless_key_value_follows():
    assert parse_all(["mlp:hidden_dim=4096,n_layers=8,cnn"], "model") == [
        Spec("mlp", (("hidden_dim", "4096"), ("n_layers", "8"))),
        Spec("cnn"),
    ]


def test_names_without_parameters_are_separated_by_commas():
    assert [s.name for s in parse_all(["mlp,cnn", "transformer"], "model")] == ["mlp", "cnn", "transformer"]


def test_parameters_after_a_second_name_belong_to_it():
    assert split_list("mlp:hidden_dim=1,cnn:num_classes=2,in_channels=1") == [
        "mlp:hidden_dim=1",
        "cnn:num_classes=2,in_channels=1",
    ]


def test_a_plus_joins_a_list_inside_a_value():
    (spec,) = parse_all(["onnxruntime:providers=CUDAExecutionProvider+CPUExecutionProvider"], "runner")
    assert spec.values == (("providers", "CUDAExecutionProvider+CPUExecutionProvider"),)


def test_a_distribution_before_a_slash_says_whose_component_is_meant():
    assert parse("harness-extra/mlp:width=3", "model") == Spec("mlp", (("width", "3"),), "harness-extra")


def test_spaces_around_keys_and_values_do_not_matter():
    assert parse(" mlp : hidden_dim = 64 , n_layers = 2 ", "model") == parse(
        "mlp:hidden_dim=64,n_layers=2", "model"
    )
    assert parse_all(["mlp, cnn"], "model") == parse_all(["mlp,cnn"], "model")


def test_a_value_may_hold_colons_equals_signs_and_slashes():
    assert parse("net:url=http://host:80/a=b", "model").values == (("url", "http://host:80/a=b"),)


def test_the_same_name_twice_is_measured_once():
    assert len(parse_all(["mlp,mlp", "mlp"], "model")) == 1


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "empty model name", None),
        (":a=1", "empty model name", None),
        ("mlp:", "nothing follows the colon", "mlp:key=value"),
        (
            "hidden_dim=4",
            "'hidden_dim=4' is a parameter and no model",
            "parameters follow a colon: NAME:hidden_dim=4",
        ),
        ("mlp:8", "'8' in 'mlp:8' is no key=value", "mlp:key=value"),
        (
            "nets:build",
            "'build' in 'nets:build' is no key=value",
            "what makes a model in a file is FILE.py:build",
        ),
        ("mlp:a=1,", "is no key=value", "mlp:key=value"),
        ("mlp:=3", "is no key=value", "mlp:key=value"),
        ("mlp:a=1,a=2", "'a' is given twice", None),
        ("net.py", "is a file, not the name of a model", "net.py:NAME; a plugin is loaded with --plugin"),
        ("./net", "is a file, not the name of a model", "--plugin FILE"),
        ("net.pt:batch=3", "is a file, not the name of a model", "--plugin FILE"),
        ("a/b/c", "is a file, not the name of a model", "--plugin FILE"),
        ("dist/", "no model name in 'dist/'", "distribution/name"),
    ],
)
def test_a_wrong_specification_is_answered_with_what_is_wrong_and_how_to_write_it(text, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(text, "model")
    assert message in caught.value.message
    if hint is not None:
        assert hint in caught.value.hint


def test_a_comma_too_many_is_an_error_and_not_an_empty_model():
    with pytest.raises(UsageError, match="empty model name"):
        parse_all(["mlp,,cnn"], "model")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (r"net:a=C:\dir,b=1", [("a", r"C:\dir"), ("b", "1")]),
        (r"net:a=1\,2,b=1", [("a", "1,2"), ("b", "1")]),
        (r"net:a=dir\\,b=1", [("a", "dir\\"), ("b", "1")]),
        ("net:a=dir\\", [("a", "dir\\")]),
    ],
)
def test_a_backslash_is_itself_but_before_a_comma(text, values):
    assert list(parse(text, "model").values) == values


@given(_specs)
def test_a_specification_written_out_is_read_back_the_same(spec):
    assert parse(str(spec), "model") == spec


@given(st.lists(_specs, min_size=1, max_size=4, unique=True))
def test_a_list_written_out_is_read_back_the_same(specs):
    assert parse_all([",".join(map(str, specs))], "model") == specs


@given(st.text(max_size=40))
def test_any_text_is_a_specification_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        assert all(s.name for s in parse_all([text], "model"))


def test_a_file_without_its_ending_is_answered_with_it(tmp_path, monkeypatch):
    (tmp_path / "models2.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        parse("models2:build", "model")
    assert caught.value.hint == "models2.py is a file: write models2.py:build"


def test_a_backslash_keeps_a_comma_in_a_file_name_or_a_value():
    first, second = parse_all([r"in\,b/a\,b[1].py:build:words=x\,y,cnn"], "model")
    assert (first.target.where, first.target.attribute) == ("in,b/a,b[1].py", "build")
    assert (first.name, dict(first.values)) == ("a,b[1].py:build", {"words": "x,y"})
    assert second.name == "cnn"
    assert first.target.text == r"in\,b/a\,b[1].py:build"
    (exported,) = parse_all([r"a\,b.onnx"], "model")
    assert exported.target.where == "a,b.onnx"


def test_a_bare_comma_in_the_name_of_a_file_is_told_with_how_to_write_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [s.name for s in parse_all(["a,b.py:build"], "model")] == ["a", "b.py:build"]
    (tmp_path / "a,b.py").write_text("")
    with pytest.raises(UsageError) as caught:
        parse_all(["a,b.py:build"], "model")
    assert (
        caught.value.message == "'a,b.py:build': a comma separates names, and 'a,b.py' is the name of a file"
    )
    assert r"'a\,b.py:build'" in caught.value.hint
    assert [s.name for s in parse_all([r"a\,b.py:build"], "model")] == ["a,b.py:build"]
