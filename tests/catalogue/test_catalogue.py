"""The catalogue answers for names: one provider, two, an alias, or none with what helps to go on."""

from __future__ import annotations

import pytest

from harness import registry
from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.specs import Spec, parse
from harness.catalogue.suggest import listing, suggestion
from harness.errors import AmbiguousName, UnknownName, UsageError

MODEL = """
import harness

class Mine(harness.Model):
    name = "{name}"
    summary = "a model"
    aliases = {aliases}

@harness.hookimpl
def harness_models():
    yield Mine()
"""


@pytest.fixture(scope="module")
def box() -> Catalogue:
    """The components of the box alone."""
    return Catalogue(load(only=()))


def test_the_box_has_three_models_seven_precisions_four_runners_and_four_reporters(box):
    assert box.names("model") == ["cnn", "mlp", "transformer"]
    floats = ["bf16-amp", "bf16-true", "fp16-amp", "fp16-true", "fp32"]
    assert box.names("precision") == [*floats, "int8-dynamic", "tf32"]
    assert box.names("runner") == ["compile", "cudagraph", "eager", "onnxruntime"]
    assert box.names("reporter") == ["csv", "json", "markdown", "table"]
    assert box.problems == []


@pytest.mark.parametrize(("alias", "name"), [("fp16", "fp16-amp"), ("bf16", "bf16-amp")])
def test_the_short_words_for_autocast_are_accepted(box, alias, name):
    assert box.get("precision", alias).name == name


def test_an_unknown_name_is_answered_with_near_names_and_the_list(box):
    with pytest.raises(UnknownName) as caught:
        box.get("model", "transfomer")
    assert caught.value.message == "there is no model 'transfomer'; did you mean transformer?"
    assert caught.value.hint == "models here: cnn, mlp, transformer"


def test_at_most_three_names_are_suggested(box):
    with pytest.raises(UnknownName) as caught:
        box.get("precision", "fp")
    suggested = caught.value.message.partition("did you mean ")[2].rstrip("?").split(", ")
    assert len(suggested) == 3
    assert set(suggested) <= set(box.names("precision"))


def test_a_name_like_nothing_here_gets_no_suggestion_but_the_list(box):
    with pytest.raises(UnknownName) as caught:
        box.get("runner", "zzz")
    assert caught.value.message == "there is no runner 'zzz'"
    assert "compile, cudagraph, eager, onnxruntime" in caught.value.hint


def test_an_unknown_name_with_parameters_is_quoted_without_them(box):
    with pytest.raises(UnknownName, match="there is no model 'mpl'; did you mean mlp"):
        box.get("model", parse("mpl:hidden_dim=3", "model"))


def test_the_install_command_is_shown_where_a_published_plugin_provides_the_name(box, monkeypatch):
    known = {
        "distribution": "harness-openvino",
        "install": "pip install harness-openvino",
        "runners": ["openvino"],
    }
    monkeypatch.setattr(registry, "known_plugins", lambda: [known])
    with pytest.raises(UnknownName) as caught:
        box.get("runner", "openvino")
    assert caught.value.hint == "harness-openvino provides it: pip install harness-openvino"


def test_a_broken_plugin_is_named_where_a_name_is_missing(install):
    install("raise RuntimeError('no')", "broken", "1.2")
    with pytest.raises(UnknownName) as caught:
        Catalogue(load()).get("model", "absent")
    assert "plugin broken 1.2 left out: RuntimeError: no" in caught.value.hint


def test_parameters_are_filled_when_a_component_is_asked_for_with_them(box):
    provided, params = box.fill("model", parse("mlp:hidden_dim=64", "model"))
    assert (provided.name, params.hidden_dim, params.in_dim) == ("mlp", 64, 512)
    with pytest.raises(UsageError, match="did you mean hidden_dim"):
        box.fill("model", parse("mlp:hiden_dim=3", "model"))


# ---- two providers of one name -------------------------------------------------------------------


@pytest.fixture
def two(install) -> Catalogue:
    """A catalogue in which two distributions provide the model `twin`."""
    install(MODEL.format(name="twin", aliases=()), "dist-a", "1.0")
    install(MODEL.format(name="twin", aliases=()), "dist-b", "2.5")
    return Catalogue(load())


def test_a_doubled_name_is_an_error_that_names_both_providers_with_their_versions(two):
    with pytest.raises(AmbiguousName) as caught:
        two.get("model", "twin")
    assert caught.value.message == "model 'twin' is provided by dist-a 1.0 and dist-b 2.5"
    assert "dist-b/twin" in caught.value.hint
    assert "--plugin no:dist-b" in caught.value.hint


