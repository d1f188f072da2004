"""Explanations of whole reports: nothing contradicts, nothing is made up, everything is counted."""

import dataclasses
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harness import registry
from harness.explain import text
from harness.explain.best import Limits, choices, front
from harness.explain.brief import brief
from harness.explain.explain import EXCLUSIVE, consistent, explained
from harness.records.finding import Finding, Intervention, Proof
from harness.records.report import Report

ROOT = Path(__file__).parents[2]
STYLE = text.Style(100)


def _proof(record, key, proved):
    made = Intervention("it is taken away", {"batch_size": "1"}, {}, "faster")
    return Proof(key, [record], made, proved, "faster", 1.5, 1.4, 1.6, 10, "2026-11-25T09:00:00Z")


def test_any_report_can_be_explained_and_shown(build):
    @settings(max_examples=100)
    @given(build.anything(Report))
    def check(report):
        found = explained(report)
        for record in found.records:
            keys = [f.key for f in record.findings]
            for group in EXCLUSIVE:
                assert sum(k in group for k in keys) <= 1, keys
            assert all(f.evidence for f in record.findings)
        limits = Limits(1.0, 0.1, 100.0)
        text.text(found, choices(found.records, limits), limits, STYLE)
        text.markdown(found, choices(found.records, limits), limits)
        brief(found, found.records)

    check()


def test_of_two_findings_that_contradict_each_other_the_first_stands():
    one, two = (Finding("p", "c", {"a": 1}, None, ["r"], key=k) for k in ("host-bound", "memory-bound"))
    other = Finding("p", "c", {"a": 1}, None, ["another"], key="memory-bound")
    assert consistent([one, two, other]) == [one, other]


def test_a_report_without_anatomies_claims_no_coverage(build):
    report = explained(build.full_report())
    assert report.coverage is None
    assert all(r.explanation is None for r in report.records)


def test_every_row_is_explained_or_says_what_was_ruled_out(lab, parts):
    lab.case(parts({"elementwise": 2.0, "matmul": 2.0}), 4.0)
    one = lab.case(
        parts({"elementwise": 1.4, "matmul": 1.4}, operator_calls=9.0),
        2.8,
        runner="compile",
        precision="tf32",
    )
    report = lab.report()
    assert report.coverage.rows == 2
    said = next(r for r in report.records if r.id == one.id).explanation
    assert not said.explained
    assert any("memory" in text for text in said.ruled_out)
    assert any("no graph break" in text for text in said.ruled_out)


def test_a_proof_proves_and_a_failed_one_withdraws(lab, parts):
    lab.case(parts({"elementwise": 10.0}, page_faults=20_000.0), 10.0)
    proved = lab.record(proofs=[_proof(lab.base.id, "page-faults", True)])
    assert proved.explanation.state == "proved"
    withdrawn = lab.record(proofs=[_proof(lab.base.id, "page-faults", False)])
    assert withdrawn.explanation.key != "page-faults"
    assert withdrawn.findings[0].state == "withdrawn"


def test_what_an_experiment_took_away_is_told_before_what_a_ceiling_accounts_for(lab, parts, asks):
    wanted = asks(flops=1_200_000_000, flops_by_format={"float32": 1_200_000_000})
    lab.case(parts({"convolution": 10.0}, page_faults=20_000.0, demand=wanted), 10.0)
    assert lab.record().explanation.key == "arithmetic-bound"
    proved = lab.record(proofs=[_proof(lab.base.id, "page-faults", True)])
    assert (proved.explanation.key, proved.explanation.state) == ("page-faults", "proved")


def test_why_a_row_is_faster_stays_why_whatever_an_experiment_says_of_its_casts(lab, parts, asks):
    lab.case(parts({"matmul": 10.0}), 10.0)
    cast = asks(casts=9, weight_casts=8, cast_bytes=60 << 20)
    taken = parts(
        {"matmul": 3.0, "cast": 3.0}, demand=dataclasses.replace(cast, flops_by_format={"bfloat16": 1})
    )
    one = lab.case(taken, 6.0, precision="bf16-amp")
    before = lab.record(one).explanation
    assert before.key == "other-kernels"
    assert lab.record(one, proofs=[_proof(one.id, "casts", True)]).explanation == before


def test_a_proof_that_could_not_say_changes_nothing_but_is_shown(lab, parts):
    lab.case(parts({"elementwise": 10.0}, page_faults=20_000.0), 10.0)
    record = lab.record(proofs=[_proof(lab.base.id, "page-faults", None)])
    assert record.findings[0].state == "shown"
    assert record.findings[0].proof is not None


