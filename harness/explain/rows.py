"""Each row of the table: its cause, or what was ruled out."""

from __future__ import annotations

from collections.abc import Sequence

from harness.explain.rules.bounds import BOUNDS
from harness.explain.said import against, ms_text, percent, times_text
from harness.explain.scene import MOSTLY, OUTSIDE, PART_WORDS, PRODUCTS, SMALL, Row
from harness.records.anatomy import CAST, COPY
from harness.records.finding import PROVED, SHOWN, WITHDRAWN, Coverage, Explanation, Finding

NOT_EXPLAINED = "not explained"
_WRONG = ("impossible", "saturated", "incorrect")
_LOSS = ("emulated", "recompiles", "graph-breaks", "fallback", "casts", "same-operators")
"""Troubles that explain why a row is not faster, the surest first."""
_OF_A_BASELINE = ("waiting", "denormals", "page-faults", "float64", "copies", "lookup", "threads")
"""Troubles and places that say what a row spends its time on."""
_GAIN = (
    "kept-pages",
    "native-format",
    "half-the-bytes",
    "fused",
    "prepacked",
    "other-kernels",
    "amdahl",
    "format-irrelevant",
    "unpacking",
    "wrapping",
    "slower-kernels",
    "slower-parts",
)


_MUCH = 1.25
"""A cause without which a call takes so many times less is the first to tell."""


def explanation(row: Row, findings: Sequence[Finding]) -> Explanation:
    """The cause of a row among its findings.

    A baseline's number is explained by what bounds it; another row's by what makes the difference from
    its baseline.
    """
    mine = [f for f in findings if f.records and f.records[0] == row.record.id and f.state != WITHDRAWN]
    order = _order(row)
    causes = [f for f in mine if f.key in order]
    if not causes:
        return Explanation(False, NOT_EXPLAINED, SHOWN, "", _ruled_out(row, findings))
    first = min(causes, key=lambda f: (_weight(f, row), order.index(f.key)))
    return Explanation(True, first.cause, first.state, first.key)


def _weight(found: Finding, row: Row) -> int:
    """Which of two causes is told first: what an experiment took away with a good part of the time, then
    what accounts for most of it, then the rest. That an experiment made a row quicker still says nothing of
    how it compares with its baseline.
    """
    proof = found.proof
    alone = row.baseline is None or (row.same("runner") and row.same("precision"))
    if alone and found.state == PROVED and proof and (proof.ratio or 0.0) >= _MUCH:
        return 0
    return 2 if _partly(found) else 1


def _partly(found: Finding) -> bool:
    """Whether it accounts for a part of a call only, or for how much nobody has measured yet."""
    if found.key == "denormals":
        return found.state != PROVED
    return bool(found.evidence.get("least_share", 1.0) < MOSTLY)


def _order(row: Row) -> tuple[str, ...]:
    if row.record.status == "incorrect":
        return (*_WRONG, *_LOSS, *_GAIN)
    if row.baseline is None or (row.same("runner") and row.same("precision")):
        return ("impossible", *_OF_A_BASELINE, *BOUNDS, "library-kernels")
    if row.faster:
        return ("impossible", *_GAIN, *_LOSS)
    if row.unsure:
        # What takes a part of its time does not say how it compares; what parts its processes says why not.
        return ("impossible", "uneven-faults", *(k for k in _LOSS if k != "casts"), *_GAIN, "waiting")
    return (*_LOSS, *_GAIN, "waiting", *(() if row.slower else BOUNDS))


def _hottest(row: Row) -> str | None:
    """Where nearly all of the time goes, and how far that is from the ceilings: where, which is no cause."""
    anatomy = row.anatomy
    if anatomy is None or not anatomy.operators or not row.parts or row.place is None:
        return None
    top = max(anatomy.categories, key=lambda c: anatomy.categories[c], default=None)
    if top is None or row.share(top) < 0.6:
        return None
    place = row.place
    reach = [
        f"{percent(share)} of {words}"
        for share, words in ((place.arithmetic, "the arithmetic rate"), (place.memory, "the bandwidth"))
        if share is not None and share >= 0.01
    ]
    if not reach:
        return None
    where = " and ".join(reach)
    return f"{percent(row.share(top))} of a call is in its {PART_WORDS[top]}, at {where} of large ones"


def _ruled_out(row: Row, findings: Sequence[Finding]) -> list[str]:
    """What was looked for and is not the cause, each with its value."""
    if row.anatomy is None:
        return ["it was not taken apart (harness run --anatomy does)"]
    if row.disturbed:
        took = f"{ms_text(row.anatomy.plain_ms)} and not {ms_text(row.ms)}"
        return [
            f"its parts are not known: where it was taken apart a call took {took}, disturbed by other work"
        ]
    found = [
        f"{f.cause} (withdrawn: an experiment did not bear it out)"
        for f in findings
        if f.state == WITHDRAWN and f.records[:1] == [row.record.id]
    ]
    if row.unsure and row.baseline is not None:
        found.append(f"whether it differs from {row.baseline.words} at all is not known")
    place = row.place
    if place is None:
        found.append("no ceilings of this machine are known (harness doctor --calibrate)")
    else:
        for name, share in (
            ("the host", place.host),
            ("memory", place.memory),
            ("arithmetic", place.arithmetic),
        ):
            if share is not None:
                found.append(f"{name}: {percent(share)} of the time")
    hottest = _hottest(row)
    found += [] if hottest is None else [hottest]
    if row.baseline is not None and row.ratio is not None:
        gained, total = row.gains, row.baseline.ms - row.ms
        groups = {
            "matrix products": sum(gained.get(p, 0.0) for p in PRODUCTS),
            "what can be fused": sum(gained.get(p, 0.0) for p in (*SMALL, COPY)),
            "outside operators": gained.get(OUTSIDE, 0.0),
            "casts": gained.get(CAST, 0.0),
        }
        if gained and abs(total) > 0.01 * row.ms:
            listed = ", ".join(
                f"{name} {ms / total:+.0%}" for name, ms in groups.items() if abs(ms) > 0.01 * row.ms
            )
            if listed:
                found.append(f"of the difference: {listed}; no part accounts for {percent(MOSTLY)}")
        if not row.facts("graph_breaks") and not row.facts("recompiles"):
            found.append("no graph break, no recompilation")
    return found


def coverage(explanations: Sequence[Explanation]) -> Coverage:
    """How many rows are explained."""
    return Coverage(
        rows=len(explanations),
        explained=sum(e.explained for e in explanations),
        proved=sum(e.explained and e.state == PROVED for e in explanations),
    )


__all__ = ["against", "coverage", "explanation", "times_text"]
