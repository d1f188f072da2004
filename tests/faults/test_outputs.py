"""Outputs that are wrong, and models that change what is not theirs: seen, said, and never best."""

import re

import pytest

EXPECTED = {
    "none": ("ok", r"^$"),
    "nan": ("incorrect", r"^\d+ NaN or Inf that the reference does not have$"),
    "inf": ("incorrect", r"^\d+ NaN or Inf that the reference does not have$"),
    "zeros": ("incorrect", r"^error 1(\.\d)? is above the limit 0\.0001$"),
    "shape": ("incorrect", r"^output 0 has shape \[4, 8\], the reference \[4, 16\]$"),
    "empty": ("incorrect", r"^output 0 has shape \[0, 16\], the reference \[4, 16\]$"),
    "nothing": ("incorrect", r"^0 output tensors where the reference has 1 \(call 1\)$"),
    "dtype": ("incorrect", r"^output 0 has the type int64, the reference float64: whole numbers in place of"),
    "drift": ("incorrect", r"above the limit 0\.0001"),
    "mutates": ("incorrect", r"^right before the timed calls, wrong after them: .* \(its inputs are changed"),
    "random": ("ok", r"^$"),
    "state": ("ok", r"^$"),
    "subclass": ("ok", r"^$"),
    "dtype-in-forward": ("ok", r"^$"),
}
WARNED = [
    ("random", r"^nondeterministic: the same input gave another output later \(apart by \d"),
    ("drift", r"^nondeterministic: the same input gave another output later \(apart by \d"),
    ("mutates", r"^the model changes its inputs in place"),
    ("state", r"^faulty\.build\(\) changed the default dtype: float32 -> float64$"),
    ("state", r"^faulty\.build\(\) changed the grad mode: on -> off$"),
    ("dtype-in-forward", r"^the model or runner changed the default dtype: float32 -> float64$"),
    ("state", r"^the model or runner changed the deterministic algorithms: off -> on$"),
    ("state", r"^the model or runner changed the number of threads: 2 -> 1$"),
    ("state", r"^the model or runner changed the float32 mode of mkldnn\.matmul: ieee -> bf16$"),
]


@pytest.fixture(scope="module")
def swept(lab, tmp_path_factory):
    return lab.sweep(
        tmp_path_factory.mktemp("outputs"), "faulty.py", "faulty", "how", EXPECTED, "--threads", 2
    )


@pytest.mark.parametrize("how", EXPECTED)
def test_the_case_says_what_is_wrong_with_its_output(swept, how):
    record = swept.record("how", how)
    status, reason = EXPECTED[how]
    assert record["status"] == status, record["reason"]
    assert re.search(reason, record["reason"] or ""), record["reason"]
    assert record["latency_ms"]["median"] > 0


@pytest.mark.parametrize(("how", "said"), WARNED)
def test_what_changes_from_call_to_call_or_is_not_the_models_to_change_is_said(swept, how, said):
    warnings = swept.record("how", how)["warnings"]
    assert any(re.search(said, w) for w in warnings), warnings


def test_a_model_that_keeps_to_its_own_is_not_suspected(swept):
    said = " ".join(swept.record("how", "none")["warnings"])
    assert "nondeterministic" not in said
    assert "changed the" not in said


def test_wrong_output_is_shown_with_its_numbers_and_never_wins(swept):
    for how, (status, _) in EXPECTED.items():
        record = swept.record("how", how)
        if status == "incorrect":
            assert not record["verification"]["passed"], how
            assert not record["best"], how
    assert "incorrect: limit 1e-4" in swept.done.stdout
    assert "nondeterministic" in swept.done.stdout
    assert swept.done.returncode == 3


def test_the_state_that_one_case_changes_is_not_the_next_ones(swept):
    """Each replicate is a process of its own: none of the others has any of these warnings."""
    for how in EXPECTED.keys() - {"state", "dtype-in-forward"}:
        assert not [w for w in swept.record("how", how)["warnings"] if "changed the" in w], how


@pytest.mark.slow
def test_what_torch_compile_passes_through_is_never_called_compiled(lab, tmp_path):
    plugin = lab.plugins / "faulty.py"
    done = lab.run(
        *("run", "--plugin", plugin, "-m", "script", "-r", "compile", "-b", 4, "--passes", 1),
        *("--no-memory", "--no-anatomy"),
        cwd=tmp_path,
    )
    records = {r["case"]["runner"]: r for r in lab.report(tmp_path / "results")["records"]}
    assert records["compile"]["status"] == "unsupported"
    assert "nothing was compiled" in records["compile"]["reason"]
    assert records["compile"]["latency_ms"] is None
    assert records["eager"]["status"] == "ok", done.stderr
