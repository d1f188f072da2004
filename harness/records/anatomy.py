"""What one inference consists of: the evidence that findings rest on.

Found out in a process that times nothing else. Times are milliseconds for one inference, counts are of
one inference, and `null` means: not known. A profiler's times are longer than life where operators are
small; what it adds to each has been taken out as well as can be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MATMUL, CONVOLUTION, ATTENTION, LOOKUP = "matmul", "convolution", "attention", "lookup"
ELEMENTWISE, NORMALISATION, REDUCTION = "elementwise", "normalisation", "reduction"
CAST, COPY, GENERATED, OTHER = "cast", "copy", "generated", "other"
CATEGORIES = (
    MATMUL,
    CONVOLUTION,
    ATTENTION,
    LOOKUP,
    ELEMENTWISE,
    NORMALISATION,
    REDUCTION,
    CAST,
    COPY,
    GENERATED,
    OTHER,
)
"""What operators do. `cast` changes a tensor's number format, `copy` moves it as it is, `lookup` gathers
rows (an embedding), `generated` is code that a compiler made and named itself."""


@dataclass(frozen=True)
class OperatorShare:
    """All calls of one operator on tensors of the same shapes in one inference."""

    name: str
    category: str
    calls: float
    ms: float
    """Of its own, on the host; on a device with a profiler that tells, of its kernels."""
    shapes: str = ""


@dataclass(frozen=True)
class KernelUse:
    """A kernel that a library or the device says it ran."""

    library: str
    """`oneDNN`, `CUDA`, ..."""
    name: str
    """As the library writes it, e.g. `brg_matmul:avx512_core_bf16`."""
    calls: float
    ms: float | None = None
    formats: str = ""
    """Of source, weights and destination: `bf16 bf16 bf16`."""


@dataclass(frozen=True)
class Demand:
    """What the model asks for in one inference at the case's precision, whoever runs it: counted by
    calling it in eager mode with every operator watched.
    """

    flops: int | None
    """Floating-point operations of matrix products, convolutions and attention (two for a
    multiply-add), by torch's flop counter; it knows no others."""
    operators: int
    """Operators that compute or move something; views are none."""
    moved_bytes: int
    """Read and written by those operators, one by one: what unfused code moves."""
    least_bytes: int
    """Of the weights that are read, the inputs and the outputs, once: nobody can move less."""
    weights_bytes: int
    """Of all weights, read or not."""
    largest_bytes: int
    """Of the largest tensor that an operator makes."""
    casts: int
    """Changes of number format."""
    cast_bytes: int
    """Read and written by them."""
    weight_casts: int = 0
    """Those of them that cast a weight, the same in every inference."""
    formats: dict[str, int] = field(default_factory=dict)
    """Number format of the outputs -> floating-point operators that make one."""
    flops_by_format: dict[str, int] = field(default_factory=dict)
    """Number format of the outputs -> floating-point operations."""
    stand_in: bool = False
    """Counted of the model in float32, since the runner has a way of its own to the precision: neither bytes
    nor formats are those of the case."""


@dataclass(frozen=True)
class Anatomy:
    """One inference, taken apart."""

    calls: int
    """Inferences that were profiled; numbers below are of one."""
    plain_ms: float
    """One inference in this process with nothing watching: the median."""
    profiled_ms: float
    """The same under the profiler."""
    operators: list[OperatorShare]
    """The most expensive first; those beyond a dozen are summed up in one named `others`."""
    categories: dict[str, float]
    """Category -> milliseconds of all its operators."""
    operator_calls: float
    """Of all operators that the session ran, as its own profiler sees them."""
    outside_ms: float
    """Not inside any operator: Python, dispatch, a runtime's own doing, waiting."""
    cpu_ms: float | None = None
    """Processor time of all threads together."""
    caller_cpu_ms: float | None = None
    """Processor time of the thread that calls; what is missing to `plain_ms` it waited for something."""
    page_faults: float | None = None
    """Pages that the kernel had to provide in one inference (minor faults)."""
    waits: float | None = None
    """How often the calling thread gave the processor up by itself (voluntary context switches)."""
    kernels: list[KernelUse] = field(default_factory=list)
    """The most expensive first."""
    device_ms: float | None = None
    """Kernels, copies and fills on an accelerator."""
    launches: float | None = None
    """Kernels launched on an accelerator."""
    busy_share: float | None = None
    """Of the profiled time, with at least one kernel running."""
    demand: Demand | None = None
    """Null where the model cannot be called in eager mode at this precision."""
    notes: list[str] = field(default_factory=list)
