"""Which experiments are made, what they are about, and which of two clocks judges them."""

from dataclasses import replace

import pytest

from harness.prove.experiments import distinct, judged, matrix
from harness.records.comparison import Verdict
from harness.records.finding import Finding, Intervention

BASE = {
    "model": "mlp:hidden_dim=64,n_layers=2",
    "runner": "compile:freezing=true,mode=default",
    "precision": "fp32",
    "batch_size": "8",
    "device": "cpu",
    "threads": "2",
}
MADE = Intervention("taken away", BASE, {"precision": "bf16-true"}, "faster")


def finding(made, key="casts", records=("a",)):
    return Finding("it is slow", "a cause", key=key, records=list(records), intervention=made)


def test_findings_about_the_same_pair_of_configurations_are_one_experiment():
    again = replace(MADE, text="said otherwise")
    groups = distinct([finding(MADE), finding(again, "other", ("b",)), finding(None)])
    assert [[f.key for f in g] for g in groups] == [["casts", "other"]]


@pytest.mark.parametrize(
    "change", [{"expect": "slower"}, {"at_least": 1.5}, {"per_item": True}, {"new": {"batch_size": "16"}}]
)
def test_what_is_judged_otherwise_is_an_experiment_of_its_own(change):
    assert len(distinct([finding(MADE), finding(replace(MADE, **change))])) == 2


def test_a_side_is_exactly_the_configuration_of_the_row():
    found = matrix({**BASE, "batch_size": "16"})
    assert found.model == ["mlp:hidden_dim=64,n_layers=2"]
    assert found.runner == ["compile:freezing=true,mode=default"]
    assert (found.batch_size, found.threads, found.device) == ([16], [2], ["cpu"])


def verdict(low, high):
    return Verdict("inconclusive", False, (low * high) ** 0.5, low, high, 0.99, 0.01, 10)


WIDE, GAIN, NOTHING = verdict(0.8, 1.2), verdict(0.6, 0.7), verdict(0.999, 1.001)


def test_request_latency_judges_where_it_can():
    found, by = judged(MADE, GAIN, NOTHING)
    assert found.proved is True, "what the host costs is in latency and not in device time"
    assert by is GAIN
    assert judged(MADE, NOTHING, GAIN)[0].proved is False


def test_device_time_proves_what_differs_too_much_from_process_to_process():
    found, by = judged(MADE, WIDE, GAIN)
    assert (found.proved, by) == (True, GAIN)
    assert "device time" in found.reason


def test_device_time_refutes_nothing():
    assert judged(MADE, WIDE, NOTHING)[0].proved is None
    assert judged(MADE, WIDE, None)[0].proved is None
    assert judged(replace(MADE, expect="equivalent"), WIDE, NOTHING)[0].proved is None
