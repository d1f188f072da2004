"""The registry is what its generator would write, and its suites say what they do."""

from pathlib import Path

from harness import registry
from harness.catalogue import Catalogue, load
from harness.plan import generate

ROOT = Path(__file__).parent.parent.parent


def test_components_toml_is_what_the_generator_writes():
    assert (ROOT / "registry" / "components.toml").read_text() == generate.text()


def test_defaults_name_components_that_exist():
    catalogue = Catalogue(load(only=()))
    defaults = registry.defaults()
    for table in ("single", "baseline"):
        for kind in ("model", "runner", "precision"):
            if kind in defaults[table]:
                catalogue.get(kind, defaults[table][kind])
    assert defaults["run"]["suite"] in registry.suite_names()


def test_the_seed_suite_is_the_whole_of_the_original_matrix():
    from harness.plan.suites import find

    (matrix,) = find("seed").matrices
    assert (matrix.model, matrix.runner, matrix.batch_size) == (
        ["mlp", "cnn"],
        ["eager", "compile"],
        [1, 4, 16, 64],
    )
    assert matrix.precision == ["fp32", "fp16-amp", "bf16-amp"]


def test_the_quick_suite_shows_every_runner_and_a_reduced_precision_of_three_models():
    from harness.plan.suites import find

    matrices = find("quick").matrices
    assert {r for m in matrices for r in m.runner} == {"eager", "compile", "onnxruntime"}
    assert {"fp32", "bf16-true"} == {p for m in matrices for p in m.precision}
    assert {x for m in matrices for x in m.model} == {"mlp", "cnn", "transformer"}


def test_the_first_table_of_the_repository_is_the_makefile_s():
    text = (ROOT / "Makefile").read_text()
    assert "harness run --suite quick" in text
