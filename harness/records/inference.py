"""What one inference was: `harness infer --format json` prints it. Schema 1, as the report's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.records.case import Case, Environment
from harness.records.events import Verification

SCHEMA = 1


@dataclass(frozen=True)
class Usage:
    """Memory around a piece of code, in MiB."""

    before: float
    after: float
    peak: float

    @property
    def delta(self) -> float:
        """What is held afterwards that was not before; negative where memory was given back."""
        return self.after - self.before

    @property
    def rise(self) -> float:
        """How far the peak stood above the start."""
        return self.peak - self.before


@dataclass(frozen=True)
class Usages:
    """`Usage` of the host, and of torch's allocator on a CUDA device; None where unknown."""

    host: Usage | None = None
    allocated: Usage | None = None
    reserved: Usage | None = None


@dataclass(frozen=True)
class Tensor:
    """What is known of a tensor without its values."""

    shape: list[int]
    dtype: str
    device: str


@dataclass(frozen=True)
class Inference:
    """One inference of one case, in a fresh process."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    loading: Usages
    """Around loading and the first call."""
    calling: Usages
    """Around one more call."""
    load_s: float
    """Seconds of loading, without drawing random weights."""
    ready_s: float
    """Seconds from the start of loading to the end of the first call."""
    verification: Verification | None = None
    weights_mib: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class InferenceReport:
    """The public form: the inference, of what, and where."""

    schema: int
    case: Case
    environment: Environment
    inference: Inference
