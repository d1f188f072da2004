"""What a child process does with its job: dispatch, and every exception turned into one line."""

from __future__ import annotations

import sysconfig
import time
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.answers import BuildResult, Failure
from harness.catalogue.loading import BUILTINS, describe
from harness.channel import Channel
from harness.errors import HarnessError, Unsupported
from harness.execute import limits
from harness.execute.limits import NO_ANSWERS, OUT_OF_MEMORY
from harness.jobs import CaseJob, CeilingsJob, ConformanceJob, InventoryJob, OverheadJob, PlanJob, decode_job

_DETAIL = 8000
"""Characters of a traceback that are kept."""


_TASKS = {
    "reference": ("harness.measure.reference", "make"),
    "sample": ("harness.measure.sample", "take"),
    "memory": ("harness.measure.memory", "take"),
    "infer": ("harness.measure.infer", "take"),
    "check": ("harness.measure.check", "take"),
    "export": ("harness.measure.export", "write"),
    "verify": ("harness.measure.export", "verify"),
    "profile": ("harness.measure.profile", "take"),
    "anatomy": ("harness.measure.anatomy", "take"),
    "throughput": ("harness.measure.throughput", "take"),
    "arm": ("harness.measure.arm", "take"),
}
"""What is done with a prepared case, for each kind of job: imported when it is asked for."""


def main(job_file: str, fd: int, commands: int, memory: int | None = None) -> int:
    """Does the job in `job_file`, answers on `fd`, and returns the exit code of the process.

    Args:
        commands: the pipe from which some jobs are told what to do next.
        memory: the bytes that the process may hold.
    """
    channel = Channel(fd, commands)
    try:
        kind, job = decode_job(Path(job_file).read_bytes())
        limits.hold_memory(memory, rlimit=not _device_of(job).startswith("cuda"))
        _do(kind, job, channel)
    except BaseException as error:  # KeyboardInterrupt and whatever else code may raise, too
        try:
            channel.send("failure", failure_of(error, memory))
        except OSError:
            traceback.print_exception(error)
            return NO_ANSWERS
        return 1
    return 0


def _device_of(job: Any) -> str:
    """The device that a job is for; empty where it is for none."""
    case = getattr(job, "case", job)
    return case.planned.case.device if isinstance(case, CaseJob) else getattr(job, "device", "")


def _do(kind: str, job: Any, channel: Channel) -> None:
    if isinstance(job, PlanJob):
        from harness.plan.planner import make_plan

        channel.send("result", make_plan(job))
        return
    if isinstance(job, InventoryJob):
        from harness.plan.inventory import take_inventory

        channel.send("result", take_inventory(job.plugins))
        return
    if isinstance(job, OverheadJob):
        from harness.measure import overhead

        overhead.take(channel)
        return
    if isinstance(job, CeilingsJob):
        from harness.measure import ceilings

        ceilings.take(job, channel)
        return
    if isinstance(job, ConformanceJob):
        from harness.conformance.child import take

        take(job, channel)
        return
    from harness.measure.prepare import CaseWork

    case = job if isinstance(job, CaseJob) else job.case
    work = CaseWork(case, profiling=kind in ("profile", "anatomy"), in_passing=kind == "anatomy")
    if kind == "build":
        channel.send("stage", "build")
        start = time.perf_counter()
        work.runner.build(work)
        channel.send("result", BuildResult(time.perf_counter() - start - work.drawing_s))
    else:
        module, name = _TASKS[kind]
        getattr(import_module(module), name)(work, job, channel)


def failure_of(error: BaseException, memory: int | None = None) -> Failure:
    """A status and one sentence for an exception.

    Args:
        memory: the bytes that this process may hold, if there is a limit.
    """
    detail = "".join(traceback.format_exception(error))[-_DETAIL:]
    if isinstance(error, HarnessError):
        return Failure("failed", error.message, error.detail or detail, error.hint, usage=True)
    if isinstance(error, Unsupported):
        reason = " ".join(str(error).split()) or "its plugin gives no reason"
        return Failure("unsupported", reason, detail)
    if is_out_of_memory(error):
        held = "" if memory is None else f" (under --memory-limit {limits.size_text(memory)})"
        return Failure("out_of_memory", f"{describe(error)}{held}{_where(error)}", detail)
    if isinstance(error, SystemExit):
        return Failure("failed", f"the code ended its process: SystemExit({error.code!r})", detail)
    return Failure("failed", f"{describe(error)}{_where(error)}", detail)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator gave up: by type, or by what it says, since runtimes raise their own."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError | OSError) and bool(OUT_OF_MEMORY.search(str(error)))


def _where(error: BaseException) -> str:
    """The last line of the user's own code the error came through, as ` (net.py:12)`, or nothing."""
    paths = sysconfig.get_paths()
    core = Path(__file__).parent.parent
    others = [str(core), paths["stdlib"], paths["purelib"], "<"]
    box = find_spec(BUILTINS[0])
    if box is not None and box.origin is not None:
        others.append(str(Path(box.origin).parent.parent))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(tuple(others)) and "site-packages" not in frame.filename:
            return f" ({Path(frame.filename).name}:{frame.lineno})"
    return ""
