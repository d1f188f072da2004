"""The service does what its schema says, whatever is sent: schemathesis over /openapi.json."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from harness.serve.app import create_app

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
LEFT_OUT = "/benchmark/quick"
"""It takes seconds a call, and nothing from the request."""


@pytest.fixture(scope="module")
def operations(client):
    served = client(model="moody", max_batch=8)
    app = create_app(served.service.model.settings, served.service)
    # Schemathesis starts and ends the application around what it sends; the model is to stay.
    app.router.lifespan_context = lambda _: contextlib.nullcontext()
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    found = [result.ok() for result in schema.get_all_operations()]
    return [o for o in found if o.path != LEFT_OUT]


def sent(operations, mode, most, **how):
    """Sends up to `most` requests to each operation, and returns how many there were."""
    count = 0
    for operation in operations:

        @settings(max_examples=most, suppress_health_check=list(HealthCheck), **how)
        @given(operation.as_strategy(generation_mode=mode))
        def check(case):
            nonlocal count
            count += 1
            case.call_and_validate(base_url="http://127.0.0.1", checks=CHECKS)

        check()
    return count


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_answer_is_one_the_schema_knows(operations, mode):
    wanted = [o for o in operations if mode is GenerationMode.POSITIVE or o.method == "post"]
    assert sent(wanted, mode, 150) >= 100


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_thousands_of_them(operations, mode):
    posts = [o for o in operations if o.method == "post"]
    assert sent(posts, mode, 3000, derandomize=False) >= 2000
