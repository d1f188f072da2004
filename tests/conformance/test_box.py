"""Everything that is built in keeps the contracts."""

import pytest

from harness import registry

NOT_RUNNERS = [f"{c['kind']} {c['name']}" for c in registry.components() if c["kind"] != "runner"]
RUNNERS = [f"runner {c['name']}" for c in registry.components() if c["kind"] == "runner"]
QUICK = {"runner eager", "runner cudagraph"}


def test_every_component_of_the_box_is_checked(kits):
    there = {str(item.target) for item in kits.items("box") if item.target.kind}
    assert there == {*NOT_RUNNERS, *RUNNERS}


@pytest.mark.parametrize("component", NOT_RUNNERS)
def test_it_keeps_the_contracts(kits, component):
    assert kits.failed("box", component) == {}


@pytest.mark.timeout(1500)  # a compiler makes each of its cases
@pytest.mark.parametrize(
    "component", [pytest.param(r, marks=[] if r in QUICK else [pytest.mark.slow]) for r in RUNNERS]
)
def test_a_runner_keeps_the_contracts(kits, component):
    assert kits.failed("box", component) == {}


def test_the_modules_of_the_box_load_as_a_plugin_should(kits):
    assert kits.failed("box", "plugin harness_plugins.reporters") == {}


def test_cuda_graphs_are_not_applicable_without_cuda(kits):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    found = kits.result("box", "runner cudagraph", "runner.output")
    assert found.status == "not applicable"
    assert "there is no CUDA device" in found.reason
