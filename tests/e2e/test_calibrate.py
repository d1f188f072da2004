"""`harness doctor --calibrate`, on real processes: kept, told and used, unless it was too noisy."""

import json

import pytest

from harness.compare import rule


@pytest.mark.slow
def test_a_calibration_is_kept_and_told_and_used_unless_it_was_too_noisy(
    harness_command, tmp_path, monkeypatch
):
    few = rule.Mode("quick", 2, 1, 2, None, rounds=1)
    monkeypatch.setattr(rule, "QUICK", few)
    monkeypatch.setitem(rule.MODES, "quick", few)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ended = harness_command("doctor", "--calibrate", "--no-lock", "--format", "json")
    kept = list((tmp_path / "cache").rglob("calibration-*.json"))
    (file,) = kept
    ceilings = json.loads(file.read_text())["ceilings"]
    assert {c["device"] for c in ceilings} >= {"cpu"}
    assert 1 in {c["threads"] for c in ceilings}
    assert all(c["matmul_tflops"]["float32"] > 0 for c in ceilings)
    if "too noisy to calibrate" in ended.err:
        assert (ended.code, json.loads(file.read_text())["sessions"]) == (4, [])
        return
    assert ended.code == 0, ended.err
    (session,) = json.loads(ended.out)["calibration"]["sessions"]
    assert [w["pairs"] for w in session["workloads"]] == [2, 2]
    assert all(w["process_sd"] > 0 for w in session["workloads"])
    assert 0 < session["overhead_ns"] < session["context_ns"]
    text = " ".join(harness_command("doctor").out.split())
    assert "processes differ by" in text
    assert "starting an operator takes" in text
    harness_command("run", "-m", "mlp", "-b", 1, "--passes", 1, "--no-memory", "--no-lock")
    found = sorted((ended.results / "benchmarks").glob("*.json"))[-1]
    assert json.loads(found.read_text())["run"]["calibration"]["sessions"] == 1
