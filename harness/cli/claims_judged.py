"""Claims of a file: from stored runs as far as they have the cases, else measured now, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness.claims.claim import Claim, Claims
from harness.claims.judge import answers, judge, left_open
from harness.claims.points import Here, matrices, same
from harness.cli.claiming import Asked, claims_report, disturbed, elsewhere, here, measure, ran
from harness.cli.report import read
from harness.explain.explain import explained
from harness.records.case import Plan
from harness.records.claims import ClaimsReport
from harness.records.report import Report


def judged(asked: Asked, claims: Claims, source: str) -> tuple[ClaimsReport, Exception | None]:
    """(verdicts, what a signal that ended measuring is to be raised as)."""
    machine = here(asked)
    stored = [read(asked.folder, name) for name in asked.given["runs"]]
    notes = [note for r in stored for note in elsewhere(r)]
    open_ = [c for c in claims.claims if _open(asked, c, stored, machine)]
    new: list[Report] = []
    ended = None
    if open_:
        report, ended = measure(
            asked,
            matrices(p for claim in open_ for p in claim.points()),
            lambda plan: _together(plan, open_, machine),
            any("throughput" in claim.needs() for claim in open_),
        )
        new = [report]
    stored, new = [explained(r) for r in stored], [explained(r) for r in new]
    despite = asked.given["despite_noise"]
    verdicts = [
        verdict
        for claim in claims.claims
        for verdict in judge(
            [claim], [*new, *stored] if claim in open_ else [*stored, *new], machine, despite
        )
    ]
    reports = [*stored, *new]
    used = [r for r in reports if ran(r) and any(v.run == r.run.id for v in verdicts)]
    notes += [note for r in used for note in disturbed(r)]
    ids = [r.run.id for r in used]
    # Where nothing could be run there is no run to look at.
    verdicts = [v if v.run in ids else replace(v, run=None, records=[]) for v in verdicts]
    return claims_report(source, claims.summary, reports[-1], ids, notes, verdicts=verdicts), ended


def _open(asked: Asked, claim: Claim, stored: Sequence[Report], machine: Here) -> bool:
    """Whether a claim must be measured: no run has its cases, or, with --settle, noise left it open."""
    if not any(answers(claim, r, machine) for r in stored):
        return True
    return asked.given["settle"] and left_open(
        judge([claim], stored, machine, asked.given["despite_noise"])[0]
    )


def _together(plan: Plan, claims: Sequence[Claim], machine: Here) -> list[frozenset[str]]:
    """Ids of the cases of each claim that is about several: their ratios are wanted."""
    several = [claim.points() for claim in claims if len(claim.points()) > 1]
    return [
        frozenset(c.id for c in plan.cases if any(same(p, c.case, c.label, machine) for p in points))
        for points in several
    ]


def measured_anything(found: ClaimsReport) -> bool:
    """Whether a claim or a speed-up has a number."""
    answers_: list[Any] = [a for v in found.verdicts for a in v.answers]
    return any(a.value is not None for a in answers_) or any(c.here for c in found.carried)
