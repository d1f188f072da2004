"""Every route and every refusal, as a client sees them."""

import asyncio
import io
import json
import re

import httpx2
import numpy
import pytest
import torch

from .conftest import FAULTY, TINY

ORDERS = {"raise": 666.0, "exit": 667.0, "stop": 668.0, "nan": 669.0, "sleep": 670.0}


def ordered(what, more=0.0):
    return {"inputs": [[ORDERS[what], more, *[0.0] * 6]], "return_output": True}


def strict(response):
    """The body of an answer, which must be JSON as the standard has it."""
    return json.loads(response.content, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))


# ---- /health ----------------------------------------------------------------------------------------


def test_health_says_what_is_served_where_and_how_right_it_is(moody):
    answer = moody.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["device"]) == ("ok", "cpu")
    assert body["cuda_available"] is torch.cuda.is_available()
    assert body["memory"]["host_mib"] > 10
    assert body["memory"]["allocated_mib"] is None
    assert (body["model"], body["runner"], body["precision"]) == ("moody", "eager", "fp32")
    assert body["inputs"] == [{"name": "x", "shape": ["batch", 8], "dtype": "float32"}]
    assert body["batch"] == {"max": 8, "sessions": "any"}
    assert body["verification"]["passed"] is True
    assert body["queue"] == {"waiting": 0, "limit": 64, "running_s": None}


# ---- /infer -----------------------------------------------------------------------------------------


def test_random_input_of_the_size_asked_for(moody):
    body = moody.post("/infer", json={"batch_size": 5}).json()
    assert body["output_shape"] == [5, 8]
    assert body["output_dtype"] == "float32"
    assert body["device"] == "cpu"
    assert body["dtype_used"] == "fp32"
    assert body["latency_ms"] > 0
    assert "output" not in body


def test_nothing_at_all_is_one_random_sample(moody):
    for answer in (moody.post("/infer"), moody.post("/infer", json={})):
        assert answer.json()["output_shape"] == [1, 8]


def test_random_input_is_another_one_each_time(moody):
    first, second = (moody.post("/infer", json={"return_output": True}).json()["output"] for _ in range(2))
    assert first != second


def test_lists_npy_and_npz_are_the_same_input_and_give_the_same_output(moody):
    x = numpy.random.default_rng(0).normal(size=(3, 8)).astype("f4")
    npy, npz = io.BytesIO(), io.BytesIO()
    numpy.save(npy, x)
    numpy.savez(npz, x=x)
    outputs = [
        moody.post("/infer", json={"inputs": i, "return_output": True}).json()
        for i in (x.tolist(), {"x": x.tolist()})
    ]
    for data, kind in ((npy, "x-npy"), (npz, "x-npz"), (npy, "octet-stream"), (npz, "octet-stream")):
        headers = {"Content-Type": f"application/{kind}"}
        outputs.append(
            moody.post("/infer?return_output=true", content=data.getvalue(), headers=headers).json()
        )
    headers |= {"Accept": "application/x-npy"}
    answer = moody.post("/infer", content=npy.getvalue(), headers=headers)
    assert answer.headers["content-type"] == "application/x-npy"
    assert float(answer.headers["x-latency-ms"]) > 0
    assert answer.headers["x-dtype-used"] == "fp32"
    array = numpy.load(io.BytesIO(answer.content))
    # As the model itself has it, on the seed's weights.
    module = moody.service.model.own.base.work.module
    with torch.inference_mode():
        own = module(torch.from_numpy(x)).numpy()
    assert numpy.array_equal(array, own)
    for body in outputs:
        assert numpy.array_equal(numpy.asarray(body["output"], "f4"), own)


