"""How far one output lies from its reference: sums over all values of all calls, made piece by piece.

An output may be as large as memory allows (the logits of a language model are): nothing here makes another
copy of it. Pieces are columns: the same values of every sample, since a spread is over samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PIECE = 1 << 22
"""So many values of each side are held in float64 at a time: 32 MiB."""


@dataclass(frozen=True)
class Deviation:
    """One output over several calls, y, held against its reference, r."""

    error: float
    max_error: float
    max_abs_error: float
    cosine: float
    top1: float | None
    nonfinite: int
    spread: float
    """rms(r - m) / rms(r)."""
    compared: int
    """Values that the reference itself has: neither NaN nor Inf."""
    unknown: int
    """Values that it has not."""
    constant: bool
    """The reference is the same for every input."""


class _Sums:
    """Of float64 pieces: what the figures are made of."""

    def __init__(self) -> None:
        self.count = self.references = self.unknown = self.nonfinite = 0
        self.yy = self.rr = self.yr = self.size = self.around = self.apart = self.worst = 0.0

    def add(self, y: torch.Tensor, r: torch.Tensor) -> None:
        """Takes in a piece: (samples, values); what r has more of tells the spread alone."""
        import torch

        known = torch.isfinite(r)
        clean = torch.where(known, r, 0.0)
        self.references += r.numel()
        self.size += float(clean.square().sum())
        self.around += float((clean - clean.mean(dim=0, keepdim=True)).square().sum())
        known, r = known[: len(y)], clean[: len(y)]
        self.count += r.numel()
        self.unknown += int((~known).sum())
        self.nonfinite += int((~torch.isfinite(y) & known).sum())
        # What the reference itself cannot say is no fault of the output.
        y = torch.where(known, y, 0.0)
        self.rr += float(r.square().sum())
        self.yy += float(y.square().sum())
        self.yr += float((y * r).sum())
        apart = y - r
        self.apart += float(apart.square().sum())
        # max() lets a NaN pass or not, depending on the side it comes from.
        worst = float(apart.abs().max()) if apart.numel() else 0.0
        self.worst = (
            worst if math.isnan(worst) else self.worst if math.isnan(self.worst) else max(worst, self.worst)
        )


def deviation(ys: list[torch.Tensor], rs: list[torch.Tensor], batch_size: int) -> Deviation:
    """Holds the tensors of some calls against the references of the same calls, on the CPU.

    Args:
        rs: references of further calls may follow: the spread is that of all, so that a single output is
            held against the same scale as many.
        batch_size: leading size of an output that carries one row per sample.
    """
    complex_valued = any(t.is_complex() for t in (*ys, *rs))
    ys, rs = _plain(ys, complex_valued), _plain(rs, complex_valued)
    sums = _Sums()
    for y, r in _pieces(_rows(ys, rs, batch_size), _rows(rs, rs, batch_size)):
        sums.add(y, r)
    count = max(1, sums.count)
    references = max(1, sums.references)
    size, spread = math.sqrt(sums.size / references), math.sqrt(sums.around / references)
    # Rounding alone gives a constant a spread of 1e-16: that is none.
    varies = spread > 1e-9 * size
    scale = spread if varies else (size or 1.0)
    norm = math.sqrt(sums.yy) * math.sqrt(sums.rr)
    return Deviation(
        error=math.sqrt(sums.apart / count) / scale,
        max_error=sums.worst / scale,
        max_abs_error=sums.worst,
        cosine=sums.yr / norm if norm else float(sums.worst == 0.0),
        top1=_top1(ys, rs, batch_size),
        nonfinite=sums.nonfinite,
        # A constant output (a position table, say) is right if it is equal; nothing to warn of.
        spread=spread / size if varies else 1.0,
        compared=sums.count - sums.unknown,
        unknown=sums.unknown,
        constant=not varies,
    )


def _plain(parts: list[torch.Tensor], complex_valued: bool) -> list[torch.Tensor]:
    """Dense and real, on the CPU, in the format that they came in: a complex number as two."""
    import torch

    dense = [(p.to_dense() if p.is_sparse else p).detach().cpu() for p in parts]
    if not complex_valued:
        return dense
    return [
        torch.view_as_real((p if p.is_complex() else p.to(torch.complex128)).resolve_conj()) for p in dense
    ]


def _per_sample(parts: list[torch.Tensor], batch_size: int) -> bool:
    alike = len({p.shape[1:] for p in parts}) == 1
    return alike and all(p.dim() > 0 and p.shape[0] == batch_size for p in parts)


def _rows(parts: list[torch.Tensor], like: list[torch.Tensor], batch_size: int) -> list[torch.Tensor]:
    """Each call as (samples, values): its rows, one row a call where none is per sample, or, of calls
    that have no shape in common, values alone; by the shapes of `like`.
    """
    if _per_sample(like, batch_size):
        return [p.reshape(p.shape[0], math.prod(p.shape[1:])) for p in parts]
    if len({p.shape for p in like}) == 1:
        return [p.reshape(1, -1) for p in parts]
    return [p.reshape(-1, 1) for p in parts]


def _pieces(ys: list[torch.Tensor], rs: list[torch.Tensor]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    import torch

    width, samples = rs[0].shape[1], sum(r.shape[0] for r in rs)
    step = max(1, PIECE // max(1, samples))
    for at in range(0, width, step):
        yield (
            torch.cat([y[:, at : at + step].to(torch.float64) for y in ys]),
            torch.cat([r[:, at : at + step].to(torch.float64) for r in rs]),
        )


def _top1(ys: list[torch.Tensor], rs: list[torch.Tensor], batch_size: int) -> float | None:
    """How often the largest value of the last axis is at the same place; None where there is no such axis."""
    import torch

    if not _per_sample(rs, batch_size) and len({r.shape for r in rs}) != 1:
        return None
    per_sample, last = _per_sample(rs, batch_size), rs[0].shape[-1] if rs[0].dim() else 0
    if rs[0].dim() < (2 if per_sample else 1) or last < 2 or not any(r.numel() for r in rs):
        return None
    step, same, total = max(1, PIECE // last), 0, 0
    for y, r in zip(ys, rs, strict=False):
        for at in range(0, r.numel() // last, step):
            ours, theirs = (
                t.reshape(-1, last)[at : at + step].to(torch.float64).nan_to_num(0.0, 0.0, 0.0)
                for t in (y, r)
            )
            agree = ours.argmax(-1) == theirs.argmax(-1)
            same += int(agree.sum())
            total += agree.numel()
    return same / total
