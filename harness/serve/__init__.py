"""A minimal HTTP service around one loaded model: `harness serve`, or any ASGI server::

HARNESS_SERVE_MODEL=mlp uvicorn --factory harness.serve:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def app() -> FastAPI:
    """The service as an ASGI application, set up by the variables `HARNESS_SERVE_*`.

    The model is loaded and verified before this returns, so the server's port opens on a warm model.

    Raises:
        SystemExit: it cannot be loaded; with one line of text, as `harness serve` shows it.
    """
    import os

    from harness.errors import HarnessError
    from harness.serve.server import require_extra
    from harness.serve.settings import from_environment

    try:
        require_extra()
        settings = from_environment(os.environ)
        from harness.serve.app import create_app
        from harness.serve.model import load

        return create_app(settings, load(settings))
    except HarnessError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise SystemExit(f"error: {error.message}{hint}") from None
