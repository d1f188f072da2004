"""What a client is told when a request cannot be answered: one sentence, and the field it is about."""

from __future__ import annotations

from harness.serve.gate import Closed


class Problem(Exception):
    """A request that is refused.

    Args:
        status: the HTTP status.
        text: one sentence for the client.
        field: what in the request is wrong, e.g. `batch_size` or `inputs.x`.
        retry_after_s: when to try again, for a 503.
    """

    def __init__(
        self, status: int, text: str, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.field = field
        self.retry_after_s = retry_after_s


def wrong(field: str, text: str) -> Problem:
    """A 422: this field has a value that cannot be."""
    return Problem(422, f"{field}: {text}", field)


def busy(error: Exception) -> Problem:
    """A 503: the gate takes no further request."""
    text = "the service is ending" if isinstance(error, Closed) else "as many as may wait do so already"
    return Problem(503, text, retry_after_s=1)