def test_several_inputs_and_outputs_of_a_nested_model(client):
    nested = client(TINY, model="nested", max_batch=4)
    fields = nested.get("/health").json()["inputs"]
    assert [f["name"] for f in fields] == ["pair.first", "pair.second.inner", "scale", "ids"]
    inputs = {
        "pair.first": [[0.5] * 8],
        "pair.second.inner": [[0.25] * 8],
        "scale": [[1.0]],
        "ids": [[1, 2, 3, 4, 5]],
    }
    body = nested.post("/infer", json={"inputs": inputs, "return_output": True}).json()
    assert body["output_shape"] == [[1, 4], [1, 8], [1], [1, 5]]
    assert body["output"][3] == [[2, 3, 4, 5, 6]]
    answer = nested.post("/infer", json={"inputs": inputs}, headers={"Accept": "application/x-npz"})
    assert numpy.load(io.BytesIO(answer.content))["output_3"].tolist() == [[2, 3, 4, 5, 6]]
    refused = nested.post("/infer", json={"inputs": inputs}, headers={"Accept": "application/x-npy"})
    assert refused.status_code == 406


def test_a_stateful_model_starts_afresh_in_every_request(client):
    counting = client(TINY, model="counting", max_batch=4)
    asked = {"inputs": [[1.0] * 8], "return_output": True}
    outputs = [counting.post("/infer", json=asked).json()["output"] for _ in range(3)]
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize(
    ("dtype", "used", "out"),
    [
        ("bf16", "bf16-amp", "bfloat16"),
        ("bf16-true", "bf16-true", "bfloat16"),
        ("fp32", "fp32", "float32"),
        (None, "fp32", "float32"),
    ],
)
def test_a_request_names_its_precision_by_any_word_of_the_catalogue(moody, dtype, used, out):
    body = moody.post("/infer", json={"dtype": dtype}).json()
    assert (body["dtype_used"], body["output_dtype"]) == (used, out)
    by_query = moody.post("/infer", params={"dtype": dtype or "fp32"}).json()
    assert by_query["dtype_used"] == used


def test_what_a_device_cannot_do_is_a_422_with_the_reason(moody):
    for _ in range(2):  # the second time from memory
        answer = moody.post("/infer", json={"dtype": "tf32"})
        assert answer.status_code == 422
        assert answer.json()["field"] == "dtype"
        assert "TF32 is a mode of NVIDIA tensor cores" in answer.json()["error"]


