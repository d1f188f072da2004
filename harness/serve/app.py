"""The application: its routes with what they may answer, and what becomes of every refusal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from harness.serve import answers, schemas
from harness.serve.guard import Guard, refusal
from harness.serve.infer import BODY_TYPES, Infer
from harness.serve.metrics import Metrics
from harness.serve.model import Service
from harness.serve.problems import Problem
from harness.serve.settings import ServeSettings
from harness.serve.status import Status

CLOSING_S = 2.0
"""How long the end waits for a call whose client has gone."""
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODIES = dict.fromkeys(BODY_TYPES, _BINARY) | {
    "application/json": {"schema": schemas.InferBody.model_json_schema()}
}
log = logging.getLogger("harness.serve")


def create_app(settings: ServeSettings, service: Service) -> FastAPI:
    """The application around a loaded model. It closes the model when the server ends it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if not await asyncio.to_thread(service.close, CLOSING_S):
            log.error("a call of the model did not end within %g s", CLOSING_S)

    app = FastAPIOffline(
        "/docs",
        None,
        title="PyTorch Inference Lab",
        summary="One model, loaded and verified, behind HTTP.",
        version="1",
        lifespan=lifespan,
        static_url="/static-offline-docs",
    )
    metrics = Metrics(lambda: service.gate.waiting)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    _handle_errors(app)
    _add_routes(app, Infer(settings, service, metrics), Status(settings, service, metrics))
    if settings.token is not None:
        _say_bearer(app)
    return app


def _refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": schemas.Refusal, "description": _WHY[code]} for code in codes}


_WHY = {
    400: "The body did not arrive whole",
    401: "No token, or a wrong one",
    403: "The address is open to other machines and the service has no token",
    406: "The output cannot be had in the form asked for",
    408: "The body took too long",
    413: "The body is too large",
    415: "The body's type is not one of those taken",
    422: "A field has a value that cannot be",
    500: "A fault, in the log under its id",
    503: "As many as may wait do so already; Retry-After says when to come back",
}


def _add_routes(app: FastAPI, infer: Infer, status: Status) -> None:
    app.get(
        "/health",
        summary="State of the service",
        response_model=schemas.Health,
        responses=_refusals(401, 403, 503),
    )(status.health)
    app.post(
        "/infer",
        summary="Call the model",
        response_model=schemas.InferAnswer,
        responses={
            200: {
                "content": {
                    answers.NPY: _BINARY,
                    answers.NPZ: _BINARY,
                }
            },
            **_refusals(400, 401, 403, 406, 408, 413, 415, 422, 500, 503),
        },
        openapi_extra={"requestBody": {"required": False, "content": _BODIES}},
    )(infer.answer)
    app.get(
        "/benchmark/quick",
        summary="Measure three batch sizes",
        response_model=schemas.QuickAnswer,
        responses=_refusals(401, 403, 500, 503),
    )(status.benchmark)
    app.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus"}, **_refusals(401, 403)},
    )(status.metrics)


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def _(_: Request, error: Problem) -> Response:
        wait = {} if error.retry_after_s is None else {"Retry_After": str(error.retry_after_s)}
        return refusal(error.status, error.text, error.field, **wait)

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refusal(422, first["msg"], ".".join(str(p) for p in first["loc"][1:]))

    @app.exception_handler(HTTPException)
    async def _(_: Request, error: HTTPException) -> Response:
        return refusal(error.status_code, str(error.detail), **dict(error.headers or {}))


def _say_bearer(app: FastAPI) -> None:
    """Puts the token into the schema, so that the page of /docs has a field for it."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        schema = make()
        scheme = {"type": "http", "scheme": "bearer"}
        schema.setdefault("components", {})["securitySchemes"] = {"token": scheme}
        schema["security"] = [{"token": []}]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
