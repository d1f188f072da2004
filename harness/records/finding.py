"""Findings: a phenomenon, its cause, the measured values that show it, and what proved it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["shown", "proved", "withdrawn"]
SHOWN: State = "shown"
PROVED: State = "proved"
WITHDRAWN: State = "withdrawn"
"""Measured values fit the cause; the cause was taken away and the phenomenon with it; it was taken away and
the phenomenon stayed."""


Kind = Literal["place", "gain", "no gain", "trouble", "choice", "doubt"]
"""What bounds a case; why it is faster than its baseline; why it is not; something that is not as it should
be; what to choose; noise too large to say."""


@dataclass(frozen=True)
class Intervention:
    """An experiment that takes a cause away: two configurations to measure in lock-step."""

    text: str
    """What is taken away, e.g. `weights cast once instead of in every call`."""
    base: dict[str, str]
    """Axis -> value as on the command line, with the cause in place."""
    new: dict[str, str]
    """The axes that differ, with the cause taken away."""
    expect: Literal["faster", "slower", "equivalent", "correct", "smaller"]
    """What the new side is if the cause is the cause."""
    per_item: bool = False
    """Whether times are divided by the batch size: where that is what was changed."""
    at_least: float | None = None
    """The cause accounts for this much: time of base over time of new must be able to reach it."""
    beyond: float | None = None
    """The whole interval must be beyond this: so much could be due to what else was changed."""
    besides: str | None = None
    """What else it changes, e.g. `the kernels that run`: that may cost what the cause did, so only success
    says something."""


@dataclass(frozen=True)
class Proof:
    """What became of an intervention."""

    finding: str
    """The key of the finding."""
    records: list[str]
    """Ids of the records that the finding is about."""
    intervention: Intervention
    proved: bool | None
    """Null if the experiment could not say."""
    word: str | None
    """The verdict on the new side: faster, slower, equivalent, inconclusive."""
    ratio: float | None
    """Time of base over time of new: above 1, taking the cause away made it faster."""
    low: float | None
    high: float | None
    pairs: int
    at: str
    """UTC, ISO 8601."""
    comparison: str | None = None
    """The id of the stored comparison."""
    reason: str | None = None
    """Why there is no verdict, in one sentence."""


@dataclass(frozen=True)
class Finding:
    """A phenomenon with its cause and the measured values that show it."""

    phenomenon: str
    cause: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """What was measured: name with unit -> value."""
    advice: str | None = None
    """What to do about it: a command to try, where there is one."""
    records: list[str] = field(default_factory=list)
    """Ids of the records it is about, the one that it explains first."""
    key: str = ""
    """Which rule found it: stable, for programs."""
    subject: str = ""
    """Whose phenomenon it is, in words: `mlp at batch 64, bf16-true on eager`."""
    kind: Kind = "place"
    state: State = SHOWN
    proof: Proof | None = None
    intervention: Intervention | None = None
    """The experiment that would prove it; null where a cause cannot be taken away."""


@dataclass(frozen=True)
class Place:
    """Where a case stands among what the machine can do: shares of its latency, each a lower bound."""

    bound: str
    """`host`, `memory`, `arithmetic`, `waiting`, or `none` if no ceiling accounts for half of the time."""
    share: float
    """The share of the ceiling that it is bound by: 1 is as fast as that allows."""
    host: float | None = None
    """Operators times what one costs the host, over latency."""
    memory: float | None = None
    """Bytes over the bandwidth of a working set of that size, over latency."""
    arithmetic: float | None = None
    """Floating-point operations over the rate of large matrix products, over latency."""
    ceiling: str = ""
    """The ceiling in words: `0.22 TFLOP/s bfloat16`."""


@dataclass(frozen=True)
class Explanation:
    """Why a row's number is what it is."""

    explained: bool
    text: str
    """The cause in one sentence, or `not explained`."""
    state: State = SHOWN
    """Of the finding that explains it."""
    key: str = ""
    """Of that finding; empty if there is none."""
    ruled_out: list[str] = field(default_factory=list)
    """What was looked for and is not the cause, each with its measured value; of rows not explained."""


@dataclass(frozen=True)
class Coverage:
    """How many rows of a report are explained."""

    rows: int
    explained: int
    proved: int
    """Of those, by an experiment."""


@dataclass(frozen=True)
class Step:
    """One change on the way: how many times as fast it made a call, over pairs of processes."""

    name: str
    """What was changed: a precision, a runner, `option=value`."""
    ratio: float
    low: float | None
    high: float | None
    latency_ms: float | None = None
    """Of a call after it."""


@dataclass(frozen=True)
class Waterfall:
    """The way from a baseline to the best configuration, one change at a time, measured in one session."""

    model: str
    baseline: str
    best: str
    steps: list[Step]
    total: Step
    """From the first to the last configuration, in the same pairs."""
    product: float
    """Of the steps; the total's ratio up to rounding, since both come from the same pairs."""
    stored: Step | None
    """The same total as the run measured it, days or minutes before, in other processes."""
    agrees: bool
    """Whether the product lies in the total's interval, and that interval meets the stored one's."""
    pairs: int
    comparison: str
    order: str = ""
    """Why the changes come in this order: another one may give them other shares of the same total."""
    baseline_ms: float | None = None
    """Of a call of the baseline, in the same pairs."""
