"""The key findings as five sentences, with this machine's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from harness.analyse.analyse import group_key
from harness.explain.best import NO_LIMITS, Choice, Limits, choices, peak_mib
from harness.explain.rows import coverage
from harness.explain.said import bytes_text, ms_text, percent, times_text, where
from harness.explain.scene import Row, Scene
from harness.records.finding import PROVED
from harness.records.report import Record, Report
from harness.report.numbers import significant, small

_MIB = 1 << 20


def brief(whole: Report, shown: Sequence[Record], limits: Limits = NO_LIMITS) -> list[str]:
    """At most five sentences on an explained report: the best configuration, its memory and error, what
    bounds the baseline, why the best is faster, and what did not help.

    They are about the choice with the largest gain; each stands only if its numbers were measured.

    Args:
        whole: the run: a baseline explains a row, shown or not.
        shown: its records to speak of.
        limits: what the best must keep.
    """
    busy = whole.run.noise.busy if whole.run.noise is not None else None
    scene, chosen = Scene(whole), choices(shown, limits, busy)
    rows = [row for c in chosen if c.best is not None and (row := scene.row(c.best.id)) is not None]
    best = _subject(rows)
    if best is None and busy and any(c.untold for c in chosen):
        return [
            f"Which configuration is fastest cannot be told: {busy}.",
            "Measure again when the machine is idle: `harness doctor` names what disturbs it.",
        ]
    if best is None:
        if limits.given and chosen:
            why = "; ".join(f"{r.label['runner']} {r.case.precision}: {w}" for r, w in chosen[0].excluded)
            return [
                f"{chosen[0].title[0]} at batch {chosen[0].title[1]}: nothing is within the limits ({why})."
            ]
        return []
    members = {r.id for r in shown if group_key(r) == group_key(best.record)}
    sentences = [_best(best, limits), _cost(best), _bound(best.baseline or best)]
    sentences += [_why(best), _rest(scene, best, chosen, members)]
    return [s for s in sentences if s]


def _subject(rows: Sequence[Row]) -> Row | None:
    gained = [r for r in rows if r.faster]
    return max(gained, key=lambda r: r.ratio or 0.0) if gained else (rows[0] if rows else None)


def _best(row: Row, limits: Limits) -> str:
    within = " within the limits" if limits.given else ""
    if row.baseline is None or row.ratio is None:
        fastest = f"{row.words} is the fastest correct configuration{within}"
        return f"{where(row)}: {fastest}, at {ms_text(row.ms)} a call."
    s = row.record.speedup
    assert s is not None
    known = f" ({s.low:.2f} to {s.high:.2f})" if s.low is not None and s.high is not None else ""
    rate = row.record.throughput_per_s
    speed = f", {significant(rate.value)} {rate.unit}" if rate else ""
    doubt = "" if row.faster else "; that is no sure gain"
    verb = "is fastest" if row.faster else "has the lowest latency"
    return (
        f"{where(row)}: {row.words} {verb}{within}, {times_text(row.ratio)}{known} the speed of "
        f"{row.baseline.words}: {ms_text(row.ms)} instead of {ms_text(row.baseline.ms)}{speed}{doubt}."
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
        "waiting": f"the call waits for {percent(place.share)} of its time",
    }.get(place.bound)
    if words:
        return f"{text}; {words}."
    cause = row.record.explanation.key if row.record.explanation else ""
    if cause == "library-kernels":
        return f"{text}; its kernels limit it, and not a ceiling of this machine."
    faults = next((f for f in row.record.findings if f.key == "page-faults"), None)
    if cause == "page-faults" and faults is not None:
        return f"{text}; about {ms_text(faults.evidence['likely_ms'])} of a call are page faults."
    return f"{text}; no single ceiling of this machine bounds it."


def _why(row: Row) -> str:
    found = row.record.explanation
    if row.baseline is None or found is None or not row.faster:
        return ""
    if not found.explained:
        return f"Why {row.words} is faster is not explained."
    return f"{'Proved by experiment' if found.state == PROVED else 'Why'}: {found.text}."


def _rest(scene: Scene, best: Row, chosen: Sequence[Choice], members: set[str]) -> str:
    """What did not help, how much is explained, and what else there is to read of."""
    group = group_key(best.record)
    same = [r for r in scene if group_key(r.record) == group and r.record.id in members]
    others = [r for r in same if r is not best and r.baseline is not None and not (r.faster or r.unsure)]
    reasons: dict[str, list[str]] = {}
    for row in others[:3]:
        said = row.record.explanation
        reasons.setdefault(said.text if said is not None else "not explained", []).append(row.words)
    parts = [f"{' and '.join(words)} did not help: {why}" for why, words in reasons.items()]
    found = coverage([r.record.explanation for r in same if r.record.explanation is not None])
    if found.rows:
        rows = f"{found.rows} row{'s' * (found.rows > 1)}"
        parts.append(f"{found.explained} of {rows} explained, {found.proved} by experiment")
    if len(chosen) > 1:
        more = len(chosen) - 1
        parts.append(f"{more} more group{'s' * (more > 1)} of model and batch size in `harness explain`")
    return f"{'; '.join(parts)}." if parts else ""