def test_a_precision_that_fails_to_load_is_a_fault_once_and_refused_from_then_on(client, caplog):
    fixed = client(model="moody", runner="strict", max_batch=2)
    first, second = (fixed.post("/infer", json={"dtype": "fp16-true"}) for _ in range(2))
    assert first.status_code == 500
    assert any(first.json()["id"] in r.getMessage() for r in caplog.records)
    assert (second.status_code, second.json()["field"]) == (422, "dtype")
    assert "precision fp16-true failed to load; the log has it" in second.json()["error"]
    assert "secret" not in first.text + second.text
    assert fixed.post("/infer").status_code == 200


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"batch_size": 0}, "batch_size", "greater than or equal to 1"),
        ({"batch_size": 9}, "batch_size", "is 9; this service takes 1 to 8"),
        ({"batch_size": 10**30}, "batch_size", ""),
        ({"batch_size": "3"}, "batch_size", "valid integer"),
        ({"batch_size": 1.5}, "batch_size", "valid integer"),
        ({"batch_size": True}, "batch_size", "valid integer"),
        ({"batch_size": 2, "inputs": [[0.0] * 8]}, "batch_size", "is 2, and `inputs` is a batch of 1"),
        ({"input_dim": 9}, "input_dim", "is 9; the model was loaded with input_dim=8"),
        ({"dtype": "int3"}, "dtype", "there is no precision 'int3'"),
        ({"dtype": ""}, "dtype", "at least 1 character"),
        ({"dtype": 16}, "dtype", "valid string"),
        ({"inputs": [[0.0] * 7]}, "inputs.x", "has shape (1, 7); the model takes (batch, 8) of float32"),
        ({"inputs": [[0.0] * 8] * 9}, "inputs.x", "is a batch of 9"),
        ({"inputs": {"y": []}}, "inputs.y", "no such input; it has x"),
        ({"inputs": "text"}, "inputs", ""),
        ({"return_output": "yes"}, "return_output", "valid boolean"),
        ({"batchsize": 1}, "batchsize", "not permitted"),
        ([], "body", "should be an object"),
    ],
)
def test_a_field_that_cannot_be_is_a_422_that_names_it(moody, body, field, said):
    answer = moody.post("/infer", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["error"].startswith(field)
    assert said in answer.json()["error"]


def test_a_dimension_is_compared_where_the_model_has_one_and_refused_where_not(client, moody):
    assert moody.post("/infer", json={"input_dim": 8}).status_code == 200
    mlp = client(model="mlp:hidden_dim=16,in_dim=24", max_batch=2)
    assert mlp.post("/infer", json={"input_dim": 24}).json()["output_shape"] == [1, 512]
    assert "in_dim=24" in mlp.post("/infer", json={"input_dim": 512}).json()["error"]
    answer = client(TINY, model="nested", max_batch=4).post("/infer", json={"input_dim": 8})
    assert (answer.status_code, answer.json()["field"]) == (422, "input_dim")
    assert "the model has no such parameter" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "multipart/form-data", 415),
        (b"{}", "application/x-npy", 422),
    ],
)
def test_a_body_that_is_none_of_the_three_forms(moody, content, kind, status):
    answer = moody.post("/infer", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_body_that_is_too_large_is_a_413_said_or_unsaid(client):
    small = client(model="moody", max_batch=4, max_body_mib=0.01)
    headers = {"Content-Type": "application/json"}
    assert small.post("/infer", content=b" " * 20_000, headers=headers).status_code == 413
    in_pieces = (b" " * 1000 for _ in range(20))
    assert small.post("/infer", content=in_pieces, headers=headers).status_code == 413
    assert small.post("/infer", content=b"{}" + b" " * 5_000, headers=headers).status_code == 200


def test_a_body_that_does_not_come_is_a_408(client):
    slow = client(model="moody", max_batch=4, body_s=0.05)

    async def main():
        async def never():
            yield b"{"
            await asyncio.sleep(60)

        sent = []

        async def receive():
            if sent:
                await asyncio.sleep(60)
            sent.append(1)
            return {"type": "http.request", "body": b"{", "more_body": True}

        answers = []

        async def send(message):
            answers.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/infer",
            "raw_path": b"/infer",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "server": ("127.0.0.1", 80),
            "http_version": "1.1",
            "client": ("127.0.0.1", 1),
        }
        await slow.app(scope, receive, send)
        return answers[0]["status"]

    assert asyncio.run(main()) == 408
    assert slow.service.gate.inside == 0


# ---- faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["raise", "exit", "stop"])
def test_a_model_that_raises_is_a_500_with_an_id_and_the_service_lives(moody, caplog, what):
    answer = moody.post("/infer", json=ordered(what))
    body = answer.json()
    assert answer.status_code == 500
    assert re.fullmatch(r"[0-9a-f]{12}", body["id"])
    assert body["error"] == "the model failed"
    assert "secret" not in answer.text
    (record,) = [r for r in caplog.records if body["id"] in r.getMessage()]
    assert record.exc_info is not None
    assert moody.post("/infer", json={"batch_size": 2}).status_code == 200
    assert moody.service.gate.inside == 0


def test_nan_and_infinite_outputs_are_valid_json_and_kept_in_npy(moody):
    body = strict(moody.post("/infer", json=ordered("nan")))
    assert body["output"][0][:3] == [None, None, None]
    assert body["nonfinite"] == 3
    answer = moody.post("/infer", json=ordered("nan"), headers={"Accept": "application/x-npy"})
    found = numpy.load(io.BytesIO(answer.content))[0, :3].tolist()
    assert str(found) == "[nan, inf, -inf]"


def test_nan_and_infinite_inputs_are_the_model_s_to_answer(moody):
    for text in (b'{"inputs": [[NaN, 0, 0, 0, 0, 0, 0, 0]]}', b'{"inputs": [[1e999, 0, 0, 0, 0, 0, 0, 0]]}'):
        answer = moody.post("/infer", content=text, headers={"Content-Type": "application/json"})
        assert strict(answer).get("nonfinite") == 8


