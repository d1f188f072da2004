"""One thread for the model, and a bounded number of requests that wait for it.

Everything that touches torch or a runtime happens in this thread: inference mode and autocast belong
to a thread, runtimes keep pools for each thread that calls them, and the event loop stays free.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Full(Exception):
    """No further request fits in."""


class Closed(Exception):
    """The service is ending."""


class Gate:
    """Runs jobs one at a time, in the order they came.

    Args:
        limit: how many admitted requests may wait beside the one that runs.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inside = 0
        """Requests between their admission and their answer. Changed by the event loop alone."""
        self.cut_off = 0
        """How many of them were given up at the end of the service."""
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._since: float | None = None
        self._closed = False
        # A daemon: a model that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    # -- the thread -------------------------------------------------------------------------------

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            if not future.set_running_or_notify_cancel():
                continue  # nobody waits for it any more
            self._since = time.monotonic()
            try:
                result = job()
            except BaseException as error:
                self._since = None
                future.set_exception(_raisable(error))
            else:
                self._since = None
                future.set_result(result)
                del result
            del item, job, future

    # -- everyone else ----------------------------------------------------------------------------

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queues a job.

        Raises:
            Closed: the gate takes no more.
        """
        if self._closed:
            raise Closed
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    async def run(self, job: Callable[[], T]) -> T:
        """Queues a job and waits for it without blocking the event loop."""
        return await asyncio.wrap_future(self.submit(job))

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """For as long as a request is in the house, from before its body is read to its answer.

        Raises:
            Full: as many as may wait do so already.
        """
        if self.inside > self.limit:
            raise Full
        self.inside += 1
        try:
            yield
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        finally:
            self.inside -= 1

    @property
    def waiting(self) -> int:
        """Admitted requests that the model is not working on."""
        return max(0, self.inside - (self._since is not None))

    @property
    def running_s(self) -> float | None:
        """How long the job that runs has been running; None where none does."""
        since = self._since
        return None if since is None else time.monotonic() - since

    def close(self, timeout_s: float) -> bool:
        """Lets what is queued finish; False if that takes longer than `timeout_s`."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


def _raisable(error: BaseException) -> Exception:
    """An exception that a coroutine may raise: a model's SystemExit would end the service, and a
    StopIteration cannot pass through a future at all.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"the code of the model raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
