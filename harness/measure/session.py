"""The session of anything that is called like a torch module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.components import Inputs
from harness.measure.leaves import stored_bytes
from harness.runner import Profiling, Session, Work

if TYPE_CHECKING:
    import torch

    from harness.records.profile import Recording


class TorchSession(Session):
    """Calls a torch callable as a user would: inference mode and, where the precision has one, its
    context are entered anew for every call, and their cost is part of the latency.

    Args:
        work: the case.
        call: what is called with the inputs' args and kwargs; `work.module` or what was made of it.
    """

    def __init__(self, work: Work, call: Callable[..., Any]) -> None:
        import torch

        self._work = work
        self._call = call
        self._mode = torch.inference_mode
        has_context = work.precision.context(work.device) is not None
        self._run = self._in_context if has_context else self._plain

    def bind(self, inputs: Inputs) -> Inputs:
        return inputs

    def __call__(self, feed: Inputs) -> Any:
        return self._run(feed)

    def _plain(self, feed: Inputs) -> Any:
        with self._mode():
            return self._call(*feed.args, **feed.kwargs)

    def _in_context(self, feed: Inputs) -> Any:
        context = self._work.precision.context(self._work.device)
        assert context is not None
        with self._mode(), context:
            return self._call(*feed.args, **feed.kwargs)

    def weights_bytes(self) -> int | None:
        """Bytes of the module's parameters and buffers, shared storage counted once."""
        module: torch.nn.Module = self._work.module
        return stored_bytes([*module.parameters(), *module.buffers()])

    def profile(self, asked: Profiling) -> Recording:
        """With torch's profiler; with source lines where what is called is the model's own module."""
        from harness.measure.torchprofile import profile_torch

        # In compiled or traced code the lines of the model no longer run.
        own = self._call is self._work.module
        modules = dict(self._work.module.named_modules()) if asked.lines and own else None
        return profile_torch(asked, modules)

    def close(self) -> None:
        self._call = _closed


def _closed(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the session is closed")
