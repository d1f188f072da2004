"""One seed for every generator a model may draw from: same seed, same weights, same inputs."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SAMPLED = 1024
"""Entries of each tensor that go into a digest: a sample spread over it, cheap for any size."""


def derive(seed: int, purpose: str) -> int:
    """A 63-bit seed for one purpose of a run, e.g. `weights` or `inputs 2`."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def drawing(seed: int, purpose: str) -> Iterator[None]:
    """Inside, torch's, numpy's and Python's global generators start from the derived seed.

    The states are not restored: a process of the harness draws for nothing else.
    """
    import numpy
    import torch

    value = derive(seed, purpose)
    # torch.manual_seed would also visit every accelerator that is not there, a millisecond each.
    torch.default_generator.manual_seed(value)
    if torch.version.cuda is not None:
        torch.cuda.manual_seed_all(value)
    numpy.random.seed(value % (1 << 32))
    random.seed(value)
    yield


def digest(tensors: Iterable[torch.Tensor]) -> str:
    """16 hex digits that two lists of tensors share if shapes, types and a sample of entries agree."""
    import torch

    whole = hashlib.sha256()
    for tensor in tensors:
        flat = tensor.detach().reshape(-1) if not tensor.is_sparse else tensor.to_dense().reshape(-1)
        step = max(1, flat.numel() // _SAMPLED)
        sample = flat[::step][:_SAMPLED].cpu().contiguous()
        whole.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        whole.update(sample.view(torch.uint8).numpy().tobytes() if sample.numel() else b"")
    return whole.hexdigest()[:16]
