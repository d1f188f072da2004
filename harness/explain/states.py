"""Findings that were put to the test: proved, or withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.records.finding import PROVED, WITHDRAWN, Finding, Proof


def with_proofs(findings: Sequence[Finding], proofs: Sequence[Proof]) -> list[Finding]:
    """The findings with the latest experiment that was made for each."""
    latest = {(p.finding, p.records[0] if p.records else ""): p for p in proofs}
    found = []
    for one in findings:
        proof = latest.get((one.key, one.records[0] if one.records else ""))
        if proof is None:
            found.append(one)
        elif proof.proved is None:
            found.append(replace(one, proof=proof))
        else:
            found.append(replace(one, proof=proof, state=PROVED if proof.proved else WITHDRAWN))
    return found
