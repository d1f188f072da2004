"""A planted cause is named, with its evidence, and no healthy twin is accused; the same on all plants is slow."""

import pytest

from benchmarks import planted_judge
from benchmarks.planted_cases import CONTROLS, PLANTS

QUICK = {"sleeper"}


@pytest.fixture(autouse=True)
def _beside_others(monkeypatch):
    monkeypatch.setattr(planted_judge, "LOCK", ["--no-lock"])


def _marked(plants):
    return [pytest.param(p, id=p.name, marks=() if p.name in QUICK else pytest.mark.slow) for p in plants]


@pytest.mark.parametrize("plant", _marked(p for p in PLANTS if p.name != "chain"))
def test_a_planted_cause_is_named_and_its_healthy_twin_is_not(plant, monkeypatch):
    quick = plant.name in QUICK
    if quick:
        monkeypatch.setattr(planted_judge, "MORE", ["--no-memory"])
    outcome = planted_judge.run(plant, passes=1 if quick else None)
    if outcome.refused:
        pytest.skip(outcome.refused)
    assert [n.key for n in outcome.named if not n.found] == []
    assert all(n.evidence for n in outcome.named)
    assert outcome.accused == []


@pytest.mark.slow
@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
def test_healthy_models_are_accused_of_nothing_that_an_experiment_refutes(control):
    assert planted_judge.run(control, prove=True).accused == []
