"""A plugin file of the kit: models that are easy to get wrong, on which runners are tried.

Each is small, and each is right under eager PyTorch. A runner answers them rightly or refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import harness

RAISES = "conformance probe: this module raises"
"""What the module of `probe-raises` says."""
RAISING = "probe-raises"
NARROW = "probe-narrow"
_WIDTH = 16
_OFFSET = 8.0
"""Against numbers of size 1 it takes three bits of a format, and the next layer takes it away again."""


class Probe(harness.Model):
    """One probe: its module's class is made when it is first built, since that needs torch."""

    def __init__(self, name: str, summary: str, make: Callable[[], Any]) -> None:
        self.name = name  # type: ignore[misc]
        self.summary = summary  # type: ignore[misc]
        self._make = make

    def build(self, params: Any) -> Any:
        return self._make()

    def inputs(self, params: Any, batch_size: int) -> harness.Inputs:
        import torch

        if self.name != "probe-structure":
            return harness.Inputs(torch.randn(batch_size, _WIDTH))
        words = torch.randint(0, 50, (batch_size, 4))
        return harness.Inputs(words, weight=torch.rand(batch_size, 4) + 0.5)


def branch() -> Any:
    import torch

    class Branch(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(_WIDTH, _WIDTH)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.linear(x)
            return found * 3 if bool(x.sum() > 0) else found - 2

    return Branch()


def structure() -> Any:
    import torch

    class Structure(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(50, _WIDTH)
            self.head = torch.nn.Linear(_WIDTH, 3)

        def forward(self, words: torch.Tensor, weight: torch.Tensor) -> dict[str, Any]:
            hidden = (self.embed(words) * weight.unsqueeze(-1)).mean(1)
            return {"logits": self.head(hidden), "both": (hidden, weight * 2)}

    return Structure()


def integers() -> Any:
    import torch

    class Integers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(_WIDTH, 8)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            found = self.linear(x)
            return found.argmax(-1), found

    return Integers()


def narrow() -> Any:
    """Two layers, between which few bits are left for what varies.

    The second layer takes half of the first one's results from the other half, and their offset with it. So
    what is rounded between the layers is large in the output, whatever rounds; and no compiler makes one
    layer of two with a ReLU between them.
    """
    import torch

    class Narrow(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Linear(_WIDTH, 2 * _WIDTH)
            self.second = torch.nn.Linear(2 * _WIDTH, _WIDTH, bias=False)
            half = torch.randn(_WIDTH, _WIDTH) / _WIDTH**0.5
            with torch.no_grad():
                self.first.weight.copy_(torch.randn(2 * _WIDTH, _WIDTH) / _WIDTH**0.5)
                self.first.bias.fill_(_OFFSET)
                self.second.weight.copy_(torch.cat([half, -half], 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.second(self.first(x).relu())
            return found

    return Narrow()


def raises() -> Any:
    import torch

    class Raises(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(_WIDTH, _WIDTH)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError(RAISES)

    return Raises()


@harness.hookimpl
def harness_models() -> Iterable[harness.Model]:
    yield Probe("probe-branch", "goes one of two ways, by what its input holds", branch)
    yield Probe("probe-structure", "integers and a keyword in, a dict with a tuple out", structure)
    yield Probe("probe-integers", "the place of the largest output, and the outputs", integers)
    yield Probe(NARROW, "loses in the second layer what the first one has in common", narrow)
    yield Probe(RAISING, "raises when it is called", raises)
