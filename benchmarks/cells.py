"""The cells of the suite `seed`, and the slices in which its contenders take turns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

EAGER, COMPILE = "eager", "compile"
MODELS = ("mlp", "cnn")
PRECISIONS = ("fp32", "fp16-amp", "bf16-amp")
RUNNERS = (EAGER, COMPILE)


@dataclass(frozen=True)
class Cell:
    """One configuration of the suite."""

    model: str
    batch_size: int
    precision: str
    runner: str

    def text(self) -> str:
        return f"{self.model} batch {self.batch_size} {self.precision} {self.runner}"

    def data(self) -> dict[str, Any]:
        """As JSON-compatible data."""
        return asdict(self)


@dataclass(frozen=True)
class Slice:
    """Cells that each contender measures in one go, so that all of them meet the same weather.

    A slice keeps models and batch sizes together: each holds its own eager fp32 cells, which the
    harness would add as baselines, and walks batch, precision, runner in the seed's own order.
    """

    models: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    precisions: tuple[str, ...] = PRECISIONS

    @property
    def name(self) -> str:
        return f"{'+'.join(self.models)} batch {', '.join(map(str, self.batch_sizes))}"

    def cells(self) -> list[Cell]:
        return [
            Cell(model, batch_size, precision, runner)
            for model in self.models
            for batch_size in self.batch_sizes
            for precision in self.precisions
            for runner in RUNNERS
        ]


_ALL_SIZES = (1, 4, 16, 64)
WHOLE = {
    1: (Slice(MODELS, _ALL_SIZES),),
    2: tuple(Slice((model,), _ALL_SIZES) for model in MODELS),
    4: tuple(Slice((model,), sizes) for model in MODELS for sizes in (_ALL_SIZES[:2], _ALL_SIZES[2:])),
}
"""The whole suite by the number of slices it is cut into."""
QUICK = tuple(Slice(("cnn",), (size,), ("fp32", "fp16-amp")) for size in (4, 16))