def test_a_doubled_name_harms_nobody_who_does_not_ask_for_it(two):
    assert two.get("model", "mlp").name == "mlp"
    assert two.problems == []
    assert [str(p.origin) for p in two.of_kind("model") if p.name == "twin"] == ["dist-a 1.0", "dist-b 2.5"]


@pytest.mark.parametrize("distribution", ["dist-a", "dist-b"])
def test_the_distribution_before_a_slash_picks_one_of_two_providers(two, distribution):
    assert two.get("model", parse(f"{distribution}/twin", "model")).origin.distribution == distribution


def test_a_distribution_that_does_not_provide_the_name_is_an_unknown_name(two):
    with pytest.raises(UnknownName, match="there is no model 'dist-c/twin'"):
        two.get("model", Spec("twin", distribution="dist-c"))


def test_leaving_one_provider_out_decides_for_the_other(two):
    catalogue = Catalogue(load(PluginRequest.from_options(["no:dist-b"])))
    assert catalogue.get("model", "twin").origin.distribution == "dist-a"


def test_a_plugin_may_not_take_a_name_of_the_box_in_silence(install):
    install(MODEL.format(name="mlp", aliases=()), "dist-a", "1.0")
    catalogue = Catalogue(load())
    with pytest.raises(AmbiguousName, match=r"harness_plugins\.models and dist-a 1\.0"):
        catalogue.get("model", "mlp")
    assert catalogue.get("model", parse("dist-a/mlp", "model")).origin.distribution == "dist-a"
    assert catalogue.get("model", parse("harness_plugins.models/mlp", "model")).origin.distribution is None


def test_a_plugin_file_that_doubles_a_name_can_be_picked_or_left_out_as_the_hint_says(install, tmp_path):
    install(MODEL.format(name="twin", aliases=()), "dist-a", "1.0")
    file = tmp_path / "mine.py"
    file.write_text(MODEL.format(name="twin", aliases=()))
    with pytest.raises(AmbiguousName) as caught:
        Catalogue(load(PluginRequest((str(file),)))).get("model", "twin")
    assert caught.value.message == "model 'twin' is provided by dist-a 1.0 and mine.py"
    assert caught.value.hint == "say whose: mine.py/twin; or leave one out: --plugin no:mine.py"
    request = PluginRequest((str(file),))
    assert Catalogue(load(request)).get("model", parse("mine.py/twin", "model")).origin.plugin == "mine.py"
    request = PluginRequest.from_options([str(file), "no:mine.py"])
    assert Catalogue(load(request)).get("model", "twin").origin.distribution == "dist-a"


def test_an_alias_that_is_another_plugins_name_is_told_apart_like_a_name(install):
    install(MODEL.format(name="twin", aliases=("mlp",)), "dist-a", "1.0")
    with pytest.raises(AmbiguousName):
        Catalogue(load()).get("model", "mlp")


def test_an_alias_equal_to_the_components_own_name_is_no_second_provider(install):
    install(MODEL.format(name="twin", aliases=("twin", "pair", "pair")), "dist-a", "1.0")
    catalogue = Catalogue(load())
    assert catalogue.get("model", "twin").name == "twin"
    assert catalogue.get("model", "pair").name == "twin"


# ---- suggestions ---------------------------------------------------------------------------------


def test_the_beginning_of_a_name_suggests_it():
    assert suggestion("trans", ["transformer", "mlp"]) == "; did you mean transformer?"


def test_capital_letters_are_no_reason_to_suggest_nothing():
    assert suggestion("MLP", ["mlp", "cnn"]) == "; did you mean mlp?"


def test_a_long_list_of_names_is_cut_and_counted():
    assert listing([f"n{k:02}" for k in range(25)]).endswith("n19, and 5 more")


def test_a_catalogue_of_one_kind_calls_no_other_hook(install):
    install(
        "import harness\n\n@harness.hookimpl\ndef harness_models():\n    raise RuntimeError('called')\n\n"
        "class Lines(harness.Reporter):\n    name = 'lines'\n    summary = 'lines'\n\n"
        "@harness.hookimpl\ndef harness_reporters():\n    yield Lines()\n"
    )
    assert "called" in str(Catalogue(load()).problems[0])
    reporters = Catalogue(load(), kinds=("reporter",))
    assert reporters.problems == []
    assert "lines" in reporters.names("reporter")
    assert reporters.names("model") == []
