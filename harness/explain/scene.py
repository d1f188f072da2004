"""What rules look at: the measured rows of a report, each with its baseline, its parts and its ceilings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.explain.places import place
from harness.records.anatomy import (
    ATTENTION,
    CAST,
    CONVOLUTION,
    COPY,
    ELEMENTWISE,
    GENERATED,
    LOOKUP,
    MATMUL,
    NORMALISATION,
    OTHER,
    REDUCTION,
    Anatomy,
    Demand,
)
from harness.records.ceilings import Ceilings
from harness.records.events import OK
from harness.records.finding import Place
from harness.records.report import Record, Report
from harness.report.numbers import half_width

PRODUCTS = (MATMUL, CONVOLUTION, ATTENTION)
"""What multiplies matrices: library code, which fusing leaves as it is."""
SMALL = (ELEMENTWISE, NORMALISATION, REDUCTION, GENERATED, OTHER)
"""What a compiler can fuse."""
OUTSIDE = "outside"
"""The part of a call that is inside no operator."""
PART_WORDS = {
    MATMUL: "matrix products",
    CONVOLUTION: "convolutions",
    ATTENTION: "attention",
    LOOKUP: "lookups",
    ELEMENTWISE: "element-wise operators",
    NORMALISATION: "normalisations",
    REDUCTION: "reductions",
    CAST: "casts",
    COPY: "copies",
    GENERATED: "generated code",
    OTHER: "other operators",
    OUTSIDE: "time outside operators",
}
WIDE = 0.25
"""From this half-width on an interval that holds 1 says nothing."""
UNLIKE = 3.0
"""A process in which a call takes so many times longer, or less, than where it was timed is no witness."""
MOSTLY = 0.5
"""The part that accounts for half of a difference is where its cause is."""
LEAST_GAIN = 0.03
"""A smaller difference from the baseline needs no cause, even if it is beyond doubt."""


@dataclass(frozen=True)
class Row:
    """One measured record and what belongs to it."""

    record: Record
    baseline: Row | None
    """None for a baseline itself, or where there is none."""
    ceilings: Ceilings | None

    @property
    def ms(self) -> float:
        """Request latency; device time where the two differ and the device is what works."""
        assert self.record.latency_ms is not None
        return self.record.latency_ms.median

    @property
    def anatomy(self) -> Anatomy | None:
        return self.record.anatomy

    @property
    def demand(self) -> Demand | None:
        return self.record.anatomy.demand if self.record.anatomy else None

    @cached_property
    def parts(self) -> dict[str, float]:
        """Category, or `outside` -> milliseconds of one timed call; empty without anatomy.

        The shares are the anatomy's, the whole is the latency that was measured: a process that is
        watched is a little slower, and its parts with it.
        """
        anatomy = self.anatomy
        if anatomy is None or self.disturbed:
            return {}
        parts = {**anatomy.categories, OUTSIDE: max(0.0, anatomy.outside_ms)}
        total = sum(parts.values())
        if total <= 0:
            return {}
        return {name: ms * self.ms / total for name, ms in parts.items() if ms > 0}

    @property
    def disturbed(self) -> bool:
        """Whether the process that took it apart was so much slower, or quicker, than those that timed
        it, that its parts are not theirs.
        """
        plain = self.anatomy.plain_ms if self.anatomy else 0.0
        return plain > 0 and not 1 / UNLIKE < plain / self.ms < UNLIKE

    def share(self, *parts: str) -> float:
        """Of the call that these parts take; 0 without anatomy."""
        return sum(self.parts.get(p, 0.0) for p in parts) / self.ms if self.ms else 0.0

    @cached_property
    def place(self) -> Place | None:
        return place(self.record, self.ceilings)

    @property
    def bound(self) -> str:
        """What bounds it; `none` where nothing is known."""
        return self.place.bound if self.place else "none"

    @property
    def ratio(self) -> float | None:
        """Speed-up over the baseline."""
        return self.record.speedup.ratio if self.record.speedup else None

    @property
    def faster(self) -> bool:
        """Beyond doubt, and by enough to ask why."""
        s = self.record.speedup
        return bool(s and s.low is not None and s.low > 1 and s.ratio > 1 + LEAST_GAIN)

    @property
    def slower(self) -> bool:
        s = self.record.speedup
        return bool(s and s.high is not None and s.high < 1 and s.ratio < 1 - LEAST_GAIN)

    @property
    def unsure(self) -> bool:
        """Whether the interval of its speed-up is too wide to say anything, or there is none."""
        s = self.record.speedup
        if s is None or self.faster or self.slower:
            return False
        half = half_width(s.low, s.high)
        return half is None or half > WIDE

    def same(self, axis: str) -> bool:
        """Whether it has its baseline's value on an axis: `runner` (with options) or `precision`."""
        other = self.baseline
        if other is None:
            return True
        a, b = self.record.case, other.record.case
        if axis == "runner":
            return (a.runner, a.options) == (b.runner, b.options)
        return bool(getattr(a, axis) == getattr(b, axis))

    @cached_property
    def beside(self) -> tuple[dict[str, float], dict[str, float]]:
        """The parts of a row and of its baseline, as they can be compared; both empty if not known.

        Code that a compiler made stands for small operators of the baseline: the two are one part here,
        called `generated`, wherever one of the two has any.
        """
        if self.baseline is None or not self.parts or not self.baseline.parts:
            return {}, {}
        mine, theirs = dict(self.parts), dict(self.baseline.parts)
        if GENERATED in mine or GENERATED in theirs:
            for parts in (mine, theirs):
                parts[GENERATED] = sum(parts.pop(p, 0.0) for p in SMALL)
        return mine, theirs

    @cached_property
    def gains(self) -> dict[str, float]:
        """Part -> milliseconds by which it is shorter than the baseline's; empty if not known."""
        mine, theirs = self.beside
        return {p: theirs.get(p, 0.0) - mine.get(p, 0.0) for p in {*mine, *theirs}}

    def facts(self, name: str) -> int:
        """A counting fact of the runner; 0 where it says nothing of the kind."""
        value = self.record.facts.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    @property
    def words(self) -> str:
        """`bf16-true on eager`, for sentences."""
        return f"{self.record.case.precision} on {self.record.label['runner']}"


