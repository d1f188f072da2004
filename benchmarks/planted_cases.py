"""What is planted where, and what an explanation must find: the data of `benchmarks.planted`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One row of a run's table, and the finding that must be among its findings."""

    key: str
    """Of the finding."""
    model: str
    runner: str = "eager"
    precision: str = "fp32"
    batch: int = 1


@dataclass(frozen=True)
class Plant:
    """One run with a known cause."""

    name: str
    cause: str
    """As its builder knows it."""
    expected: tuple[Row, ...]
    """Each must be named."""
    also: tuple[str, ...] = ()
    """Keys of other findings that are true of its rows, for the reason in `why`."""
    why: str = ""
    twins: tuple[str, ...] = ()
    """Models of the same run without the cause: healthy, so none is to be accused."""
    batches: tuple[int, ...] = ()
    """More batch sizes than those of the rows."""
    threads: int = 1
    """One unless threads are the point: a neighbour's process then disturbs least."""
    passes: int = 3
    unless: str = ""
    """A feature of processors which makes the cause impossible."""
    memory_gib: float = 1.0
    """That must be free."""
    proved_by: str = ""
    """The plant whose experiments stand for this one's, which would take hours."""

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys([*(r.model for r in self.expected), *self.twins]))

    @property
    def runners(self) -> list[str]:
        return list(dict.fromkeys(r.runner for r in self.expected))

    @property
    def precisions(self) -> list[str]:
        return list(dict.fromkeys(r.precision for r in self.expected))

    @property
    def batch_sizes(self) -> list[int]:
        return sorted({*(r.batch for r in self.expected), *self.batches})


@dataclass(frozen=True)
class Control:
    """A run in which nothing is planted."""

    name: str
    models: tuple[str, ...]
    precisions: tuple[str, ...] = ("fp32",)
    batch_sizes: tuple[int, ...] = (1, 64)
    runners: tuple[str, ...] = ("eager",)
    threads: int = 1
    passes: int = 3
    why: str = field(default="nothing is planted")


INT8 = (
    "native-format",
    "other-kernels",
    "fused",
    "half-the-bytes",
    "prepacked",
    "weights-cast",
    "pays-off",
    "arithmetic-bound",
)
QUARTER = "int8 is faster, and has a quarter of the bytes; in float32 the products bind"
COMPILED = "torch.compile does gain here, and says when that pays"

