"""The bodies of requests and answers, as they are checked and as /openapi.json shows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from harness.serve.settings import MOST_BATCH

Size = Annotated[int, Field(ge=1, le=MOST_BATCH)]


class InferBody(BaseModel):
    """What to run: random input of some size, or real inputs."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"batch_size": 1, "dtype": None}]}
    )

    batch_size: Size | None = Field(
        default=None,
        description="Samples of random input; 1 by default. `inputs` must agree with it.",
    )
    input_dim: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="For a model with such a parameter; no other value than it was loaded with.",
    )
    dtype: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="A precision, e.g. fp16 or bf16; null is the service's own."
    )
    inputs: list[Any] | dict[str, Any] | None = Field(
        default=None,
        description="Real inputs, batch first: nested lists, or an object of them by name.",
    )
    return_output: bool = Field(default=False, description="Whether the answer holds the output's values.")


class InferAnswer(BaseModel):
    """What one call gave."""

    output_shape: list[int] | list[list[int]] = Field(
        description="Of the output; a list of them for several."
    )
    output_dtype: str | list[str]
    latency_ms: float = Field(
        description="The synchronised call alone: inputs already on the device, output left there."
    )
    queue_ms: float = Field(description="From the parsed request to the start of its work.")
    batch_size: int
    padded_to: int | None = Field(description="The size the batch was filled up to, if it was.")
    device: str
    dtype_used: str = Field(description="The precision's own name.")
    nonfinite: int = Field(description="How many values of the output are NaN or infinite; null in `output`.")
    output: Any = Field(default=None, description="Nested lists; a list of them for several outputs.")


class Memory(BaseModel):
    """MiB now."""

    host_mib: float | None = Field(description="Resident memory of the process.")
    allocated_mib: float | None = Field(description="Of torch's allocator on CUDA; null on a CPU.")
    reserved_mib: float | None


class Batches(BaseModel):
    """What batch sizes there are sessions for."""

    max: int
    sessions: str | list[int] = Field(description="`any`, or the sizes that other batches are padded up to.")


class Queue(BaseModel):
    """How busy the one thread is."""

    waiting: int
    limit: int
    running_s: float | None = Field(description="How long the call that runs has been running.")


class Verified(BaseModel):
    """How right the output was when the model was loaded, against eager float64."""

    passed: bool
    error: float | None
    tolerance: float
    reference: str


class InputField(BaseModel):
    """One input tensor the model takes."""

    name: str
    shape: list[int | str]
    dtype: str


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(description="`ok`, or `broken` with a code of 503.")
    device: str
    cuda_available: bool
    memory: Memory
    model: str
    runner: str
    precision: str
    threads: int
    inputs: list[InputField]
    batch: Batches
    verification: Verified | None
    queue: Queue
    uptime_s: float


class Quick(BaseModel):
    """One batch size, measured by the harness's engine; or why not."""

    latency_ms: float | None = Field(description="The median of the timed calls.")
    throughput_samples_s: float | None
    calls: int = 0
    warm_up: str | None = Field(
        default=None, description="How the warm-up ended: flat, warm-up, slowdown, no steady state or capped."
    )
    warm_up_calls: int = 0
    reason: str | None = None


class QuickAnswer(BaseModel):
    """Three batch sizes in the serving process."""

    batch_1: Quick
    batch_16: Quick
    batch_64: Quick
    precision: str
    processes: int
    interval: None = Field(description="One process has no interval; `harness run` measures several.")
    note: str


class Refusal(BaseModel):
    """Why a request was not answered."""

    error: str
    field: str | None = Field(default=None, description="What in the request is wrong.")
    id: str | None = Field(default=None, description="Of a fault: the log has it with the traceback.")
