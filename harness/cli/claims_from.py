"""`harness claims --from`: somebody's report, measured here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.claims.carried import Theirs, carried, speedups
from harness.claims.points import Here, matrices, same
from harness.cli.claiming import Asked, claims_report, disturbed, here, measure, ran, stock
from harness.cli.report import read
from harness.compare import differences
from harness.errors import NothingMeasured, UsageError
from harness.explain.explain import explained
from harness.records.case import Plan
from harness.records.claims import ClaimsReport
from harness.records.report import Record, Report
from harness.store import trust


def from_report(asked: Asked, name: str) -> tuple[ClaimsReport, Exception | None]:
    """(what becomes of each of its speed-ups, what a signal that ended measuring is to be raised as).

    Raises:
        UsageError: it has no speed-up.
        NothingMeasured: no model, runner or precision of it is here.
    """
    there = read(asked.folder, name)
    trust.check_report(there, asked.folder.find(name), trust.code_of(there), asked.given["allow_code"])
    theirs = speedups(there)
    if not theirs:
        raise UsageError(f"{name} has no speed-up of a correct case", "there is nothing to carry over")
    machine = here(asked)
    lacking = _lacking(asked, theirs)
    able = [one for one in theirs if not any(x in lacking for r in _records(one) for x in _components(r))]
    notes = [f"{kind} {name} is not here: --plugin loads what provides it" for kind, name in lacking]
    if not able:
        raise NothingMeasured("none of its cases can be measured here", "; ".join(notes))
    points = [one.points(there) for one in able]
    report, ended = measure(
        asked,
        matrices(p for pair in points for p in pair),
        lambda plan: _together(plan, able, there, machine),
        False,
        there.run.seed,
    )
    report = explained(report)
    return (
        claims_report(
            there.run.id,
            f"which of its {len(theirs)} speed-ups carry over",
            report,
            [report.run.id] if ran(report) else [],
            [*notes, *disturbed(report)],
            carried=carried(theirs, there, report, machine, asked.given["despite_noise"]),
            differences=differences.of_runs(there, report),
        ),
        ended,
    )


def _together(plan: Plan, theirs: Sequence[Theirs], there: Report, machine: Here) -> list[frozenset[str]]:
    """Ids of each case with what its speed-up is counted from."""
    pairs = [one.points(there) for one in theirs]
    return [
        frozenset(c.id for c in plan.cases if any(same(p, c.case, c.label, machine) for p in pair))
        for pair in pairs
    ]


def _records(one: Theirs) -> tuple[Record, Record]:
    return one.record, one.baseline


def _lacking(asked: Asked, theirs: Sequence[Theirs]) -> list[tuple[str, str]]:
    """(kind, name) of each component of their cases that is not here; empty if it cannot be found out."""
    found = stock(asked)
    if found is None:
        return []
    known = {
        (row["kind"], name) for row in found["components"] for name in (row["name"], *row.get("aliases", ()))
    }
    asked_for = [c for one in theirs for record in _records(one) for c in _components(record)]
    return [c for c in dict.fromkeys(asked_for) if c not in known]


def _components(record: Record) -> Iterator[tuple[str, str]]:
    for kind, text in (
        ("model", record.label["model"]),
        ("runner", record.label["runner"]),
        ("precision", record.case.precision),
    ):
        yield kind, text.partition(":")[0].rpartition("/")[2]