def test_a_fault_of_the_service_itself_is_a_500_with_an_id(moody, monkeypatch, caplog):
    monkeypatch.setattr("harness.serve.answers.as_json", lambda *_: 1 / 0)
    answer = moody.post("/infer")
    assert answer.status_code == 500
    assert answer.json()["error"] == "a fault of the service"
    assert any(answer.json()["id"] in r.getMessage() for r in caplog.records)


def test_a_broken_device_is_told_until_the_service_is_restarted(moody, monkeypatch):
    monkeypatch.setattr(moody.service.model, "broken", "the GPU's context is spoiled: AcceleratorError")
    assert moody.get("/health").status_code == 503
    assert moody.get("/health").json()["status"] == "broken"
    assert moody.post("/infer").status_code == 503


# ---- /benchmark/quick -------------------------------------------------------------------------------


def test_the_benchmark_measures_three_sizes_and_says_how_sure_it_is(client):
    fast = client(model="moody", max_batch=64)
    body = fast.get("/benchmark/quick").json()
    for size in (1, 16, 64):
        one = body[f"batch_{size}"]
        assert one["throughput_samples_s"] == pytest.approx(size / one["latency_ms"] * 1e3)
        assert one["calls"] >= 10
        assert one["warm_up"] in ("flat", "warm-up", "slowdown", "no steady state", "capped")
        assert one["reason"] is None
    assert (body["processes"], body["interval"], body["precision"]) == (1, None, "fp32")
    assert "harness run" in body["note"]


def test_a_size_that_cannot_be_measured_has_a_reason_and_the_others_go_on(moody, monkeypatch):
    from harness.serve import quick

    measured = quick._measured

    def failing(model, size):
        if size == 1:
            raise ValueError("a secret of the server")
        return measured(model, size)

    monkeypatch.setattr(quick, "_measured", failing)
    monkeypatch.setattr(quick, "SIZES", (1, 4, 64))
    answer = moody.get("/benchmark/quick")
    assert answer.status_code == 200
    body = answer.json()
    assert body["batch_1"]["reason"].startswith("failed: the log has it under ")
    assert "secret" not in answer.text
    assert body["batch_4"]["latency_ms"] > 0
    assert body["batch_64"] | {"reason": "this service takes batches of at most 8"} == body["batch_64"]


def test_one_benchmark_at_a_time_and_everyone_else_waits(client, monkeypatch):
    import threading

    from harness.serve import quick

    held = client(fresh=True, model="moody", max_batch=4, queue=2)
    go, begun = threading.Event(), threading.Event()

    def slow(model, size):
        begun.set()
        go.wait(60)
        return quick.Quick(reason="not now")

    monkeypatch.setattr(quick, "_one", slow)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(held.get("/benchmark/quick").status_code))]
    threads[0].start()
    assert begun.wait(60)
    second = held.get("/benchmark/quick")
    assert (second.status_code, second.headers["retry-after"]) == (503, "5")
    for _ in range(2):
        threads.append(threading.Thread(target=lambda: answers.append(held.post("/infer").status_code)))
        threads[-1].start()
    while held.service.gate.inside < 3:
        pass
    third = held.post("/infer")
    assert (third.status_code, third.headers["retry-after"]) == (503, "1")
    health = held.get("/health").json()  # the loop is free all the while
    assert health["queue"]["waiting"] == 2
    assert health["queue"]["running_s"] > 0
    go.set()
    for thread in threads:
        thread.join(60)
    assert answers == [200, 200, 200]


# ---- /metrics, /docs --------------------------------------------------------------------------------


def test_metrics_count_by_route_and_code_and_never_by_what_a_stranger_typed(client):
    counted = client(fresh=True, model="moody", max_batch=4)
    counted.post("/infer", json={"batch_size": 3})
    counted.post("/infer", json=ordered("raise"))
    counted.post("/infer", json={"batch_size": 0})
    counted.get("/no/such/path")
    counted.get("/infer")
    answer = counted.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'harness_serve_requests_total{code="200",route="/infer"} 1.0',
        'harness_serve_requests_total{code="500",route="/infer"} 1.0',
        'harness_serve_requests_total{code="422",route="/infer"} 1.0',
        'harness_serve_requests_total{code="404",route="other"} 1.0',
        'harness_serve_requests_total{code="405",route="/infer"} 1.0',
        "harness_serve_queue_depth 0.0",
        'harness_serve_inference_seconds_count{precision="fp32"} 1.0',
        'harness_serve_samples_total{precision="fp32"} 3.0',
        'harness_serve_request_seconds_count{route="/infer"} 4.0',
    ):
        assert line in answer.text.splitlines(), line
    assert "no/such" not in answer.text


