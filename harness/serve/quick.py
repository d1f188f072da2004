"""Three batch sizes measured where the service runs: by the harness's engine, in the one thread."""

from __future__ import annotations

import logging
import statistics
import uuid
from dataclasses import dataclass, field
from typing import Any

from harness.execute.worker import failure_of
from harness.measure import engine
from harness.measure.calls import Subject
from harness.serve.model import ServedModel

SIZES = (1, 16, 64)
NOTE = (
    "one process that also answers HTTP, so there is no interval and no proof; "
    "`harness run` measures several fresh processes"
)
log = logging.getLogger("harness.serve")


@dataclass(frozen=True)
class Quick:
    """One batch size: what was measured, or why nothing was."""

    latency_ms: float | None = None
    """The median of the timed calls."""
    throughput_samples_s: float | None = None
    calls: int = 0
    warm_up: str | None = None
    warm_up_calls: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class QuickResult:
    """All of them, as the route answers."""

    sizes: dict[int, Quick] = field(default_factory=dict)
    precision: str = ""

    def body(self) -> dict[str, Any]:
        return {
            **{f"batch_{size}": vars(one) for size, one in self.sizes.items()},
            "precision": self.precision,
            "processes": 1,
            "interval": None,
            "note": NOTE,
        }


def measure(model: ServedModel) -> QuickResult:
    """Measures each size in turn; a size that fails has a reason, and the others go on."""
    return QuickResult({size: _one(model, size) for size in SIZES}, model.own.precision)


def _one(model: ServedModel, size: int) -> Quick:
    most = model.settings.max_batch
    if size > most:
        return Quick(reason=f"this service takes batches of at most {most}")
    try:
        return _measured(model, size)
    except Exception as error:
        fault = uuid.uuid4().hex[:12]
        log.exception("fault %s: the benchmark of batch %d failed", fault, size)
        return Quick(reason=f"{failure_of(error).status.replace('_', ' ')}: the log has it under {fault}")


def _measured(model: ServedModel, size: int) -> Quick:
    case = model.own_at(size)
    session = case.session
    subject = Subject(session, case.feeds, case.synchronise, session.events, case.reset)
    case.call(case.feeds[0])
    found = engine.measure(subject, _budget(model))
    calls = len(found.stamps_ns) * found.calls_per_stamp
    if found.events:
        return Quick(
            calls=calls, warm_up=found.warm_up, reason=f"it compiled {found.events} times while it was timed"
        )
    median_s = statistics.median(found.call_ns) / 1e9
    return Quick(median_s * 1e3, size / median_s, calls, found.warm_up, found.warm_up_calls)


def _budget(model: ServedModel) -> engine.Budget:
    """Shorter than a replicate's: everyone else waits meanwhile."""
    if model.planned.emulated:
        return engine.Budget.emulated(0.05, 3)
    return engine.Budget(warm_up_max=1.0, blocks=5, most=1.0)
