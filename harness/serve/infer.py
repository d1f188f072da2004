"""POST /infer: a body of any of three forms, one call of the model, an answer of any of three."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from harness.errors import HarnessError, Unsupported
from harness.serve import answers, payload, schemas
from harness.serve.gate import Closed, Full
from harness.serve.guard import fault_of, refusal
from harness.serve.metrics import Metrics
from harness.serve.model import Service
from harness.serve.problems import Problem, busy, wrong
from harness.serve.settings import ServeSettings
from harness.serve.variant import Answered, NotPadded

if TYPE_CHECKING:
    import torch

_BYTES = ("application/x-npy", "application/x-npz", "application/zip", "application/octet-stream")
BODY_TYPES = ("application/json", "application/x-npy", "application/x-npz", "application/octet-stream")
_DIMENSIONS = ("input_dim", "in_dim")
"""What models call the width of their input."""


@dataclass(frozen=True)
class Asked:
    """A parsed request: one tensor for each input of the model, or None for random ones."""

    body: schemas.InferBody
    tensors: list[torch.Tensor] | None
    count: int


class Infer:
    """The route, with what it needs."""

    def __init__(self, settings: ServeSettings, service: Service, metrics: Metrics) -> None:
        self._settings = settings
        self._gate = service.gate
        self._model = service.model
        self._metrics = metrics

    async def answer(
        self,
        request: Request,
        dtype: Annotated[
            str | None, Query(min_length=1, max_length=64, description="As `dtype` in the body.")
        ] = None,
        return_output: Annotated[bool | None, Query(description="As `return_output` in the body.")] = None,
    ) -> Response:
        """One call of the model: on random input, or on the input in the body."""
        if self._model.broken:
            raise Problem(503, self._model.broken, retry_after_s=60)
        try:
            with self._gate.admitted():
                return await self._infer(request, dtype, return_output)
        except (Full, Closed) as error:
            raise busy(error) from None

    async def _infer(self, request: Request, dtype: str | None, return_output: bool | None) -> Response:
        form = answers.wanted(request.headers.get("accept", ""), several=False)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        data = await _body(request, self._settings)
        # Parsing takes long for a large body: not in the event loop, and not in the model's thread.
        asked = await asyncio.to_thread(self._parsed, kind, data)
        if dtype is None:
            dtype = asked.body.dtype
        ready = time.perf_counter()
        began = ready

        def call() -> Answered:
            nonlocal began
            began = time.perf_counter()
            return self._model.infer(asked.tensors, asked.count, dtype)

        try:
            done = await self._gate.run(call)
        except (Full, Closed):
            raise
        except NotPadded as error:
            raise wrong("batch_size", str(error)) from None
        except (Unsupported, HarnessError) as error:
            raise wrong("dtype", " ".join(str(error).split())) from None
        except Exception as error:
            return refusal(500, "the model failed", fault=fault_of(error, "the model failed"))
        self._metrics.inferred(done.precision, done.latency_ms / 1e3, done.batch_size)
        form = answers.wanted(request.headers.get("accept", ""), several=len(done.leaves) != 1)
        queue_ms, device = (began - ready) * 1e3, str(self._model.device)
        if form == answers.JSON:
            wish = asked.body.return_output if return_output is None else return_output
            text = await asyncio.to_thread(answers.as_json, done, device, queue_ms, wish)
            return Response(text, media_type=form)
        array = await asyncio.to_thread(answers.as_numpy, done, form)
        return Response(array, headers=answers.headers(done, device, queue_ms), media_type=form)

    def _parsed(self, kind: str, data: bytes) -> Asked:
        """The request's body, checked against what the model takes."""
        body = schemas.InferBody()
        arrays = None
        if kind in _BYTES:
            if not data:
                raise wrong("body", "is empty: for random input leave the content type out, or send JSON")
            arrays = payload.from_bytes(data, self._model.template, self._settings.max_body)
        elif not kind and not data:
            pass
        elif kind == "application/json" or kind.endswith("+json"):
            body = _json(data)
            if body.inputs is not None:
                arrays = payload.from_lists(body.inputs, self._model.template)
        else:
            raise Problem(415, f"the body must be {', '.join(BODY_TYPES)}", "content-type")
        self._check_dimension(body.input_dim)
        most = self._settings.max_batch
        if arrays is not None:
            tensors, count = payload.checked(arrays, self._model.template, most)
            if body.batch_size not in (None, count):
                raise wrong("batch_size", f"is {body.batch_size}, and `inputs` is a batch of {count}")
            return Asked(body, tensors, count)
        count = body.batch_size or 1
        if count > most:
            raise wrong("batch_size", f"is {count}; this service takes 1 to {most}")
        return Asked(body, None, count)

    def _check_dimension(self, given: int | None) -> None:
        if given is None:
            return
        for name in _DIMENSIONS:
            own = getattr(self._model.params, name, None)
            if isinstance(own, int):
                if own != given:
                    raise wrong("input_dim", f"is {given}; the model was loaded with {name}={own}")
                return
        raise wrong("input_dim", "the model has no such parameter")


async def _body(request: Request, settings: ServeSettings) -> bytes:
    """The request's body, if it is not too large and does not take too long."""
    most = settings.max_body
    large = Problem(413, f"the body is larger than {most} bytes", "body")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most:
        raise large
    found = bytearray()
    try:
        async with asyncio.timeout(settings.body_s):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise large
    except ClientDisconnect:
        raise Problem(400, "the body did not arrive whole", "body") from None
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {settings.body_s:g} s", "body") from None
    return bytes(found)


def _json(data: bytes) -> schemas.InferBody:
    if not data:
        return schemas.InferBody()
    try:
        return schemas.InferBody.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = str(first["loc"][0])[:64] if first["loc"] else "body"
        raise wrong(place, first["msg"]) from None
