"""How a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a run measures; options of the command, stored with it."""

    passes: int = 3
    """Replicates of every case; the first ones only if the run aims at a width (`until`)."""
    timeout_s: float = 600.0
    time_budget_s: float | None = None
    """No new replicate is started so many seconds after the first pass."""
    block_s: float = 0.1
    blocks: int = 5
    warm_up_s: float = 3.0
    """The longest warm-up: a replicate that has not become steady by then is timed as it is."""
    tolerance: float | None = None
    """Loosens every tolerance to this; printed with every result."""
    memory: bool = True
    memory_limit_bytes: int | None = None
    """What the processes of a case may hold together; None for what the machine has."""
    until: float | None = None
    """The relative half-width of the 95 % interval at which a case needs no further pass: 0.05 is 5 %.
    None: every case gets `passes` replicates and no more."""
    most_passes: int = 12
    """Not even a case whose interval stays above `until` gets more replicates."""
    further_s: float | None = 300.0
    """What passes beyond the first `passes` may take together; None for no limit but `time_budget_s`."""
    throughput: bool = False
    """Sustained throughput is measured, too, in processes of its own."""
    callers: int | None = None
    """Calls under way at once when it is; None: as many as give the most."""
    windows: int = 10
    """Windows in each of those processes."""
    window_s: float = 1.0
    anatomy: bool = False
    """One inference of each case is taken apart, in a process of its own: what findings rest on."""
