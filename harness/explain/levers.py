"""What takes a cause away: the experiment that would prove a finding, and the command to try it.

The registry says which configuration is without which cause, since the core knows no configuration by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from harness import registry
from harness.explain.commands import axes_of, compare
from harness.explain.scene import Row, Scene
from harness.records.case import Case
from harness.records.finding import Finding, Intervention


def with_levers(findings: Sequence[Finding], scene: Scene) -> list[Finding]:
    """The findings with their experiments and, where they have none of their own, their advice."""
    found = []
    for one in findings:
        row = scene.row(one.records[0]) if one.records else None
        lever = _lever(one, row) if row is not None else None
        if lever is None or row is None:
            found.append(one)
            continue
        data, made = lever
        advice = one.advice or f"{made.text}: {compare(row.record, made.new, made.base)}"
        found.append(replace(one, intervention=None if data.get("advice") else made, advice=advice))
    return found


def _lever(finding: Finding, row: Row) -> tuple[dict[str, Any], Intervention] | None:
    """The first experiment of the registry that fits a finding and its row."""
    for lever in registry.levers():
        if lever["finding"] == finding.key and _fits(lever.get("of", {}), row, finding):
            new = _changed(lever["change"], row)
            if new:
                return lever, Intervention(
                    text=lever["text"],
                    base=axes_of(row.record),
                    new=new,
                    expect=lever.get("expect", "faster"),
                    per_item=lever.get("per_item", False),
                    at_least=lever.get("at_least"),
                    beyond=_beyond(lever.get("beyond_share"), finding),
                    besides=lever.get("besides"),
                )
    return None


def _beyond(key: str | None, finding: Finding) -> float | None:
    """What all but a share of the time could bring if it were free (Amdahl); None where no share is named."""
    share = finding.evidence.get(key) if key else None
    return None if not isinstance(share, float) or not 0 < share <= 1 else 1 / share


def _fits(of: dict[str, Any], row: Row, finding: Finding) -> bool:
    """Whether a lever is meant for a case: every named axis has one of the values."""
    case = row.record.case
    for axis, wanted in of.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        if axis == "evidence":
            if not all(finding.evidence.get(key) for key in values):
                return False
        elif axis == "native":
            # The machine computes in these formats itself.
            ceilings = row.ceilings
            if ceilings is None or any(
                f in ceilings.emulated or f not in ceilings.matmul_tflops for f in values
            ):
                return False
        elif str(getattr(case, axis)) not in [str(v) for v in values]:
            return False
    return True


def _changed(change: dict[str, Any], row: Row) -> dict[str, str] | None:
    """The axes that differ; None if the case is like that already."""
    case, label = row.record.case, row.record.label
    new: dict[str, str] = {}
    for axis, value in change.items():
        if axis == "options":
            text = _with_options(label["runner"], case, value)
            if text is None:
                return None
            new["runner"] = text
        elif axis == "batch_size":
            new[axis] = str(case.batch_size * int(value.removeprefix("x")))
        else:
            new[axis] = str(value)
    current = axes_of(row.record)
    return new if any(current.get(axis) != value for axis, value in new.items()) else None


def _with_options(runner: str, case: Case, options: dict[str, Any]) -> str | None:
    """The runner's text with other options; None if it has them already."""
    if all(str(case.options.get(k)).lower() == str(v).lower() for k, v in options.items()):
        return None
    name, _, given = runner.partition(":")
    kept = [piece for piece in given.split(",") if piece and piece.partition("=")[0] not in options]
    texts = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in options.items()]
    return f"{name}:{','.join([*kept, *texts])}"
