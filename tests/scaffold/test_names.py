"""A name for a package is good or refused in one line, before anything is written."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import registry
from harness.components import KINDS
from harness.errors import UsageError
from harness.scaffold.names import names_of


@pytest.mark.parametrize(
    ("text", "distribution", "module", "component", "class_name"),
    [
        ("harness-example", "harness-example", "harness_example", "example", "ExampleModel"),
        ("example", "harness-example", "harness_example", "example", "ExampleModel"),
        ("Harness_Big.Model", "harness-big-model", "harness_big_model", "big-model", "BigModelModel"),
        ("harness-3d", "harness-3d", "harness_3d", "3d", "Harness3dModel"),
    ],
)
def test_every_name_is_made_of_the_one_that_is_given(text, distribution, module, component, class_name):
    names = names_of(text, ["model"])
    assert (names.distribution, names.module, names.component) == (distribution, module, component)
    assert names.class_name("model") == class_name


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "-x", "x-", "ä", "../up", "a/b", "$x", 'x"', "x\n", "x" * 37, "harness-", "x'; y"],
)
def test_what_is_no_name_of_a_package_is_refused(text):
    with pytest.raises(UsageError, match="is no name for a package") as caught:
        names_of(text, ["model"])
    assert caught.value.hint == "for example harness-example"


@pytest.mark.parametrize("text", ["class", "3d", "import"])
def test_what_makes_no_module_is_refused_with_a_name_that_does(text):
    with pytest.raises(UsageError, match="makes no module that Python can import") as caught:
        names_of(text, ["model"])
    again = caught.value.hint.removeprefix("try ")
    assert names_of(again, ["model"]).distribution == again


@pytest.mark.parametrize("text", ["harness-class", "harness_lambda"])
def test_a_word_of_python_is_no_name_of_what_a_package_brings(text):
    with pytest.raises(UsageError, match="is a word of Python") as caught:
        names_of(text, ["model"])
    again = caught.value.hint.removeprefix("try ")
    assert names_of(again, ["model"]).distribution == again


@pytest.mark.parametrize("text", ["json", "msvcrt"])
def test_no_package_hides_a_module_of_python_here_or_elsewhere(text):
    with pytest.raises(UsageError, match=f"would hide the module '{text}' of Python itself") as caught:
        names_of(text, ["model"])
    assert caught.value.hint == f"try harness-{text}"


@pytest.mark.parametrize("text", ["tests", "dist", "Results"])
def test_what_is_a_folder_of_every_package_is_no_name_of_its_module(text):
    with pytest.raises(UsageError, match="is the name of a folder beside the module") as caught:
        names_of(text, ["model"])
    assert caught.value.hint == f"try harness-{text.lower()}"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("torch", "model", "torch .* is installed already"),
        ("pytorch-inference-lab", "model", "is installed already"),
        ("harness", "model", "there is a module 'harness' already"),
        ("harness-plugins", "model", "there is a module 'harness_plugins' already"),
        ("harness-mlp", "model", "the box has a model 'mlp' already"),
        ("mlp", "model", "the box has a model 'mlp' already"),
        ("harness-fp16", "precision", "the box has a precision 'fp16' already"),
        ("harness-all", "model", "'all' stands for every component"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_another(text, kind, said):
    with pytest.raises(UsageError, match=said) as caught:
        names_of(text, [kind])
    assert caught.value.hint.startswith("choose another name, for example harness-my-")


def test_a_name_of_the_box_is_free_for_another_kind():
    assert names_of("harness-mlp", ["runner"]).component == "mlp"


def test_a_published_plugin_s_name_is_refused_with_its_command(monkeypatch):
    known = [{"distribution": "harness-example", "install": "pip install harness-example"}]
    monkeypatch.setattr(registry, "known_plugins", lambda: known)
    with pytest.raises(UsageError, match="published already: pip install harness-example"):
        names_of("Harness.Example", ["model"])


@given(st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True))
def test_whatever_is_given_no_name_has_a_character_that_means_something_in_a_file(text):
    try:
        names = names_of(text, KINDS)
    except UsageError:
        return
    assert set(names.distribution + names.component) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert names.module.isidentifier() and not keyword.iskeyword(names.module)
    for kind in KINDS:
        assert names.class_name(kind).isidentifier()
