"""What every process that times a case does around the timing: load and verify before it, verify once
more and read the facts back after it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import TYPE_CHECKING, Any

from harness.channel import Channel
from harness.jobs import CaseJob
from harness.measure import engine, steadiness
from harness.measure.audit import Audit
from harness.measure.calls import Subject
from harness.measure.device_time import CudaStream, DeviceTime, device_time, settle
from harness.measure.loaded import LoadedCase
from harness.measure.nvidia import NvidiaProbe
from harness.measure.verify import repeated
from harness.records.events import Verification

if TYPE_CHECKING:
    import torch

    from harness.measure.prepare import CaseWork

ROTATING = 4
"""How many bound sets of inputs the timed calls rotate through."""
PATIENCE_S = 2.0
"""Replicates after the first stop verifying further inputs once they have spent this long on it."""
_WARM_UP_WARNINGS = {
    steadiness.UNSTEADY: ["no steady state: its times still changed while they were taken"],
    steadiness.SLOWDOWN: ["a slowdown: its calls were quicker at first, or grew slower all the time"],
}


class TimedCase:
    """A case that is loaded and verified, ready to be timed.

    Args:
        work: its components.
        job: which case, and how.
        channel: told of each stage, and of the verification as soon as it is known.
    """

    def __init__(self, work: CaseWork, job: CaseJob, channel: Channel) -> None:
        self.job = job
        self.clock_mhz: float | None = None
        """The accelerator's clock, by its own probe, once it was worked warm for device time."""
        self._channel = channel
        case = self.case = LoadedCase(work, job)
        channel.send("stage", "load")
        case.load()
        channel.send("stage", "verify")
        self._outputs: list[list[torch.Tensor]] = case.outputs(
            case.feeds, patience_s=PATIENCE_S if job.replicate else None
        )
        self.verification: Verification | None
        self.verification, self.warnings = case.verified(self._outputs)
        if self.verification is not None:
            channel.send("verification", self.verification)
        channel.send("stage", "measure")

    @property
    def ready_s(self) -> float:
        """From the start of loading to the end of the first call."""
        return self.case.load_s + self.case.first_s

    def subject(self) -> Subject:
        """What the engine times."""
        case, session = self.case, self.case.session
        return Subject(session, case.feeds[:ROTATING], case.synchronise, session.events, case.reset)

    def budget(self) -> engine.Budget:
        settings = self.job.settings
        if self.job.planned.emulated:
            return engine.Budget.emulated(settings.block_s, settings.blocks)
        return engine.Budget(warm_up_max=settings.warm_up_s, block=settings.block_s, blocks=settings.blocks)

    def audit(self) -> Audit:
        """Who watches the timed blocks."""
        device = self.case.work.device
        if device.type != "cuda":
            return Audit()
        import torch

        uuid = getattr(torch.cuda.get_device_properties(device.index), "uuid", None)
        return Audit(gpu=NvidiaProbe.open(str(uuid)) if uuid is not None else None)

    def device_timer(self) -> Callable[[int], DeviceTime] | None:
        """Times so many blocks of the device's own work; None where calls return finished."""
        device, session = self.case.work.device, self.case.session
        if device.type != "cuda":
            return None
        if not session.on_torch_stream:
            return lambda _: DeviceTime([], "its runtime has a stream of its own: no device time apart")
        if self.case.reset is not None:
            return lambda _: DeviceTime([], "the model is reset before every call: no device time apart")
        feeds = cycle(self.case.feeds[:ROTATING])
        stream = CudaStream(device.index)

        def call() -> None:
            session(next(feeds))

        def timed(blocks: int) -> DeviceTime:
            if self.clock_mhz is None:
                self.clock_mhz = settle(stream.clock_mhz, call)[-1]
            return device_time(stream, call, blocks)

        return timed

    def finish(self, warm_up: str) -> dict[str, Any]:
        """Verifies the first call once more, reads back what really ran, and closes the session.

        Args:
            warm_up: the class of its times.
        """
        case = self.case
        again = case.outputs(case.feeds[:1])
        after, more = case.verified([again[0], *self._outputs[1:]])
        before = self.verification
        repeat = repeated(self._outputs[0], again[0], case.work.case.batch_size)
        changed = repeat.partition(":")[0] if repeat else ""
        if before is not None and after is not None and before.passed and not after.passed:
            why = "its inputs are changed in place" if case.inputs_changed() else changed
            what = f" ({why})" if why else ""
            reason = f"right before the timed calls, wrong after them: {after.reason}{what}"
            self.verification = Verification(**{**vars(after), "reason": reason})
            self._channel.send("verification", self.verification)
        facts, modes = case.facts()
        if self.clock_mhz is not None:
            facts["device_clock_mhz"] = self.clock_mhz
        self.warnings += [w for w in more if w not in self.warnings]
        self.warnings += [*([repeat] if repeat else []), *modes, *_WARM_UP_WARNINGS.get(warm_up, [])]
        case.session.close()
        return facts


def spoiled(events: int) -> str | None:
    """Why times do not count in which something was compiled."""
    return f"it compiled or tuned {events} times while calls were timed" if events else None
