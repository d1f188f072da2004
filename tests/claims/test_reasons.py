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


def test_a_ratio_of_two_cases_is_explained_by_what_parts_them_and_not_by_their_tables_baseline(build):
    """Of compile in bf16 against eager in bf16: what compile does; that bf16 is quick is true of both."""
    base = build.planned("itself")
    cast = build.planned(base, precision="bf16-true", tolerance=2e-2)
    both = build.planned(base, precision="bf16-true", runner="compile", tolerance=2e-2)
    times = ((base, 4.0), (cast, 2.0), (both, 2.2))
    broken = {"graphs": 3, "graph_breaks": 2, "graph_break_reasons": ["a branch"]}
    samples = [build.sample(c, n, ms, facts=broken if c is both else {}) for c, ms in times for n in range(3)]
    report = build.report([base, cast, both], samples)
    gained = Explanation(True, "bf16 arithmetic", key="native-format")
    rows = [dataclasses.replace(r, explanation=gained) if not r.is_baseline else r for r in report.records]
    report = dataclasses.replace(report, records=rows)
    claim = (
        'case = { precision = "bf16-true", runner = "compile", batch_size = 64 }\n'
        'compared_with = { runner = "eager" }\nspeedup = { at_least = 1.15 }'
    )
    found = parse("mine", f'[[claim]]\nname = "a"\n{claim}').claims
    why = judge(found, [report], Here("cpu", 2))[0].why
    assert why != ["bf16 arithmetic"]


def test_a_speed_up_that_grows_and_is_none_is_told_to_be_a_loss(build):
    """From 0.5 to 0.8: it grows, and no reader is to think that it pays."""
    cases, samples = [], []
    for batch, ms in ((1, 2.0), (64, 1.25)):
        base = build.planned("itself", batch_size=batch)
        other = build.planned(base, runner="compile", batch_size=batch)
        cases += [base, other]
        samples += [
            build.sample(c, n, t * (1 + n / 1e3)) for c, t in ((base, 1.0), (other, ms)) for n in range(3)
        ]
    claim = (
        '[[claim]]\nname = "a"\ncase = { runner = "compile" }\ncompared_with = { runner = "eager" }\n'
        'over = { batch_size = [1, 64] }\ngrows = ["speedup"]'
    )
    verdict = judge(parse("mine", claim).claims, [build.report(cases, samples)], Here("cpu", 2))[0]
    assert verdict.word == "CONFIRMED"
    assert verdict.answers[0].found.endswith("a loss even so")
