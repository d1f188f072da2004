"""The language of claims: what it can say, and how it answers a slip."""

import pytest

from harness import registry
from harness.claims.language import find, parse
from harness.errors import UsageError

HEAD = '[[claim]]\nname = "a"\n'


def one(text):
    return parse("mine", HEAD + text).claims[0]


@pytest.mark.parametrize("name", registry.claims_names())
def test_claims_in_the_box_are_right_and_say_what_they_are(name):
    claims = find(name)
    assert claims.summary
    assert all(c.text for c in claims.claims)


def test_what_a_claim_leaves_out_is_the_default_case():
    case = one("latency_ms = { at_most = 5 }").case
    assert (case.model, case.runner, case.precision, case.batch_size) == ("mlp", "eager", "fp32", 32)
    assert case.device is None


def test_what_it_is_compared_with_is_the_same_case_but_for_what_is_named():
    claim = one(
        'case = { model = "cnn", precision = "bf16-true", batch_size = 8 }\n'
        'compared_with = { precision = "fp32" }\nspeedup = { at_least = 2 }'
    )
    assert claim.compared_with is not None
    assert (claim.compared_with.model, claim.compared_with.precision) == ("cnn", "fp32")
    assert claim.compared_with.batch_size == 8


def test_a_claim_along_an_axis_has_a_case_at_each_value():
    claim = one('over = { batch_size = [1, 64] }\ngrows = "latency"')
    assert [p.batch_size for p in claim.points()] == [1, 64]


def test_what_a_claim_is_compared_with_goes_along_the_axis_unless_it_names_it():
    body = (
        'case = {{ runner = "compile" }}\ncompared_with = {{ {} }}\nspeedup = {{ at_least = 1 }}\nover = {}'
    )
    both = one(body.format('runner = "eager"', "{ batch_size = [1, 64] }"))
    assert [(a.batch_size, b.batch_size) for a, b in both.steps()] == [(1, 1), (64, 64)]
    fixed = one(body.format('precision = "fp32"', '{ precision = ["bf16-amp", "bf16-true"] }'))
    assert [(a.precision, b.precision) for a, b in fixed.steps()] == [
        ("bf16-amp", "fp32"),
        ("bf16-true", "fp32"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("latency_ms = { at_most = 5 }", "latency at most 5 ms"),
        ("throughput_per_s = { at_least = 1250000 }", "throughput at least 1250000 per s"),
        ("max_abs_error = { at_most = 1e-5 }", "largest absolute error at most 1e-5"),
        ("device_share = { at_least = 0.8 }", "device time over latency at least 0.8"),
        (
            'case = { precision = "bf16-true" }\ncompared_with = { precision = "fp32" }\n'
            "throughput_ratio = { at_least = 1.7, at_most = 2.5 }",
            "throughput ratio at least 1.7, at most 2.5",
        ),
    ],
)
def test_a_condition_is_said_as_people_say_it(body, said):
    assert one(body).conditions[0].text == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency = { at_most = 5 }", "unknown key 'latency'; did you mean latency_ms"),
        ("latency_ms = { atmost = 5 }", "unknown key 'atmost'; did you mean at_most"),
        ('case = { modle = "mlp" }\nlatency_ms = { at_most = 5 }', "unknown key 'modle'; did you mean model"),
        ("latency_ms = 5", "must be a range"),
        ('latency_ms = { at_most = "5" }', "must be a number"),
        ("latency_ms = { at_least = 6, at_most = 5 }", "at_least 6 is above at_most 5"),
        ("", "claims nothing"),
        ("speedup = { at_least = 2 }", "speedup needs compared_with"),
        ('compared_with = { precision = "fp32" }\nspeedup = { at_least = 2 }', "is the same case"),
        ("compared_with = { batch_size = 1 }\nerror = { at_most = 2 }", "needs a ratio"),
        ('grows = ["latency"]', "need over"),
        ('over = { batch_size = [1] }\ngrows = "latency"', "at least two values"),
        ('over = { batch_size = [1, 1] }\ngrows = "latency"', "a value twice"),
        ('over = { batch_size = [1, 4] }\ngrows = "speed"', "'speed' is none of latency"),
        ('case = { batch = 4 }\nover = { batch = [1, 4] }\ngrows = "latency"', "stands in case and in over"),
        (
            "compared_with = { batch_size = 4 }\nover = { batch_size = [1, 4] }\nspeedup = { at_least = 1 }",
            "is the same case",
        ),
        ("case = { batch_size = 0 }\nlatency_ms = { at_most = 5 }", "no whole number above 0"),
        ('case = { model = "net.py" }\nlatency_ms = { at_most = 5 }', "case: model: 'net.py' is a file"),
        ('case = { model = "mlp,cnn" }\nlatency_ms = { at_most = 5 }', "more than one"),
        ('case = { runner = "all" }\nlatency_ms = { at_most = 5 }', "more than one"),
    ],
)
def test_a_slip_is_named_with_its_claim(text, said):
    with pytest.raises(UsageError) as caught:
        one(text)
    assert said in caught.value.message
    assert "claims mine: claim 1" in caught.value.message


def test_slips_of_the_whole_file_are_named():
    for text, said in (
        ("", "no [[claim]]"),
        ("[[claims]]", "unknown key 'claims'; did you mean claim"),
        ("[claim]\nname='a'", "no [[claim]]"),
        ("[[claim]]", "has no name"),
        (HEAD + "error = {at_most=1}\n" + HEAD + "error = {at_most=1}", "two claims are called 'a'"),
        ("= 3", "mine"),
    ):
        with pytest.raises(UsageError, match=r"claims mine") as caught:
            parse("mine", text)
        assert said in caught.value.message


def test_an_unknown_name_is_answered_with_what_is_near():
    with pytest.raises(UsageError, match="did you mean seed"):
        find("sed")