def test_the_documentation_needs_nothing_from_elsewhere(moody):
    page = moody.get("/docs").text
    found = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(found) >= 2
    for address in found:
        assert address.startswith("/"), address
        assert moody.get(address).status_code == 200
    assert "://" not in re.sub(r"<!--.*?-->", "", page)
    schema = moody.get("/openapi.json").json()
    assert set(schema["paths"]) == {"/health", "/infer", "/benchmark/quick", "/metrics"}


def test_what_is_elsewhere_or_asked_otherwise_is_told_in_one_form(moody):
    assert moody.get("/nothing").json() == {"error": "Not Found", "field": None, "id": None}
    answer = moody.get("/infer")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# ---- who may ask ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(client):
    return client(model="moody", max_batch=4, token="s3cret")


@pytest.mark.parametrize("path", ["/health", "/metrics", "/benchmark/quick", "/infer", "/nothing"])
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cret2"]
)
def test_without_the_token_nothing_is_answered(guarded, path, header):
    answer = guarded.get(path, headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_everything_is_and_the_pages_say_how(guarded):
    headers = {"Authorization": "bearer s3cret"}
    assert guarded.get("/health", headers=headers).status_code == 200
    assert guarded.post("/infer", headers=headers).status_code == 200
    assert guarded.get("/docs").status_code == 200
    schema = guarded.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert "s3cret" not in json.dumps(schema)


def test_an_address_that_others_reach_is_closed_until_someone_decides(client):
    def ask(app, server):
        async def main():
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url=f"http://{server}") as other:
                return (await other.get("/health")).status_code

        return asyncio.run(main())

    undecided = client(model="moody", max_batch=8)
    assert ask(undecided.app, "192.0.2.1") == 403
    assert ask(undecided.app, "127.0.0.1") == 200
    assert ask(client(model="moody", max_batch=4, insecure=True).app, "192.0.2.1") == 200


# ---- what is not served -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plugin", "settings", "code", "said"),
    [
        (FAULTY, {"model": "faulty:how=zeros"}, 3, "incorrect at batch size"),
        (FAULTY, {"model": "faulty:how=forward"}, 4, "failed: ValueError: this model does not work"),
        (FAULTY, {"model": "faulty:how=build"}, 4, "RuntimeError: cannot build"),
        (FAULTY, {"model": "faulty:how=sys-exit"}, 4, "SystemExit"),
        (TINY, {"model": "nothing"}, 2, "there is no model 'nothing'"),
        (TINY, {"model": "tiny,nested"}, 2, "this command takes one model"),
        (TINY, {"model": "tiny", "precision": "all"}, 2, "this command takes one precision"),
        (TINY, {"model": "tiny", "precision": "tf32", "device": "cpu"}, 4, "unsupported: TF32"),
        (TINY, {"model": "tiny", "also": ("tf32",), "device": "cpu"}, 4, "unsupported: TF32"),
    ],
)
def test_what_cannot_or_must_not_be_served_is_one_error_with_its_exit_code(
    client, plugin, settings, code, said
):
    from harness.errors import HarnessError

    with pytest.raises(HarnessError, match=re.escape(said)) as caught:
        client(plugin, fresh=True, **settings)
    assert caught.value.exit_code == code


def test_a_wrong_output_is_served_if_told_and_shown(client):
    wrong = client(FAULTY, model="faulty:how=zeros", allow_incorrect=True, max_batch=2)
    found = wrong.get("/health").json()["verification"]
    assert found["passed"] is False
    assert wrong.post("/infer", json={"return_output": True}).json()["output"] == [[0.0] * 16]
