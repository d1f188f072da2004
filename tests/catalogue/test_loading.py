"""Third-party plugins: what loads, what is left out with one line that says why, what is blocked.

The distributions here only look installed: a folder on sys.path with a module and its dist-info.
"""

from __future__ import annotations

import textwrap

import pytest

from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.loading import describe, idle_blocks
from harness.errors import PluginError

TINY = """
import harness

class Tiny(harness.Model):
    name = "tiny"
    summary = "one linear layer"

@harness.hookimpl
def harness_models():
    yield Tiny()
"""


def problems(request: PluginRequest | None = None) -> list[str]:
    """One line for everything that was left out."""
    return [str(p) for p in Catalogue(load(request)).problems]


def names(request: PluginRequest | None = None, kind: str = "model") -> list[str]:
    return Catalogue(load(request)).names(kind)


def hook(body: str, prefix: str = "") -> str:
    """A plugin whose harness_models has this body."""
    head = (
        f"import harness\n{prefix}\nclass Tiny(harness.Model):\n    name = 'tiny'\n    summary = 'small'\n\n"
    )
    return (
        f"{head}@harness.hookimpl\ndef harness_models():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    )


def test_an_installed_plugin_is_found_by_its_entry_point(install):
    install(TINY, "harness-tiny", "2.1")
    catalogue = Catalogue(load())
    origin = catalogue.get("model", "tiny").origin
    assert (origin.distribution, origin.version, str(origin)) == ("harness-tiny", "2.1", "harness-tiny 2.1")
    assert catalogue.problems == []


def test_the_components_of_the_box_are_there_beside_a_plugins(install):
    install(TINY)
    assert {"tiny", "mlp", "cnn", "transformer"} <= set(names())


def test_a_plugin_that_cannot_be_imported_is_one_line_with_its_version_and_the_cause(install):
    install("import no_such_package_anywhere", "broken", "3.0")
    (line,) = problems()
    assert (
        line == "plugin broken 3.0 left out: ModuleNotFoundError: No module named 'no_such_package_anywhere'"
    )


def test_one_broken_plugin_takes_no_other_with_it(install):
    install("raise RuntimeError('no')", "aaa-broken")
    install(TINY, "zzz-tiny")
    assert "tiny" in names()
    assert len(problems()) == 1


def test_a_plugin_with_a_syntax_error_is_left_out_with_its_line(install):
    install("x = 1\ndef (:\n", "broken")
    (line,) = problems()
    assert "SyntaxError" in line
    assert "(broken.py, line 2)" in line


def test_a_plugin_that_ends_the_process_on_import_is_left_out_and_the_process_goes_on(install):
    install("import sys; sys.exit('goodbye')", "quitter")
    assert problems() == ["plugin quitter 1.0 left out: SystemExit: goodbye"]


def test_an_entry_point_whose_attribute_is_missing_is_left_out(install):
    file = install(TINY, "pointer")
    points = next(file.parent.glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[harness]\npointer = pointer:nothing\n")
    (line,) = problems()
    assert line.startswith("plugin pointer 1.0 left out: AttributeError")
    assert "nothing" in line


def test_a_misspelt_hook_is_answered_with_the_right_one(install):
    install(TINY.replace("def harness_models", "def harness_model"), "speller")
    (line,) = problems()
    assert line.startswith(
        "plugin speller 1.0 left out: unknown hook harness_model; did you mean harness_models"
    )


def test_a_misspelt_hook_beside_a_right_one_leaves_nothing_of_the_plugin_behind(install):
    install(TINY + "\n@harness.hookimpl\ndef harness_runers():\n    return []\n", "speller")
    assert "unknown hook harness_runers; did you mean harness_runners" in problems()[0]
    assert "tiny" not in names()


def test_a_hook_without_its_marker_is_named(install):
    install(TINY.replace("@harness.hookimpl\n", ""), "unmarked")
    (line,) = problems()
    assert line.endswith("it implements no hook (harness_models not marked with @harness.hookimpl)")


def test_a_package_without_any_hook_is_left_out(install):
    install("x = 1", "empty")
    assert problems() == ["plugin empty 1.0 left out: it implements no hook"]


def test_a_hook_with_a_wrong_argument_is_left_out_with_the_arguments_name(install):
    install(TINY.replace("harness_models()", "harness_models(config)"), "asker")
    (line,) = problems()
    assert line.startswith("plugin asker 1.0 left out:")
    assert "config" in line


def test_a_wrong_hook_leaves_nothing_of_the_plugin_behind(install):
    # pluggy registers hook by hook, in alphabetical order, before it finds the wrong one.
    install(TINY + "\n@harness.hookimpl\ndef harness_runners(config):\n    return []\n", "half")
    (line,) = problems()
    assert "config" in line
    assert "tiny" not in names()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("yield Tiny", "yield an instance, not the class: Tiny()"),
        ("yield 'tiny'", "str is no harness.Model"),
        ("class Loud(Tiny):\n    name = 'Tiny'\nyield Loud()", "Loud.name must be lower case letters"),
        ("class Bad(Tiny):\n    name = 'a:b'\nyield Bad()", "Bad.name must be lower case letters"),
        ("class Bad(harness.Model):\n    summary = 's'\nyield Bad()", "Bad.name must be lower case letters"),
        ("class Bad(harness.Model):\n    name = 'bad'\nyield Bad()", "Bad.summary must be one line of text"),
        ("class Bad(Tiny):\n    aliases = ('A B',)\nyield Bad()", "Bad.aliases must be such names too"),
        ("class Bad(Tiny):\n    Params = dict\nyield Bad()", "Params must be a dataclass"),
        ("return Tiny()", "'Tiny' object is not iterable"),
        ("return 3", "'int' object is not iterable"),
        ("raise SystemExit('goodbye')", "SystemExit: goodbye"),
    ],
)
def test_what_is_no_component_is_left_out_with_the_hook_and_the_reason(install, body, said):
    install(hook(body), "odd")
    (line,) = problems()
    assert line.startswith("plugin odd 1.0 left out: harness_models: ")
    assert said in line


