"""Batch sizes: padded answers are the unpadded ones, and nothing compiles once the port is open."""

import numpy
import pytest
import torch

from harness.serve.loading import powers

from .conftest import SERVING


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12])]
)
def test_there_is_a_session_for_each_power_of_two_and_for_the_limit(most, sizes):
    assert powers(most) == sizes


def test_a_batch_between_two_sizes_is_padded_and_its_answer_cut(client):
    fixed = client(model="moody", runner="strict", max_batch=6)
    assert fixed.get("/health").json()["batch"] == {"max": 6, "sessions": [1, 2, 4, 6]}
    x = numpy.random.default_rng(1).normal(size=(6, 8)).astype("f4")
    module = fixed.service.model.own.base.work.module
    for count, padded in ((1, None), (2, None), (3, 4), (4, None), (5, 6), (6, None)):
        asked = {"inputs": x[:count].tolist(), "return_output": True}
        body = fixed.post("/infer", json=asked).json()
        assert (body["batch_size"], body["padded_to"]) == (count, padded)
        assert body["output_shape"] == [count, 8]
        with torch.inference_mode():
            own = module(torch.from_numpy(x[:count])).numpy()
        assert numpy.allclose(body["output"], own, rtol=1e-5, atol=1e-6)
        assert fixed.post("/infer", json={"batch_size": count}).json()["padded_to"] == padded


def test_onnx_gives_the_model_s_own_numbers_at_every_batch_size(client):
    onnx = client(model="mlp:in_dim=8,hidden_dim=16,out_dim=4", runner="onnxruntime", max_batch=4)
    eager = client(model="mlp:in_dim=8,hidden_dim=16,out_dim=4", max_batch=4)
    assert onnx.get("/health").json()["batch"]["sessions"] == [1, 2, 4]
    x = numpy.random.default_rng(2).normal(size=(4, 8)).astype("f4")
    for count in (1, 2, 3, 4):
        asked = {"inputs": x[:count].tolist(), "return_output": True}
        ours, theirs = (c.post("/infer", json=asked).json()["output"] for c in (onnx, eager))
        assert numpy.allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    answer = onnx.post("/infer", json={"dtype": "bf16"})
    assert (answer.status_code, answer.json()["field"]) == (422, "dtype")
    assert "ONNX has no autocast" in answer.json()["error"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("mixing", "the samples of a batch change one another in this model: batches of 1, 2, 4 alone"),
        ("pooling", "output 0 of this model has no row for each sample: batches of 1, 2, 4 alone"),
    ],
)
def test_a_model_whose_batch_must_not_be_padded_takes_the_sizes_there_are(client, model, said):
    exact = client(SERVING, model=model, runner="strict", max_batch=4)
    assert exact.post("/infer", json={"batch_size": 4}).status_code == 200
    answer = exact.post("/infer", json={"batch_size": 3, "dtype": "fp32"})
    assert (answer.status_code, answer.json()["field"]) == (422, "batch_size")
    assert said in answer.json()["error"]
    # A session that takes any batch pads nothing, and serves it.
    assert client(SERVING, model=model, max_batch=4).post("/infer", json={"batch_size": 3}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 16])
def test_nothing_compiles_while_serving_whatever_the_batch_and_whoever_else_was_compiled(client, most):
    compiled = client(
        fresh=True, model="mlp:in_dim=8,hidden_dim=16,n_layers=2", runner="compile", max_batch=most
    )
    session = compiled.service.model.own.base.session
    assert compiled.get("/health").json()["batch"]["sessions"] == "any"
    x = numpy.random.default_rng(3).normal(size=(most, 8)).astype("f4")

    def answers():
        asked = [{"inputs": x[:n].tolist(), "return_output": True} for n in range(1, most + 1)]
        return [compiled.post("/infer", json=a).json()["output"] for a in asked]

    before = session.events()
    first = answers()
    assert session.events() == before
    # A second precision is a second session in this process: loading it must not undo the first.
    assert compiled.post("/infer", json={"dtype": "bf16-true"}).json()["dtype_used"] == "bf16-true"
    after = session.events()
    assert answers() == first
    assert session.events() == after
    assert session.facts()["graphs"] > 0


@pytest.mark.slow
def test_what_compiles_for_each_size_is_padded_to_powers_of_two(client):
    static = client(
        fresh=True,
        model="mlp:in_dim=8,hidden_dim=16,n_layers=2",
        runner="compile:dynamic=false",
        max_batch=12,
    )
    assert static.get("/health").json()["batch"]["sessions"] == [1, 2, 4, 8, 12]
    events = static.service.model.own.base.session.events()
    for count in range(1, 13):
        assert static.post("/infer", json={"batch_size": count}).status_code == 200
    assert static.service.model.own.base.session.events() == events
