"""Claims as values: which cases one is about, and what must hold of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.claims.metrics import LIMITS, RATIOS


@dataclass(frozen=True)
class Point:
    """A case as a claim names it: texts as on the command line."""

    model: str
    runner: str
    precision: str
    batch_size: int
    device: str | None = None
    """None: the default device of the machine that judges."""
    threads: int | None = None
    """None: all that it gives."""

    def __str__(self) -> str:
        more = [self.device or "", f"{self.threads} threads" if self.threads else ""]
        head = [self.model, f"batch {self.batch_size}", self.runner, self.precision]
        return " ".join([*head, *(m for m in more if m)])


@dataclass(frozen=True)
class Condition:
    """A range that a number must lie in, ends included."""

    name: str
    """Of a limit, of a ratio, or `speedup`."""
    at_least: float | None
    at_most: float | None

    @property
    def text(self) -> str:
        """`latency at most 5 ms`."""
        metric = LIMITS.get(self.name)
        title = metric.title if metric else self.name.replace("_", " ")
        ends = [f"at least {_plain(self.at_least)}" if self.at_least is not None else ""]
        ends.append(f"at most {_plain(self.at_most)}" if self.at_most is not None else "")
        unit = f" {metric.unit}" if metric and metric.unit else ""
        return f"{title} {', '.join(e for e in ends if e)}{unit}"


def _plain(value: float) -> str:
    """1.7, 1000, 1e-4: as people write it."""
    if value == 0 or 1e-3 <= abs(value) < 1e9:
        return f"{value:.10g}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


@dataclass(frozen=True)
class Claim:
    """A statement about configurations that a run can confirm or refute."""

    name: str
    text: str
    case: Point
    compared_with: Point | None = None
    axis: str | None = None
    """The axis that it goes along, if it does."""
    values: tuple[str | int, ...] = ()
    """Of that axis, in the order in which they are gone through."""
    other_moves: bool = True
    """Whether `compared_with` goes along the axis, too: not if it names the axis itself."""
    conditions: tuple[Condition, ...] = ()
    grows: tuple[str, ...] = ()
    falls: tuple[str, ...] = ()
    hottest: str | None = None

    def steps(self) -> list[tuple[Point, Point | None]]:
        """The case, and what it is compared with, at each value of the axis; one step without an axis."""
        other = self.compared_with
        if self.axis is None:
            return [(self.case, other)]
        return [
            (_at(self.case, self.axis, v), _at(other, self.axis, v) if other and self.other_moves else other)
            for v in self.values
        ]

    def points(self) -> list[Point]:
        """Every case that it is about, once."""
        return list(dict.fromkeys(p for step in self.steps() for p in step if p is not None))

    def needs(self) -> set[str]:
        """What a run must measure beside latency: `memory`, `throughput`, `anatomy`."""
        metrics = [LIMITS.get(c.name) or RATIOS.get(c.name) for c in self.conditions]
        return {m.needs for m in metrics if m and m.needs} | ({"anatomy"} if self.hottest else set())


@dataclass(frozen=True)
class Claims:
    """A file of claims."""

    name: str
    summary: str
    claims: list[Claim]


def _at(point: Point, axis: str, value: Any) -> Point:
    return replace(point, **{axis: value})