def test_limits_leave_out_what_breaks_them_and_say_why(lab, parts, memory):
    lab.case(parts({"matmul": 4.0}), 4.0, memory=memory(40.0, 50.0))
    lab.case(parts({"matmul": 2.0}), 2.0, runner="compile", memory=memory(40.0, 90.0))
    records = lab.report().records
    assert choices(records, Limits())[0].best.case.runner == "compile"
    chosen = choices(records, Limits(memory_mib=60.0))[0]
    assert chosen.best.case.runner == "eager"
    assert [why for _, why in chosen.excluded] == ["memory 90 MiB > 60 MiB"]
    assert choices(records, Limits(latency_ms=1.0))[0].best is None


def test_the_front_has_what_nothing_beats_in_everything(lab, parts, memory):
    lab.case(parts({"matmul": 4.0}), 4.0, memory=memory(40.0, 50.0))
    lab.case(parts({"matmul": 2.0}), 2.0, runner="compile", memory=memory(40.0, 90.0))
    lab.case(parts({"matmul": 5.0}), 5.0, runner="onnxruntime", memory=memory(40.0, 95.0))
    assert [r.case.runner for r in front(lab.report().records)] == ["compile", "eager"]


def test_the_brief_has_the_numbers_of_this_machine(lab, parts, memory):
    lab.case(parts({"elementwise": 3.0, "matmul": 1.0}), 4.0, memory=memory(40.0, 50.0))
    lab.case(
        parts({"generated": 0.5, "matmul": 1.0}), 1.5, runner="compile", memory=memory(40.0, 45.0),
        facts={"generated_kernels": 3},
    )  # fmt: skip
    report = lab.report()
    said = brief(report, report.records)
    assert len(said) == 5
    assert "2.67x" in said[0]
    assert "45.0 MiB" in said[1]
    assert "aten::elementwise" in said[2]
    assert "3 generated kernels" in said[3]
    assert "1 of 2 rows explained" in said[4]


def test_the_brief_keeps_the_limits_and_knows_a_baseline_that_is_not_shown(lab, parts, memory):
    lab.case(parts({"matmul": 4.0}), 4.0, memory=memory(40.0, 50.0))
    one = lab.case(parts({"matmul": 1.0}), 1.0, runner="compile", memory=memory(40.0, 90.0))
    report = lab.report()
    assert (
        "fp32 on compile is fastest, 4.00x" in brief(report, [r for r in report.records if r.id == one.id])[0]
    )
    (first, *_) = brief(report, report.records, Limits(memory_mib=60.0))
    assert "fp32 on eager" in first and "within the limits" in first
    (none,) = brief(report, report.records, Limits(latency_ms=0.1))
    assert "nothing is within the limits" in none


def test_the_brief_calls_no_gain_one_that_may_be_none(lab, parts):
    lab.case(parts({"matmul": 4.0}), 4.0)
    lab.case(parts({"matmul": 2.0}), 2.0, runner="compile", spread=0.9)
    report = lab.report()
    said = brief(report, report.records)
    assert "has the lowest latency" in said[0] and "no sure gain" in said[0]
    assert not any(s.startswith("Why") for s in said)


@given(st.text(max_size=30))
def test_evidence_is_written_with_its_unit(word):
    assert text.value_text("moved_bytes", 40 << 20) == "40.0 MiB"
    assert text.value_text("share_of_gain", 0.5) == "50 %"
    assert text.value_text("latency_ms", 4.02) == "4.02 ms"
    assert text.value_text("x", word) == word
    assert text.value_text("replicates_ms", [2.68123456, 9.5]) == "2.68 ms; 9.50 ms"


def _keys_of_rules():
    source = "".join(p.read_text() for p in (ROOT / "harness/explain/rules").glob("*.py"))
    return set(re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+|[a-z0-9]+)"', source))


def test_every_lever_is_for_a_finding_that_exists_and_changes_what_exists():
    names = {c["name"]: c for c in registry.components()}
    for lever in registry.levers():
        assert lever["finding"] in _keys_of_rules(), lever
        assert lever.get("advice") or lever["expect"] in (
            "faster",
            "slower",
            "equivalent",
            "correct",
            "smaller",
        )
        for axis, value in lever["change"].items():
            if axis in ("runner", "precision"):
                assert value in names
            elif axis == "options":
                runners = lever["of"]["runner"]
                params = {p["name"] for p in names[runners]["params"]}
                assert set(value) <= params, lever
            else:
                assert axis in ("batch_size", "threads")
