"""From a report to the same report with its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from harness.explain.levers import with_levers
from harness.explain.rows import coverage, explanation
from harness.explain.rules.batches import batches, pays_off
from harness.explain.rules.bounds import BOUNDS, bounds
from harness.explain.rules.equal import unchanged
from harness.explain.rules.gains import gains
from harness.explain.rules.impossible import impossible
from harness.explain.rules.kernels import library_kernels
from harness.explain.rules.memory import memory
from harness.explain.rules.processes import uneven
from harness.explain.rules.troubles import troubles
from harness.explain.scene import Row, Scene
from harness.explain.states import with_proofs
from harness.records.finding import Finding
from harness.records.report import Report

EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset({*BOUNDS, "library-kernels"}),
    frozenset(
        {
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
            "too-noisy",
        }
    ),
    frozenset({"same-operators", "kept-pages", "fused", "prepacked", "other-kernels", "amdahl"}),
    frozenset({"incorrect", "saturated"}),
    frozenset({"weights-kept", "weights-cast"}),
    frozenset({"threads", "waiting"}),
)
"""Of each of these a row has one finding at most: two would contradict each other."""


def explained(report: Report) -> Report:
    """The report with what bounds each row, findings, a cause for each row, and how many have one.

    Pure: everything rests on what the report holds. A report without anatomies has the findings that need
    none, and one whose numbers cannot be (somebody else's file may say anything) has none, and says so.
    """
    try:
        return _explained(report)
    except (ArithmeticError, ValueError) as error:
        said = f"no findings: numbers in it cannot be ({error})"
        records = [replace(r, place=None, findings=[], explanation=None) for r in report.records]
        run = replace(report.run, damage=[*report.run.damage, said])
        return replace(report, run=run, records=records, findings=[], coverage=None)


def _explained(report: Report) -> Report:
    scene = Scene(report)
    found = consistent([*chain.from_iterable(_of_row(row) for row in scene), *library_kernels(scene)])
    over_several = list(batches(scene))
    found = with_proofs(with_levers(found, scene), report.proofs)
    over_several = with_proofs(with_levers(over_several, scene), report.proofs)
    reasons = {row.record.id: explanation(row, found) for row in scene}
    records = []
    for record in report.records:
        row = scene.row(record.id)
        if row is None:
            records.append(replace(record, place=None, findings=[], explanation=None))
            continue
        records.append(
            replace(
                record,
                place=row.place,
                findings=[f for f in found if f.records[0] == record.id],
                explanation=reasons[record.id] if scene.looked_into else None,
            )
        )
    return replace(
        report,
        records=records,
        findings=over_several,
        coverage=coverage(list(reasons.values())) if scene.looked_into else None,
    )


def _of_row(row: Row) -> Iterator[Finding]:
    cannot_be = list(impossible(row))
    if cannot_be:
        yield from cannot_be
        return
    yield from troubles(row)
    yield from unchanged(row)
    yield from bounds(row)
    yield from gains(row)
    yield from memory(row)
    yield from uneven(row)
    yield from pays_off(row)


def consistent(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those that contradict an earlier one of the same row, or have no evidence."""
    kept: list[Finding] = []
    for one in (f for f in findings if f.evidence):
        rivals = [g for g in EXCLUSIVE if one.key in g]
        same = {f.key for f in kept if f.records[:1] == one.records[:1]}
        if not any(same & (group - {one.key}) or one.key in same for group in rivals):
            kept.append(one)
    return kept
