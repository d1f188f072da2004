"""A verdict is explained by what was found about its subject, and by nothing else that is true of the case."""

import dataclasses

import pytest

from harness.claims.judge import judge
from harness.claims.language import parse
from harness.claims.points import Here
from harness.records.finding import Explanation, Finding

AT = 'case = { precision = "bf16-true", batch_size = 64 }\n'
OVER = AT + 'compared_with = { precision = "fp32" }\n'


@pytest.fixture
def explained(build):
    """A report whose second row has a cause for its speed, for its memory and for its error."""
    base = build.planned("itself")
    quick = build.planned(base, precision="bf16-true", tolerance=2e-2)
    samples = [build.sample(c, n, ms) for c, ms in ((base, 4.0), (quick, 2.0)) for n in range(3)]
    report = build.report([base, quick], samples)
    findings = [
        Finding("needs half", "weights are cast", records=[quick.id], key="weights-cast"),
        Finding("is wrong", "it saturates", records=[quick.id], key="saturated"),
    ]
    row = dataclasses.replace(
        report.records[1],
        findings=findings,
        explanation=Explanation(True, "its own arithmetic", key="native-format"),
    )
    return dataclasses.replace(report, records=[report.records[0], row])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (OVER + "speedup = { at_least = 1 }", ["its own arithmetic"]),
        (AT + "latency_ms = { at_most = 5 }", ["its own arithmetic"]),
        (OVER + "weights_ratio = { at_most = 0.6 }", ["needs half: weights are cast"]),
        (AT + "error = { at_most = 1 }", ["is wrong: it saturates"]),
        (
            AT + "latency_ms = { at_most = 5 }\nerror = { at_most = 1 }",
            ["is wrong: it saturates", "its own arithmetic"],
        ),
        (AT + 'hottest_operator = "addmm"', []),
    ],
)
def test_a_claim_is_explained_by_causes_of_what_it_is_about(explained, body, expected):
    found = parse("mine", f'[[claim]]\nname = "a"\n{body}').claims
    assert judge(found, [explained], Here("cpu", 2))[0].why == expected