def test_a_hook_that_returns_nothing_adds_nothing(install):
    install(hook("return None"), "idle")
    assert problems() == []


@pytest.mark.parametrize("tolerance", ["0", "-1e-3", "0.51", "float('nan')", "'0.1'", "None"])
def test_a_precision_with_a_tolerance_that_proves_nothing_is_left_out(install, tolerance):
    install(
        "import harness\n"
        "class Loose(harness.Precision):\n"
        f"    name = 'loose'\n    summary = 'anything goes'\n    tolerance = {tolerance}\n"
        "@harness.hookimpl\ndef harness_precisions():\n    yield Loose()\n",
        "loose",
    )
    (line,) = problems()
    assert "tolerance must be above 0 and at most 0.5" in line
    assert "loose" not in names(kind="precision")


def test_a_precision_without_a_tolerance_is_left_out(install):
    install(
        "import harness\n"
        "class Loose(harness.Precision):\n    name = 'loose'\n    summary = 'anything goes'\n"
        "@harness.hookimpl\ndef harness_precisions():\n    yield Loose()\n",
        "loose",
    )
    assert "tolerance must be above 0" in problems()[0]


def test_a_generator_that_breaks_half_way_keeps_what_it_gave_before(install):
    install(hook("yield Tiny()\nraise ValueError('half way')"), "half")
    assert problems() == ["plugin half 1.0 left out: harness_models: ValueError: half way"]
    assert "tiny" in names()


def test_a_generator_without_end_is_stopped_and_the_rest_is_usable(install):
    install(hook("while True:\n    yield Tiny()"), "endless")
    catalogue = Catalogue(load())
    assert any("harness_models yields without end" in str(p) for p in catalogue.problems)
    assert len(catalogue.of_kind("model")) < 10
    assert catalogue.get("model", "mlp").name == "mlp"


def test_a_name_yielded_twice_by_one_plugin_is_there_once(install):
    install(hook("yield Tiny()\nyield Tiny()"), "twin")
    catalogue = Catalogue(load())
    assert catalogue.get("model", "tiny").name == "tiny"
    assert "yields model 'tiny' twice" in str(catalogue.problems[0])


# ---- blocking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tinyentry", "harness-tiny"])
def test_a_plugin_is_blocked_by_the_name_of_its_entry_point_or_of_its_distribution(install, name):
    install(TINY, "harness-tiny", entry="tinyentry")
    assert "tiny" in names()
    request = PluginRequest.from_options([f"no:{name}"])
    assert "tiny" not in names(request)
    assert problems(request) == []