class Scene:
    """The measured rows of a report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        measured = {r.id: r for r in report.records if r.latency_ms is not None and r.latency_ms.median > 0}
        self._rows: dict[str, Row] = {}
        for record in measured.values():
            self._rows[record.id] = self._row(record, measured)

    def _row(self, record: Record, measured: dict[str, Record]) -> Row:
        baseline = None
        if record.speedup is not None and not record.is_baseline:
            other = measured.get(record.speedup.baseline)
            if other is not None and other.id != record.id:
                baseline = Row(other, None, self._ceilings(other))
        return Row(record, baseline, self._ceilings(record))

    def _ceilings(self, record: Record) -> Ceilings | None:
        case = record.case
        for found in self.report.run.ceilings:
            if found.device == case.device and (found.threads == case.threads or case.device != "cpu"):
                return found
        return None

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def row(self, record_id: str) -> Row | None:
        return self._rows.get(record_id)

    @property
    def looked_into(self) -> bool:
        """Whether any row was taken apart."""
        return any(row.anatomy for row in self)

    def by_batch(self) -> list[list[Row]]:
        """Rows that differ in the batch size alone, the smallest first; correct ones only."""
        found: dict[str, list[Row]] = {}
        for row in self:
            if row.record.status == OK:
                case = row.record.case
                key = repr((row.record.label, case.precision, case.device, case.threads))
                found.setdefault(key, []).append(row)
        return [sorted(rows, key=lambda r: r.record.case.batch_size) for rows in found.values()]
