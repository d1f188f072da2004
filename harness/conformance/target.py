"""What a check is made on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a check is made on: a plugin, or one of its components."""

    source: str
    name: str
    kind: str = ""
    index: int = 0
    refused: str | None = None
    """Why the harness leaves the component out, if it does."""

    def __str__(self) -> str:
        return f"{self.kind or 'plugin'} {self.name}"
