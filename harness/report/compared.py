"""A comparison in short texts: the rows that its table and its Markdown share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from harness.records.case import AXES
from harness.records.comparison import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    INDICATIVE,
    LIVE,
    REMEASURED,
    SLOWER,
    Compared,
    ComparisonReport,
    Side,
    Verdict,
)
from harness.records.events import OK
from harness.records.report import Latency
from harness.report.numbers import NOTHING, half_width, percent, safe, significant, small

REFUSED, BROKEN, UNJUDGED = "not compared", "broken", "no verdict"
"""What stands in the place of a verdict: another workload, right in base only, not measured in base."""
ORDER = (BROKEN, SLOWER, FASTER, EQUIVALENT, INCONCLUSIVE, UNJUDGED, REFUSED)

_TITLES = {"batch_size": "batch"}
_LARGE = 3.0
"""From this many times slower or faster on, a multiple says more than per cent do."""


@dataclass(frozen=True)
class Row:
    """One base, one new side and one metric."""

    cells: dict[str, str]
    """Title -> text, in the order of the columns."""
    word: str
    """The verdict, or what stands in its place."""
    material: bool
    notes: list[str] = field(default_factory=list)
    first: bool = True
    """The first row of its two sides: a second metric repeats nothing."""


LEFT = ("new", "model", "runner", "precision", "device", "time", "verdict")
"""Titles whose texts begin on the left."""


def rows(report: ComparisonReport) -> list[Row]:
    """One row for every compared and metric."""
    shared = shared_axes(report)
    several = len({c.new.name for c in report.compared}) > 1
    both = any(c.device is not None for c in report.compared)
    found: list[Row] = []
    for one in report.compared:
        heads = {"new": safe(one.new.name)} if several else {}
        heads |= {_TITLES.get(a, a): _axis_text(one, a) for a in AXES if a not in shared}
        metrics = [("latency", one.base.latency_ms, one.new.latency_ms, one.latency)]
        if one.device is not None:
            metrics.append(("device", one.base.device_ms, one.new.device_ms, one.device))
        for number, (metric, base, new, verdict) in enumerate(metrics):
            word = _word(one, verdict)
            cells = {
                **heads,
                **({"time": metric} if both else {}),
                "base ms": _value(base),
                "new ms": _value(new),
                "change": change(verdict),
                "verdict": word.upper() + (" material" if verdict is not None and verdict.material else ""),
                _count_title(report): _count(report, base, new, verdict),
            }
            notes = _notes(report, one, verdict, first=number == 0)
            found.append(Row(cells, word, verdict is not None and verdict.material, notes, number == 0))
    return _aligned(found)


# ---- what is compared -------------------------------------------------------------------------------


def shared_axes(report: ComparisonReport) -> dict[str, str]:
    """The axes on which all sides agree, with their text."""
    sides = [s for c in report.compared for s in (c.base, c.new)]
    texts = {a: {_text(s, a) for s in sides} for a in AXES}
    return {a: next(iter(found)) for a, found in texts.items() if len(found) == 1}


def _text(side: Side, axis: str) -> str:
    found = side.label.get(axis) if axis in ("model", "runner") else str(getattr(side.case, axis))
    return safe(found or NOTHING)


def _axis_text(one: Compared, axis: str) -> str:
    base, new = _text(one.base, axis), _text(one.new, axis)
    return base if base == new else f"{base} -> {new}"


def title(report: ComparisonReport) -> str:
    """`mlp  batch 64  eager  fp32  cpu, 2 threads`: what all have in common."""
    shared = shared_axes(report)
    parts = [shared.get("model"), f"batch {shared['batch_size']}" if "batch_size" in shared else None]
    parts += [shared.get("runner"), shared.get("precision")]
    threads = f"{shared['threads']} thread{'s' * (shared['threads'] != '1')}" if "threads" in shared else None
    parts.append(", ".join(p for p in (shared.get("device"), threads) if p))
    found = "  ".join(p for p in parts if p)
    return found or "comparison"


def what(one: Compared) -> str:
    """`mlp batch 64 eager -> compile fp32`, for a line about one of several."""
    several = f"{safe(one.new.name)}: " if one.new.name != "new" else ""
    return several + _joined({axis: _axis_text(one, axis) for axis in AXES})


def _joined(texts: dict[str, str]) -> str:
    place = "" if texts["device"] == "cpu" else f" {texts['device']}"
    return f"{texts['model']} batch {texts['batch_size']} {texts['runner']} {texts['precision']}{place}"


def how(report: ComparisonReport) -> str:
    """One line: how the comparison was made, and what its interval is."""
    info = report.comparison
    several = sum(v is not None for c in report.compared for v in (c.latency, c.device)) > 1
    together = " for all together" if several else ""
    interval = f"{100 * info.level:g} % interval{together}, margin ±{100 * info.margin:g} %"
    if info.kind == LIVE:
        most = max((v.pairs for c in report.compared for v in (c.latency, c.device) if v), default=0)
        mode = f"{info.mode}: " if info.mode else ""
        return safe(f"{mode}{most} pair{'s' * (most != 1)} of fresh processes in lock-step, {interval}")
    known = {
        INDICATIVE: "indicative: two stored runs, measured at different times",
        REMEASURED: "remeasured: base measured again here, after new",
    }
    return safe(f"{known.get(info.kind, info.kind)}; {interval}")


def sides(report: ComparisonReport) -> list[tuple[str, str]]:
    """(name, where it comes from) of every side that has something to say of itself."""
    found: dict[str, str] = {}
    for one in report.compared:
        for side in (one.base, one.new):
            parts = [f"run {side.run}"] if side.run else []
            parts += [side.interpreter] if side.interpreter else []
            parts += [f"plugins {', '.join(side.plugins)}"] if side.plugins else []
            if side.run or side.interpreter:
                where = side.environment or report.environment
                parts += [f"torch {where.torch}, Python {where.python}"] if where.torch else []
                parts += [f"on {where.host}"] if side.run else []
            if parts:
                found.setdefault(side.name, "  ".join(parts))
    return [(safe(name), safe(text)) for name, text in found.items()]


def common_differences(report: ComparisonReport) -> list[str]:
    """What differs about all of them."""
    first, *others = [c.differences for c in report.compared] or [[]]
    return [safe(text) for text in first if all(text in other for other in others)]


# ---- cells ------------------------------------------------------------------------------------------


def _word(one: Compared, verdict: Verdict | None) -> str:
    if one.refused:
        return REFUSED
    if verdict is not None:
        return verdict.word
    return BROKEN if one.base.status == OK and one.new.status != OK else UNJUDGED


def _value(latency: Latency | None) -> str:
    if latency is None:
        return NOTHING
    half = half_width(latency.low, latency.high)
    return significant(latency.median) + (f" ± {percent(half)}" if half is not None else "")


def change(verdict: Verdict | None) -> str:
    """`+3.1 % (+2.4 to +3.8)`, and for what is many times slower or faster `12.3x faster (11.0 to 13.7)`."""
    if verdict is None:
        return NOTHING
    ratios = [r for r in (verdict.ratio, verdict.low, verdict.high) if r is not None]
    if verdict.word in (SLOWER, FASTER) and not 1 / _LARGE < verdict.ratio < _LARGE:
        times = ratios if verdict.word == SLOWER else [1 / r for r in (ratios[0], *reversed(ratios[1:])) if r]
        centre, *bounds = (significant(t) for t in times)
        return f"{centre}x {verdict.word}" + _bounds(bounds)
    shares = [100 * (r - 1) for r in ratios]
    width = max(abs(s - shares[0]) for s in shares) if len(shares) > 1 else 1.0
    decimals = 2 if width < 0.2 else 1 if width < 20 else 0
    centre, *bounds = (_signed(s, decimals) for s in shares)
    return f"{centre} %" + _bounds(bounds)


def _bounds(texts: Sequence[str]) -> str:
    return f" ({texts[0]} to {texts[1]})" if len(texts) == 2 else ""


def _signed(share: float, decimals: int) -> str:
    if share > 999:
        return ">+999"
    if share < -99.5:
        return "<-99"
    text = f"{share:+.{decimals}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def _count_title(report: ComparisonReport) -> str:
    return "pairs" if report.comparison.kind == LIVE else "processes"


def _count(
    report: ComparisonReport, base: Latency | None, new: Latency | None, verdict: Verdict | None
) -> str:
    if report.comparison.kind == LIVE:
        return NOTHING if verdict is None else str(verdict.pairs)
    return " + ".join(str(len(side.replicates)) if side else "0" for side in (base, new))


def _notes(report: ComparisonReport, one: Compared, verdict: Verdict | None, first: bool) -> list[str]:
    """What a reader has to know of this row beside its numbers."""
    found = []
    if verdict is not None and verdict.word == INCONCLUSIVE:
        if verdict.needed is not None:
            found.append(_needed(report, verdict.needed))
        elif verdict.reason:
            found.append(verdict.reason)
    elif verdict is not None and verdict.reason:
        found.append(verdict.reason)
    if first:
        found += [one.refused] if one.refused else []
        found += [f"{s.name} {_state(s)}" for s in (one.base, one.new) if s.status != OK]
        shared = common_differences(report)
        found += [f"differs: {d}" for d in map(safe, one.differences) if d not in shared and not one.refused]
    return [safe(text) for text in found]


def _needed(report: ComparisonReport, count: int) -> str:
    if report.comparison.kind == LIVE:
        return f"about {count} pairs would tell"
    return f"about {count} passes of each would tell"


def _state(side: Side) -> str:
    """`incorrect: error 0.31 is above the limit 0.02`."""
    found = side.verification
    status = side.status.replace("_", " ")
    if side.status == "incorrect" and found is not None and not side.reason and found.error is not None:
        return f"{status}: error {small(found.error)}, limit {small(found.tolerance)}"
    return f"{status}: {side.reason}" if side.reason else status


_SPLITS = {"base ms": " ± ", "new ms": " ± ", "change": " ("}
"""Column -> where its texts are split, so that the numbers end below one another."""


def _aligned(found: list[Row]) -> list[Row]:
    widths = {c: max((len(r.cells[c].partition(s)[2]) for r in found), default=0) for c, s in _SPLITS.items()}

    def padded(column: str, text: str) -> str:
        split, width = _SPLITS[column], widths[column]
        head, mark, tail = text.partition(split)
        if not width:
            return head
        if not mark:
            return head + " " * (len(split) + width)
        return head + mark + (tail.ljust(width) if column == "change" else tail.rjust(width))

    return [
        replace(row, cells={c: padded(c, t) if c in _SPLITS else t for c, t in row.cells.items()})
        for row in found
    ]


# ---- below the table --------------------------------------------------------------------------------


def summary(found: Iterable[Row]) -> str:
    """`1 slower (1 material), 2 equivalent, 21 inconclusive`; the worst first."""
    listed = list(found)
    words = Counter(r.word for r in listed)
    material = Counter(r.word for r in listed if r.material)
    parts = []
    for word in ORDER:
        if words[word]:
            extra = f" ({material[word]} material)" if material[word] else ""
            parts.append(f"{words[word]} {word}{extra}")
    return ", ".join(parts)


def warnings(report: ComparisonReport) -> list[str]:
    """Of the comparison, then of its sides: each once, with those it concerns."""
    found = list(report.comparison.warnings)
    by_text: dict[str, list[str]] = {}
    for one in report.compared:
        for side in (one.base, one.new):
            for text in side.warnings:
                texts = {axis: _text(side, axis) for axis in AXES}
                place = f"{side.name}: {_joined(texts)}" if len(report.compared) > 1 else side.name
                by_text.setdefault(text, []).append(place)
    for text, places in by_text.items():
        unique = list(dict.fromkeys(places))
        more = f" and {len(unique) - 3} more" if len(unique) > 3 else ""
        found.append(f"{text} ({'; '.join(unique[:3])}{more})")
    return [safe(text) for text in found]


def legend(report: ComparisonReport) -> str:
    """How to read the columns."""
    info = report.comparison
    return (
        "change: time of new over base, below zero is faster, with its interval   "
        f"material: all of the interval is beyond ±{100 * info.margin:g} %   "
        "±: 95 % interval over processes"
    )


def ended(report: ComparisonReport) -> str | None:
    """How a comparison ended that did not finish."""
    status = report.comparison.status
    if status == "finished":
        return None
    known = {"out_of_time": "ran out of its time", "failed": "ended early", "running": "was not finished"}
    words = known.get(status, f"was {status.replace('_', ' ')}")
    judged = any(v is not None for c in report.compared for v in (c.latency, c.device))
    return safe(f"this comparison {words}" + (": what is here holds, with wider intervals" if judged else ""))