def test_blocking_what_is_not_there_is_told_with_a_near_name(install):
    install(TINY, "harness-tiny", entry="tinyentry")
    said = idle_blocks(
        PluginRequest.from_options(["no:tinyentr", "no:harness-tiny", "no:harness_plugins.models"])
    )
    assert len(said) == 1
    assert said[0].startswith("--plugin no:tinyentr leaves nothing out")
    assert "did you mean tinyentry" in said[0]


def test_a_blocked_plugin_is_not_even_imported(install):
    install("raise RuntimeError('imported')", "broken")
    assert problems(PluginRequest.from_options(["no:broken"])) == []


def test_no_plugin_of_anybody_is_loaded_when_the_variable_says_so(install, monkeypatch):
    install("raise RuntimeError('imported')", "broken")
    monkeypatch.setenv("HARNESS_NO_PLUGINS", "1")
    assert problems() == []
    assert "mlp" in names()


# ---- --plugin ------------------------------------------------------------------------------------


def test_a_plugin_file_is_loaded_for_one_call_and_known_by_its_digest(install, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TINY)
    catalogue = Catalogue(load(PluginRequest.from_options([str(file)])))
    origin = catalogue.get("model", "tiny").origin
    assert origin.source == f"file:{file}"
    assert len(origin.digest) == 16
    assert str(origin) == "mine.py"
    assert "tiny" not in names()


def test_a_relative_plugin_file_is_found_by_children_in_other_folders(install, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    request = PluginRequest.from_options(["mine.py"])
    monkeypatch.chdir("/")
    assert "tiny" in names(request)


def test_the_same_plugin_file_named_twice_is_loaded_once(install, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TINY)
    assert Catalogue(load(PluginRequest.from_options([str(file), str(file)]))).get("model", "tiny")


def test_an_installed_plugin_that_is_also_named_by_option_is_loaded_once(install):
    install(TINY, "tinymodule")
    request = PluginRequest.from_options(["tinymodule"])
    assert Catalogue(load(request)).get("model", "tiny").origin.distribution == "tinymodule"


def test_a_plugin_module_is_loaded_by_its_dotted_name(install, tmp_path, monkeypatch):
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "loosemodule.py").write_text(TINY)
    monkeypatch.syspath_prepend(str(folder))
    install.modules.add("loosemodule")
    assert (
        Catalogue(load(PluginRequest(("loosemodule",)))).get("model", "tiny").origin.source
        == "module:loosemodule"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def (:", "SyntaxError"),
        ("x = 1", "it implements no hook"),
        ("raise OSError('no disk')", "OSError: no disk"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_plugin_file_that_was_asked_for_is_an_error_and_no_warning(install, tmp_path, source, said):
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(PluginError) as caught:
        load(PluginRequest.from_options([str(file)]))
    assert caught.value.message.startswith(f"--plugin {file}: ")
    assert said in caught.value.message


def test_a_plugin_file_that_does_not_exist_is_an_error_with_the_systems_words(install, tmp_path):
    with pytest.raises(PluginError, match="No such file or directory"):
        load(PluginRequest.from_options([str(tmp_path / "absent.py")]))


def test_a_plugin_file_that_broke_can_be_mended_and_loaded_again_in_the_same_process(install, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("raise OSError('no disk')")
    with pytest.raises(PluginError):
        load(PluginRequest.from_options([str(file)]))
    file.write_text(TINY)
    assert "tiny" in names(PluginRequest.from_options([str(file)]))


def test_only_the_plugins_that_are_needed_are_loaded_into_a_child(install, tmp_path):
    install("raise RuntimeError('imported')", "broken")
    file = tmp_path / "mine.py"
    file.write_text(TINY)
    loaded = load(PluginRequest.from_options([str(file)]), only=[f"file:{file}"])
    assert loaded.problems == []
    assert "tiny" in Catalogue(loaded).names("model")
    assert "tiny" not in Catalogue(load(PluginRequest.from_options([str(file)]), only=[])).names("model")


# ---- two providers of one name -------------------------------------------------------------------


def test_two_distributions_with_entry_points_of_the_same_name_are_both_loaded(install):
    install(TINY, "one-dist", entry="models")
    install(TINY.replace('"tiny"', '"small"'), "other-dist", entry="models")
    assert {"tiny", "small"} <= set(names())
    assert problems() == []


def test_what_a_device_says_is_told_without_the_advice_that_follows():
    error = RuntimeError(
        "CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert' in the documentation for more.\n"
        "CUDA kernel errors might be asynchronously reported at some other API call.\n"
    )
    assert describe(error) == "RuntimeError: CUDA error: device-side assert triggered"
