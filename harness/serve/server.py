"""`harness serve` as a process: the address, the model, then the port, and an end that waits.

The port is bound before the model is loaded, so that a taken one is told at once, and listens only
afterwards: nobody is accepted before the model is warm.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness.errors import EnvironmentFault, ExitCode, Terminated, UsageError
from harness.serve.settings import ServeSettings

if TYPE_CHECKING:
    from harness.serve.model import Service

NEEDED = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")
BACKLOG = 2048
log = logging.getLogger("harness.serve")


@dataclass(frozen=True)
class Address:
    """Where to listen, and how to end."""

    host: str = "127.0.0.1"
    port: int = 8000
    grace_s: float = 30.0
    """Seconds that running requests get to finish after a signal."""
    access_log: bool = False


def require_extra() -> None:
    """Checks that what the extra `serve` installs is there.

    Raises:
        EnvironmentFault: something is missing.
    """
    for module in NEEDED:
        if find_spec(module) is None:
            raise EnvironmentFault(
                f"the service needs {module.replace('_', '-')}, which is not installed",
                "pip install 'pytorch-inference-lab[serve]'",
            )


def serve(settings: ServeSettings, address: Address) -> int:
    """Loads the model, serves until a signal, and returns the exit code.

    0 after a signal that let every running request finish: that is how a service is stopped. 130
    (SIGINT) or 143 (SIGTERM) where some had to be cut off, or where the signal came before the port
    was open.

    Raises:
        HarnessError: the address, the extra or the model does not work.
        KeyboardInterrupt, Terminated: a signal came while loading.
    """
    require_extra()
    listener = bind(address, settings)
    _end_with_the_terminal()
    try:
        with _until_terminated():
            from harness.serve.model import load

            service = load(settings)
        try:
            return _serve(settings, address, listener, service)
        finally:
            service.close(0.0)
    finally:
        listener.close()


def bind(address: Address, settings: ServeSettings) -> socket.socket:
    """The bound socket, not yet listening.

    Raises:
        UsageError: there is no such address, it is taken, or others reach it and no token is set.
    """
    from harness.serve.guard import is_local

    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"there is no address {address.host!r} here: {error}", "--host 127.0.0.1 is this machine alone"
        ) from error
    family, _, _, _, place = found[0]
    if not is_local(str(place[0])) and settings.token is None:
        if not settings.insecure:
            raise UsageError(
                f"{address.host} is open to other machines, and the service has no token",
                "--token (or HARNESS_SERVE_TOKEN), or --insecure to let anyone in",
            )
        log.warning("INSECURE: anyone who reaches %s:%d may use this service", address.host, address.port)
    # TCP said aloud: asyncio switches Nagle's algorithm off only where it reads so on the socket, and
    # with it an answer of two segments waits 40 ms for the other side's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise _cannot_bind(address, error) from error
    return listener


def _cannot_bind(address: Address, error: OSError) -> UsageError:
    where = f"{address.host}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"{where} is taken by another process", "--port N; 0 takes any that is free")
    if error.errno == errno.EACCES:
        return UsageError(f"{where} may not be opened by this user", "--port N, above 1023")
    return UsageError(f"{where} cannot be opened: {error.strerror or error}", "--host, --port")


def _end_with_the_terminal() -> None:
    """Takes SIGHUP for SIGTERM, unless it is ignored, as under nohup(1): or files would stay behind."""
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


@contextmanager
def _until_terminated() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated and SIGINT KeyboardInterrupt, as it would not in a script's
    background.
    """

    def end(*_: Any) -> None:
        raise Terminated("ended by a signal before the port was open")

    handlers = {signal.SIGTERM: end, signal.SIGINT: signal.default_int_handler}
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _serve(settings: ServeSettings, address: Address, listener: socket.socket, service: Service) -> int:
    import uvicorn

    from harness.serve.app import create_app

    received: list[int] = []

    class Server(uvicorn.Server):
        """Says when the port is open, and keeps the signals it was ended by to itself."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                _say_ready(service, listener)

        def handle_exit(self, sig: int, frame: Any) -> None:
            received.append(sig)
            if len(received) == 1:
                log.info("signal %d: no new requests; those that run may finish", sig)
            super().handle_exit(sig, frame)

    server = Server(
        uvicorn.Config(
            create_app(settings, service),
            lifespan="on",
            log_config=None,
            access_log=address.access_log,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, round(address.grace_s)),
        )
    )
    # uvicorn raises the signals anew when it has ended; they have done their work by then.
    with _ignored(signal.SIGINT, signal.SIGTERM):
        server.run(sockets=[listener])
    if not server.started:
        raise EnvironmentFault("the server did not start; the log says why")
    first = received[0] if received else signal.SIGTERM
    if service.close(0.0) and not server.force_exit and not service.gate.cut_off:
        return ExitCode.FINE
    log.error("some requests were cut off")
    service.model.close(quietly=True)
    code = ExitCode.INTERRUPTED if first == signal.SIGINT else ExitCode.TERMINATED
    sys.stderr.flush()
    # A call that does not return holds on to the runtime: nothing of it can be taken down in order.
    os._exit(code)


@contextmanager
def _ignored(*numbers: int) -> Iterator[None]:
    old = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _say_ready(service: Service, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    model, own = service.model, service.model.own
    what = f"{model.planned.label['model']}, {model.planned.label['runner']}, {own.precision}"
    log.info("serving %s on %s at http://%s:%d (documentation at /docs)", what, model.device, shown, port)


def log_to_stderr(verbose: bool) -> None:
    """One line for each message of the service and of uvicorn, on stderr; stdout stays empty."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name, level in (("harness.serve", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if verbose else level)
