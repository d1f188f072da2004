"""The key findings as five sentences, with this machine's numbers."""

from __future__ import annotations

from harness.analyse.analyse import group_key
from harness.explain.best import peak_mib
from harness.explain.said import bytes_text, ms_text, percent, times_text, where
from harness.explain.scene import Row, Scene
from harness.records.finding import WITHDRAWN, Finding
from harness.records.report import Report
from harness.report.numbers import significant, small

_MIB = 1 << 20


def brief(report: Report) -> list[str]:
    """At most five sentences on an explained report: the best configuration, its memory and error, what
    bounds the baseline, why the best is faster, and what did not help.

    They are about the model and batch size with the largest gain; each stands only if its numbers were
    measured.
    """
    scene = Scene(report)
    best = _subject(scene)
    if best is None:
        return []
    base = best.baseline
    sentences = [_best(best), _cost(best)]
    sentences.append(_bound(base or best))
    sentences.append(_why(best))
    sentences.append(_rest(scene, best, report))
    return [s for s in sentences if s]


def _subject(scene: Scene) -> Row | None:
    rows = [r for r in scene if r.record.best]
    gained = [r for r in rows if r.faster]
    return max(gained, key=lambda r: r.ratio or 0.0) if gained else (rows[0] if rows else None)


def _best(row: Row) -> str:
    if row.baseline is None or row.ratio is None:
        return f"{where(row)}: {row.words} is the fastest correct configuration, at {ms_text(row.ms)} a call."
    s = row.record.speedup
    assert s is not None
    known = f" ({s.low:.2f} to {s.high:.2f})" if s.low is not None and s.high is not None else ""
    rate = row.record.throughput_per_s
    speed = f", {significant(rate.value)} {rate.unit}" if rate else ""
    return (
        f"{where(row)}: {row.words} is fastest, {times_text(row.ratio)}{known} the speed of "
        f"{row.baseline.words}: "
        f"{ms_text(row.ms)} instead of {ms_text(row.baseline.ms)}{speed}."
    )


def _cost(row: Row) -> str:
    parts = []
    mine, theirs = peak_mib(row.record), peak_mib(row.baseline.record) if row.baseline else None
    if mine is not None and theirs:
        parts.append(
            f"it needs {bytes_text(mine * _MIB)} at its peak, {_beside(mine / theirs)} the baseline's"
        )
    found = row.record.verification
    if found is not None and found.error is not None:
        parts.append(f"its output deviates by {small(found.error)} (limit {small(found.tolerance)})")
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _beside(ratio: float) -> str:
    """`52 % of`, `1.7 times`."""
    return f"{percent(ratio)} of" if ratio <= 1 else f"{ratio:.2g} times"


def _bound(row: Row) -> str:
    place, anatomy = row.place, row.anatomy
    if anatomy is None or not anatomy.operators:
        return ""
    hottest = anatomy.operators[0]
    share = sum(o.ms for o in anatomy.operators if o.name == hottest.name) / max(
        1e-12, sum(anatomy.categories.values()) + max(0.0, anatomy.outside_ms)
    )
    text = f"The hottest operator of {row.words} is {hottest.name}, with {percent(share)} of a call"
    if place is None:
        return f"{text}."
    words = {
        "host": f"the host bounds it ({percent(place.share)} of a call goes into starting operators)",
        "memory": f"memory bounds it (it reaches {percent(place.share)} of the bandwidth)",
        "arithmetic": f"arithmetic bounds it (it reaches {percent(place.share)} of what large products do)",
        "waiting": f"it waits for {percent(place.share)} of a call",
    }.get(place.bound)
    if words:
        return f"{text}; {words}."
    limit = row.record.explanation and row.record.explanation.key == "library-kernels"
    if limit:
        return f"{text}; its kernels limit it, and not a ceiling of this machine."
    return f"{text}; no single ceiling of this machine bounds it."


def _why(row: Row) -> str:
    found = row.record.explanation
    if row.baseline is None or found is None:
        return ""
    if not found.explained:
        return f"Why {row.words} is faster is not explained."
    proved = {"proved": "Proved by experiment: ", "shown": "Why: "}[
        found.state if found.state == "proved" else "shown"
    ]
    return f"{proved}{found.text}."


def _rest(scene: Scene, best: Row, report: Report) -> str:
    group = group_key(best.record)
    others = [
        r
        for r in scene
        if group_key(r.record) == group
        and r is not best
        and r.baseline is not None
        and not (r.faster or r.unsure)
    ]
    reasons: dict[str, list[str]] = {}
    for row in others[:3]:
        said = row.record.explanation
        reasons.setdefault(said.text if said is not None else "not explained", []).append(row.words)
    parts = [f"{' and '.join(words)} did not help ({why})" for why, words in reasons.items()]
    cover = report.coverage
    tail = (
        f"{cover.explained} of {cover.rows} rows are explained, {cover.proved} by experiment" if cover else ""
    )
    text = "; ".join([*parts, tail] if tail else parts)
    return f"{text}." if text else ""


def shown(findings: list[Finding]) -> list[Finding]:
    """Findings that stand."""
    return [f for f in findings if f.state != WITHDRAWN]
