"""How a child ended, as a status and one sentence."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import Any

from harness.answers import Failure, SampleResult
from harness.execute.child import Outcome
from harness.execute.limits import NO_ANSWERS, OUT_OF_MEMORY
from harness.records import codec
from harness.records.events import OK, Sample, Verification

_DOING = {
    None: "starting",
    "reference": "making the reference",
    "build": "making its files",
    "load": "loading",
    "verify": "verifying",
    "measure": "measuring",
    "export": "exporting",
    "other batch sizes": "trying other batch sizes",
    "profile": "profiling",
    "throughput": "calling from several callers",
}
_LONGEST_STAGE = 60
_OWN_FAILURES = ("failed", "unsupported", "out_of_memory")
"""What a child can say of itself; everything else is found out by its parent."""
_FATAL = re.compile(r"^Fatal Python error: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Ending:
    """What became of a job."""

    status: str
    reason: str | None
    detail: str | None
    stage: str | None


def ending(outcome: Outcome, timeout_s: float) -> Ending:
    """Status and reason of a job, whatever it was."""
    said_stage = outcome.messages.get("stage")
    stage = said_stage if isinstance(said_stage, str) else None
    doing = _DOING.get(stage) or " ".join(str(stage).split())[:_LONGEST_STAGE]
    log = outcome.log.strip() or None

    def end(status: str, reason: str | None, detail: str | None = log) -> Ending:
        return Ending(status, reason, detail, stage)

    if outcome.interrupted:
        return end("interrupted", f"interrupted while {doing}")
    if outcome.timed_out:
        return end("timeout", f"not done within {timeout_s:g} s, ended while {doing}")
    if outcome.breach is not None:
        return end(outcome.breach.status, f"{outcome.breach.text}: ended while {doing}")
    if outcome.oom_killed:
        return end("out_of_memory", f"ended by the kernel's out-of-memory killer while {doing}")
    if outcome.lost:
        return end("crashed", f"its parent process died while it was {doing}")
    if outcome.signal is not None:
        said = f"{_signal_name(outcome.signal)} while {doing}{_fatal(outcome.log)}"
        # A library that cannot get memory mostly says so and aborts.
        if outcome.signal == signal.SIGABRT and OUT_OF_MEMORY.search(outcome.log):
            return end("out_of_memory", said)
        return end("crashed", said + _sender(outcome))
    if "failure" in outcome.messages:
        failure = _message(outcome, "failure", Failure)
        if failure is not None and failure.status in _OWN_FAILURES:
            said = "\n".join(x for x in (failure.detail, log) if x)
            reason = failure.reason
            if failure.status not in ("unsupported", "out_of_memory"):
                reason = f"{doing}: {failure.reason}"
            return end(failure.status, reason, said or None)
    if "result" not in outcome.messages:
        if outcome.garbled:
            return end("failed", f"its code wrote into the pipe of its answers while {doing}")
        if outcome.exit_code == NO_ANSWERS:
            return end("failed", f"its code closed the pipe of its answers while {doing}")
        return end("failed", f"its process ended itself with code {outcome.exit_code} while {doing}")
    return end(OK, None, None)


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    words = {"SIGSEGV": " (segmentation fault)", "SIGABRT": " (abort)", "SIGILL": " (illegal instruction)"}
    return f"killed by {name}{words.get(name, '')}"


def _sender(outcome: Outcome) -> str:
    """Who may have sent a SIGKILL that the harness did not send."""
    if outcome.signal != signal.SIGKILL:
        return ""
    if outcome.oom_told:
        return ", by itself or another process: the kernel's out-of-memory killer did not strike"
    return ", probably by the kernel's out-of-memory killer"


def _fatal(log: str) -> str:
    found = _FATAL.search(log)
    return f": {found[1]}" if found and found[1] not in ("Segmentation fault", "Aborted") else ""


def _message(outcome: Outcome, name: str, cls: type[Any]) -> Any:
    """A message as its type; None if a child sent something else."""
    try:
        return codec.convert(outcome.messages[name], cls)
    except (KeyError, codec.ValidationError):
        return None


def result(outcome: Outcome, cls: type[Any]) -> Any:
    """The job's result as its type, None if there is none."""
    return _message(outcome, "result", cls)


def sample_of(outcome: Outcome, case: str, replicate: int, started: str, timeout_s: float) -> Sample:
    """The event of one replicate."""
    end = ending(outcome, timeout_s)
    found: SampleResult | None = result(outcome, SampleResult) if end.status == OK else None
    verification: Verification | None = _message(outcome, "verification", Verification)
    if end.status == OK and found is None:
        end = Ending("failed", "its process sent an answer that cannot be read", end.detail, end.stage)
    if found is None:
        return Sample(
            case=case,
            replicate=replicate,
            status=end.status,
            started=started,
            seconds=outcome.seconds,
            reason=end.reason,
            detail=end.detail,
            stage=end.stage,
            verification=verification,
        )
    status, reason = OK, None
    if found.verification is not None and not found.verification.passed:
        status, reason = "incorrect", found.verification.reason
    elif found.spoiled:
        status, reason = "failed", found.spoiled
    return Sample(
        case=case,
        replicate=replicate,
        status=status,
        started=started,
        seconds=outcome.seconds,
        reason=reason,
        detail=outcome.log.strip() or None if reason else None,
        stage="done",
        ready_s=found.ready_s,
        load_s=found.load_s,
        timing=found.timing,
        verification=found.verification,
        facts=found.facts,
        warnings=found.warnings,
    )
