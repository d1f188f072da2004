"""Checks of `Model.inputs` and `Model.items`: drawn under the seed in force, batch first."""

from __future__ import annotations

import math

from harness import registry
from harness.components import Inputs
from harness.conformance.bench import Bench, digest_of, tensors_of
from harness.conformance.contract import Failed, check

INPUTS = "model.inputs"


def sizes() -> list[int]:
    """The batch sizes that models are tried with."""
    return list(registry.conformance()["model"]["batch_sizes"])


@check(
    INPUTS,
    "harness.Inputs with tensors on the CPU from inputs()",
    "return harness.Inputs(x, mask=m): what the module is called with, on the CPU",
)
def inputs(bench: Bench) -> str | None:
    bench.stage("drawing inputs")
    found = bench.model.inputs(bench.params, 3)
    if not isinstance(found, Inputs):
        raise Failed(type(found).__name__)
    tensors = tensors_of(found)
    if not tensors:
        raise Failed("no tensor in them")
    for tensor in tensors:
        if tensor.device.type != "cpu":
            raise Failed(f"a tensor on {tensor.device}")
        if tensor.requires_grad:
            raise Failed("a tensor that requires grad")
    return None


@check(
    "model.inputs-batch",
    "inputs whose first axis is the batch size that was asked for",
    "make the first axis of every tensor that has one row a sample `batch_size` long",
    needs=(INPUTS,),
)
def inputs_batch(bench: Bench) -> str | None:
    work = bench.work()
    lengths: dict[int, list[int | None]] = {}
    for size in sizes():
        tensors = tensors_of(work.raw_inputs(0, size))
        lengths[size] = [t.shape[0] if t.dim() else None for t in tensors]
    counts = {len(found) for found in lengths.values()}
    if len(counts) != 1:
        raise Failed(f"{' or '.join(map(str, sorted(counts)))} tensors, depending on the batch size")
    follows = False
    for position in range(counts.pop()):
        row = {size: found[position] for size, found in lengths.items()}
        if len(set(row.values())) == 1:
            continue
        per_sample = {None if n is None else n / size for size, n in row.items()}
        if len(per_sample) != 1:
            texts = ", ".join(f"{n} at batch {size}" for size, n in row.items())
            raise Failed(f"a first axis of {texts} in tensor {position}")
        follows = True
    if not follows:
        texts = ", ".join(str(size) for size in lengths)
        raise Failed(f"inputs of the same size at batch {texts}")
    return None


@check(
    "model.inputs-seeded",
    "the same inputs under the same seed in every process",
    "draw from torch's, numpy's or Python's global generator, and from nothing else",
    needs=(INPUTS,),
    twice=True,
)
def inputs_seeded(bench: Bench) -> str | None:
    bench.stage("drawing inputs")
    work = bench.work()
    bench.data["inputs"] = [digest_of(work.raw_inputs(number)) for number in range(3)]
    return None


@check(
    "model.inputs-vary",
    "other inputs in each set",
    "draw them at random: on one input alone a cached result looks right",
    needs=(INPUTS,),
)
def inputs_vary(bench: Bench) -> str | None:
    work = bench.work()
    digests = [digest_of(work.raw_inputs(number)) for number in range(3)]
    if len(set(digests)) < len(digests):
        raise Failed("the same values in two sets")
    return None


@check(
    "model.items",
    "a whole number above 0 from items(), not smaller for a larger batch",
    "count what one call processes: items(params, batch_size)",
)
def items(bench: Bench) -> str | None:
    found = []
    for size in sizes():
        count = bench.model.items(bench.params, size)
        if isinstance(count, float) and not (math.isfinite(count) and count == int(count)):
            raise Failed(f"{count!r} at batch {size}")
        if not isinstance(count, (int, float)) or isinstance(count, bool) or count < 1:
            raise Failed(f"{count!r} at batch {size}")
        if bench.model.items(bench.params, size) != count:
            raise Failed(f"another number at the second time at batch {size}")
        found.append(count)
    if found != sorted(found):
        raise Failed(f"{', '.join(map(str, found))} at batch {', '.join(map(str, sizes()))}")
    return None