PLANTS: tuple[Plant, ...] = (
    Plant(
        "tiny-operators",
        "a hundred operators on 64 numbers: starting them takes the time",
        (Row("host-bound", "tiny-operators", batch=4),),
    ),
    Plant(
        "one-product",
        "one product of 512x2048 and 2048x2048: arithmetic, none of which a compiler can save",
        (
            Row("arithmetic-bound", "one-product", batch=512),
            Row("amdahl", "one-product", "compile", batch=512),
        ),
        also=("arithmetic-bound",),
        why="compiled or not, it is the same product",
    ),
    Plant(
        "native-format",
        "the same product in bfloat16: the processor has arithmetic for it",
        (Row("native-format", "one-product", precision="bf16-true", batch=512),),
        also=("arithmetic-bound", "weights-cast"),
        why="it is still arithmetic, on weights of half the size",
        unless="no avx512_bf16",
    ),
    Plant(
        "chain",
        "six operators over 1 GiB, each of which gets new pages from the kernel; one pass would do",
        (
            Row("page-faults", "chain:mib=64", batch=16),
            Row("kept-pages", "chain:mib=64", "compile", batch=16),
        ),
        also=("memory-bound", "page-faults", "pays-off"),
        why="large tensors are written by fused code too; " + COMPILED,
        passes=2,
        memory_gib=16.0,
        proved_by="small-chain",
    ),
    Plant(
        "small-chain",
        "the same six operators over 64 MiB",
        (
            Row("page-faults", "chain", batch=16),
            Row("kept-pages", "chain", "compile", batch=16),
        ),
        also=("memory-bound", "page-faults", "pays-off"),
        why="large tensors are written by fused code too; " + COMPILED,
    ),
    Plant(
        "branches",
        "four branches on the data, between operators that could be one kernel",
        (Row("graph-breaks", "branches", "compile", batch=4),),
        also=("fused", "pays-off", "host-bound", "python"),
        why=COMPILED
        + "; operators on 1024 numbers cost little more than their start; Python runs between graphs",
        twins=("branches:planted=false",),
    ),
    Plant(
        "shapes",
        "another shape in each of four calls, and then again",
        (Row("recompiles", "shapes", "compile", batch=4),),
        also=("host-bound", "python", "wrapping", "fused", "pays-off"),
        why="eight operators on 1024 numbers: starting them, or guards around compiled code, takes the time",
        twins=("shapes:planted=false",),
    ),
    Plant(
        "islands",
        "under autocast every weight and every activation is cast in every call",
        (
            Row("casts", "islands", precision="bf16-amp", batch=8),
            Row("weights-kept", "islands", precision="bf16-amp", batch=8),
        ),
        also=("memory-bound", "native-format"),
        why="24 MiB of weights for eight samples; the products are in a format that the processor has",
        unless="no avx512_bf16",
    ),
    Plant(
        "pretender",
        "a runner that says it accelerates, and calls the module",
        (Row("same-operators", "well", "pretender", batch=16),),
        also=("memory-bound", "arithmetic-bound"),
        why="what bounds the baseline bounds it too",
    ),
    Plant(
        "elsewhere",
        "a provider of ONNX Runtime that takes no node, so that another one takes them all",
        (
            Row(
                "fallback",
                "well",
                "onnxruntime:providers=AzureExecutionProvider+CPUExecutionProvider",
                batch=16,
            ),
        ),
        also=("fused", "prepacked", "other-kernels", "pays-off", "memory-bound", "arithmetic-bound"),
        why="the provider that takes them has quick kernels",
    ),
    Plant(
        "outlier",
        "a weight a thousand times as large as the others, one for each output of a layer, in int8",
        (Row("saturated", "outlier", "onnxruntime", "int8-dynamic", 16),),
        also=INT8,
        why=QUARTER,
        twins=("outlier:planted=false",),
    ),
    Plant(
        "outlier-of-one",
        "one such weight in a layer, in int8 with one scale for all outputs of a layer",
        (Row("saturated", "outlier:outputs=1", "onnxruntime:per_channel=false", "int8-dynamic", 16),),
        also=INT8,
        why=QUARTER,
        twins=("outlier:planted=false",),
    ),
    Plant(
        "sleeper",
        "sleeps 2 ms in every call",
        (Row("waiting", "sleeper", batch=4),),
        twins=("sleeper:planted=false",),
    ),
    Plant(
        "embedding",
        "4096 rows out of 200 000, looked up at random",
        (Row("lookup", "embedding", batch=16),),
        also=("memory-bound",),
        why="rows are read and written, and hardly anything else",
    ),
    Plant(
        "emulated",
        "float16 on a processor that has no arithmetic for it",
        (Row("emulated", "well:width=256", precision="fp16-amp", batch=16),),
        also=("weights-kept", "casts", "arithmetic-bound"),
        why="autocast casts weights in every call whatever the format; in float32 the products bind",
        unless="avx512_fp16",
    ),
    Plant(
        "small-products",
        "sixty products of 32x32 matrices, shared by two threads",
        (Row("threads", "small-products", batch=32),),
        also=("host-bound",),
        why="small operators cost little more than their start",
        threads=2,
    ),
    Plant(
        "subnormal",
        "twelve divisions of subnormal weights, each twice as slow as of normal ones",
        (Row("denormals", "subnormal", batch=1),),
        twins=("subnormal:planted=false",),
    ),
    Plant(
        "temporaries",
        "four results of 48 MiB, each in pages that the kernel must provide",
        (Row("page-faults", "temporaries", batch=16),),
        twins=("temporaries:planted=false",),
    ),
    Plant(
        "uneven",
        "a result of 32 MiB that every other process gets in new pages, the others in kept ones",
        (Row("uneven-faults", "uneven", batch=16),),
        also=("page-faults", "memory-bound", "too-noisy"),
        why="where most processes have the faults, so has the middle one",
        twins=("uneven:planted=false",),
        passes=8,
    ),
    Plant(
        "big-weights",
        "192 MiB of weights for one sample: reading them takes the time",
        (Row("memory-bound", "big-weights"),),
    ),
    Plant(
        "big-table",
        "128 MiB are read for their largest number: bfloat16 halves them",
        (
            Row("memory-bound", "big-table"),
            Row("half-the-bytes", "big-table", precision="bf16-true"),
        ),
        also=("memory-bound", "weights-cast"),
        why="half the table is still more than a cache holds",
    ),
    Plant(
        "python-loop",
        "a Python loop of 20 000 steps beside two small layers",
        (Row("python", "python-loop", batch=4),),
        twins=("python-loop:planted=false",),
    ),
    Plant(
        "promotes",
        "a float64 table that makes float64 of all after it",
        (Row("float64", "promotes", batch=8),),
        twins=("promotes:planted=false",),
    ),
    Plant(
        "layouts",
        "six changes of the layout between cheap operators",
        (Row("copies", "layouts", batch=1),),
        also=("memory-bound", "host-bound"),
        why="copies are reading and writing; small ones cost little more than their start",
        twins=("layouts:planted=false",),
    ),
    Plant(
        "fusable",
        "132 small operators that a compiler and a graph optimiser fuse",
        (
            Row("fused", "fusable", "compile", batch=4),
            Row("fused", "fusable", "onnxruntime", batch=4),
        ),
        also=("host-bound", "python", "pays-off"),
        why="before and after, starting operators is most of it, or calling what they became; " + COMPILED,
    ),
    Plant(
        "batches",
        "weights that are read once for any number of samples: throughput and latency grow with the batch",
        (Row("batch-knee", "well", batch=1),),
        batches=(4, 16, 64, 256),
        also=("memory-bound", "arithmetic-bound", "library-kernels"),
        why="from reading weights to multiplying them; between the two neither takes half of the time",
    ),
)

CONTROLS: tuple[Control, ...] = (
    Control("mlp", ("mlp",)),
    Control("cnn", ("cnn",)),
    Control("transformer", ("transformer",)),
    Control("well", ("well",), ("fp32", "bf16-true")),
    Control("two threads", ("mlp", "cnn", "transformer", "well"), batch_sizes=(64,), threads=2),
)
