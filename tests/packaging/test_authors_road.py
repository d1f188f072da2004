"""From nothing to a measured number: what `harness plugins new` writes, installed by pip as it stands."""

from __future__ import annotations

import importlib.util
import json

import pytest

KINDS = ("--model", "--precision", "--runner", "--reporter")
QUICK = ("--passes", "1", "--no-memory", "--no-anatomy", "--no-lock")


@pytest.fixture(scope="module")
def scaffolded(fresh):
    """An environment with two new packages: a bare one, and one with every kind."""
    fresh.harness("plugins", "new", "harness-plain")
    fresh.harness("plugins", "new", "harness-whole", *KINDS)
    fresh.install(fresh.folder / "harness-plain", fresh.folder / "harness-whole")
    return fresh


def test_a_new_package_is_listed_with_its_version(scaffolded):
    shown = " ".join(scaffolded.harness("list").stdout.split())
    assert "plain two linear layers; [width: int = 64]; from harness-plain 0.1.0" in shown
    for summary in ("two linear layers", "as torch.fx traces it", "in bfloat16", "with its latency"):
        assert f"{summary}" in shown
    assert shown.count("from harness-whole 0.1.0") == 4


@pytest.fixture(scope="module")
def measured(scaffolded):
    """The report of a run of everything that they bring, with the baseline that belongs to each."""
    mine = ("-m", "plain:width=32,whole", "-r", "whole", "-p", "whole", "-b", "2")
    return json.loads(scaffolded.harness("run", *mine, *QUICK, "--format", "json").stdout)


def test_a_new_package_is_measured_with_no_edit(measured):
    cases = {(r["case"]["model"], r["case"]["runner"], r["case"]["precision"]) for r in measured["records"]}
    for model in ("plain", "whole"):
        assert {(model, "whole", "whole"), (model, "eager", "fp32")} <= cases
    assert {r["status"] for r in measured["records"]} == {"ok"}
    assert {"harness-plain", "harness-whole"} <= {p["distribution"] for p in measured["run"]["plugins"]}


def test_a_new_reporter_shows_the_run(scaffolded, measured):
    first, *lines = scaffolded.harness("report", "--format", "whole").stdout.splitlines()
    assert first == f"run {measured['run']['id']}"
    assert len(lines) == len(measured["records"])
    assert all(line.endswith(" ms") for line in lines)


def test_a_new_reporter_brings_no_torch_into_the_process_that_shows(scaffolded, measured):
    """Although the package has a model whose module imports it."""
    code = (
        "import sys; from harness.cli import main; code = main.run(['report', '--format', 'whole']); "
        "print('whole' in str(sys.modules.get('harness_whole.reporter')), 'torch' in sys.modules, int(code))"
    )
    assert scaffolded.run("-c", code).stdout.splitlines()[-1] == "True False 0"


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("harness.conformance") is None, reason="the conformance kit is not there"
)
@pytest.mark.parametrize("name", ["harness-plain", "harness-whole"])
def test_a_new_package_passes_its_own_tests(scaffolded, name):
    done = scaffolded.run("-m", "pytest", "-q", "-p", "no:cacheprovider", scaffolded.folder / name)
    assert " passed" in done.stdout and "skipped" not in done.stdout
