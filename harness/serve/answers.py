"""An answer as bytes: JSON for people and programs, npy and npz where the output is wanted as it is.

JSON has no NaN and no infinity: in lists both are null, and `nonfinite` counts them. npy keeps them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import msgspec

from harness.serve.problems import Problem
from harness.serve.variant import Answered

if TYPE_CHECKING:
    import numpy
    import torch

JSON, NPY, NPZ = "application/json", "application/x-npy", "application/x-npz"


def wanted(accept: str, several: bool) -> str:
    """Which of the three an Accept header asks for; JSON where it does not say, or takes anything.

    Raises:
        Problem: none of its types can be made of this output.
    """
    offers = []
    for position, part in enumerate(accept.lower().split(",")):
        name, *parameters = (p.strip() for p in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            quality = 0.0
        if quality > 0:
            offers.append((-quality, position, name))
    names = [name for _, _, name in sorted(offers)]
    if not accept.strip():
        return JSON
    for name in names:
        if name in (JSON, "application/*", "*/*"):
            return JSON
        if name == NPY and not several:
            return NPY
        if name in (NPZ, "application/zip"):
            return NPZ
    own = f"{JSON}, {NPZ}" if several else f"{JSON}, {NPY}, {NPZ}"
    raise Problem(406, f"the answer can be {own}", "accept")


def as_json(done: Answered, device: str, queue_ms: float, return_output: bool) -> bytes:
    """The answer with what was measured; the values of the output only if asked for."""
    leaves = done.leaves
    shapes = [list(leaf.shape) for leaf in leaves]
    body: dict[str, Any] = {
        "output_shape": shapes[0] if len(shapes) == 1 else shapes,
        "output_dtype": _one_or_all([str(leaf.dtype).removeprefix("torch.") for leaf in leaves]),
        "latency_ms": done.latency_ms,
        "queue_ms": queue_ms,
        "batch_size": done.batch_size,
        "padded_to": done.padded_to,
        "device": device,
        "dtype_used": done.precision,
        "nonfinite": sum(_nonfinite(leaf) for leaf in leaves),
    }
    if return_output:
        body["output"] = _one_or_all([_lists(leaf) for leaf in leaves])
    # NaN and infinities become null here.
    return msgspec.json.encode(body)


def as_numpy(done: Answered, form: str) -> bytes:
    """The output as an npy file, or as an npz file with `output_0`, `output_1`, ..."""
    import numpy

    stream = io.BytesIO()
    arrays = [_array(leaf) for leaf in done.leaves]
    if form == NPY:
        numpy.save(stream, arrays[0], allow_pickle=False)
    else:
        numpy.savez(stream, **{f"output_{k}": a for k, a in enumerate(arrays)})  # type: ignore[arg-type]
    return stream.getvalue()


def headers(done: Answered, device: str, queue_ms: float) -> dict[str, str]:
    """What an npy answer cannot say in its body."""
    return {
        "X-Latency-Ms": f"{done.latency_ms:.6g}",
        "X-Queue-Ms": f"{queue_ms:.6g}",
        "X-Device": device,
        "X-Dtype-Used": done.precision,
    }


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _nonfinite(leaf: torch.Tensor) -> int:
    import torch

    return int((~torch.isfinite(leaf)).sum())


def _lists(leaf: torch.Tensor) -> Any:
    """Nested lists; a complex number is [real, imaginary]."""
    import torch

    return (torch.view_as_real(leaf) if leaf.is_complex() else leaf).tolist()


def _array(leaf: torch.Tensor) -> numpy.ndarray[Any, Any]:
    """The tensor as numpy has it; bfloat16, which numpy lacks, as float32, which holds it exactly."""
    import torch

    array: numpy.ndarray[Any, Any] = (leaf.float() if leaf.dtype == torch.bfloat16 else leaf).numpy()
    return array
