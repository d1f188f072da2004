"""What every request passes: who may ask, what is counted, and that a fault ends one request alone."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import time
import uuid
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from harness.serve.metrics import Metrics
from harness.serve.settings import ServeSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/docs", "/openapi.json", "/static-offline-docs")
"""No secret is in them, and a browser cannot send a token when it opens a page."""
log = logging.getLogger("harness.serve")


def refusal(
    status: int, error: str, field: str | None = None, fault: str | None = None, **headers: str
) -> Response:
    """An answer that says why there is no other."""
    body = msgspec.json.encode({"error": error, "field": field, "id": fault})
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, sent, "application/json")


def fault_of(error: BaseException, what: str) -> str:
    """Logs an exception with its traceback, and returns the id that the client gets in its place."""
    fault = uuid.uuid4().hex[:12]
    log.error("fault %s: %s", fault, what, exc_info=error)
    return fault


def is_local(host: str) -> bool:
    """Whether an address, or the path of a socket, is one that only this machine reaches."""
    if host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refused = self._refused(scope)
            if refused is not None:
                await refused(scope, receive, counted)
            else:
                await self._app(scope, receive, counted)
        except asyncio.CancelledError:
            # The server gives up what did not finish in time after a signal, and ends all the same.
            if status:
                raise
            await refusal(503, "the service is ending", Retry_After="1")(scope, receive, counted)
        except Exception as error:
            fault = fault_of(error, f"{scope['method']} {scope['path']!r} failed")
            if status:
                raise  # the answer has begun: only the connection can be ended
            await refusal(500, "a fault of the service", fault=fault)(scope, receive, counted)
        finally:
            # The route's pattern, never the path a stranger typed: labels must stay few.
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status or 499)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)

    def _refused(self, scope: Scope) -> Response | None:
        """Why this request may not ask, if so."""
        token, path = self._settings.token, scope["path"]
        if any(path == p or path.startswith(f"{p}/") for p in OPEN):
            return None
        if token is None:
            server = scope.get("server")
            if self._settings.insecure or server is None or is_local(server[0]):
                return None
            return refusal(
                403,
                "this address is open to other machines: the service needs a token, or to be told it "
                "may go without",
            )
        given = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
        scheme, _, value = given.partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(value.strip(), token.encode()):
            return None
        return refusal(401, "a token is needed: Authorization: Bearer ...", WWW_Authenticate="Bearer")
