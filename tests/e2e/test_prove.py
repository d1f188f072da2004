"""`harness explain --prove` and `--waterfall`: real processes in lock-step, kept with the run."""

import json
import math
from pathlib import Path

import pytest

from harness.catalogue.loading import PluginRequest
from harness.compare import rule
from harness.execute.lock import Locks
from harness.prove.experiments import Laboratory, experiment, matrix
from harness.records.finding import Finding, Intervention
from harness.store import runfile
from harness.store.comparisonfile import read
from harness.store.folder import Folder

PLUGIN = Path(__file__).parent.parent / "plugins" / "paced.py"
BASE = {
    "model": "subnormal",
    "runner": "paced",
    "precision": "fp32",
    "batch_size": "4",
    "device": "cpu",
    "threads": "1",
}
ASKED = ("--plugin", PLUGIN, "-m", "subnormal", "-p", "fp32", "-b", 4, "--threads", 1)


@pytest.fixture
def few(monkeypatch):
    """Three pairs: what differs by a factor of three needs no more."""
    mode = rule.Mode("quick", 3, 1, 3, None, rounds=2)
    monkeypatch.setitem(rule.MODES, "quick", mode)
    return mode


@pytest.fixture
def beside_others():
    """Locks that measure beside others; what they hold all the same is freed."""
    locks = Locks(None, False, lambda text: None)
    yield locks
    locks.close()


@pytest.mark.slow
def test_a_cause_that_is_taken_away_is_proved_and_one_that_is_none_is_not(few, tmp_path, beside_others):
    lab = Laboratory(
        folder=Folder(tmp_path / "results"),
        plugins=PluginRequest.from_options((str(PLUGIN),)),
        mode=few,
        seed=0,
        locks=beside_others,
        command="harness explain --prove",
        tell=lambda text: None,
    )

    def tried(**changes):
        values = {"text": "a batch four times as large", "base": BASE, "new": {"batch_size": "16"}}
        made = Intervention(**{**values, "expect": "faster", "per_item": True, "at_least": 2.0, **changes})
        asked = [Finding("slow", "a cause", key=k, records=[k], intervention=made) for k in ("a", "b")]
        return experiment(lab, asked)

    # A call takes as long at any batch size: four times the items in the same time.
    proofs = tried()
    assert [(p.finding, p.records) for p in proofs] == [("a", ["a"]), ("b", ["b"])]
    found = proofs[0]
    assert found.proved or "noisy" in found.reason or "interval" in found.reason
    assert 2 < found.ratio < 8
    stored = read(lab.folder.comparison_path(found.comparison))
    assert len([p for p in stored.pairs if p.number]) >= 3
    assert lab.folder.comparison_report_path(found.comparison).is_file()

    gone = tried(new={"runner": "eager:allocator=nonsense"})[0]
    assert (gone.proved, gone.word) == (None, None)
    assert "cannot be planned here" in gone.reason


def test_a_tolerance_of_the_run_holds_in_its_experiments(tmp_path, beside_others):
    plugins = PluginRequest.from_options((str(PLUGIN),))
    lab = Laboratory(Folder(tmp_path), plugins, rule.MODES["quick"], 7, beside_others, "", print, 0.3)
    asked = lab.request(matrix(BASE))
    assert (asked.tolerance, asked.settings.tolerance, asked.seed) == (0.3, 0.3, 7)


@pytest.mark.slow
def test_proofs_are_kept_with_the_run_and_shown_from_then_on(few, harness_command):
    run = harness_command("run", *ASKED, "-r", "eager", "--passes", 2, "--no-lock")
    assert run.code == 0, run.err
    report = next((run.results / "benchmarks").glob("*.json"))
    assert not json.loads(report.read_text())["proofs"]

    wrong = harness_command("explain", "--prove", "--only", "denormal", "--no-lock")
    assert wrong.code == 2
    assert "no finding of this run is called 'denormal'" in wrong.err
    assert "denormals" in wrong.err

    # The plugin file is known from the run.
    done = harness_command("explain", "--prove", "--no-lock", "--format", "json")
    assert done.code == 0, done.err
    assert (
        "proving 1 of 1: subnormal at batch 4, fp32 on eager: subnormal numbers flushed to zero" in done.err
    )
    stored = runfile.read(report.with_suffix(".jsonl"))
    assert [p.finding for p in stored.proofs] == ["denormals"]
    assert not stored.damage
    proof = stored.proofs[0]
    assert proof.intervention.new == {"runner": "eager:denormals=flush"}
    assert proof.comparison is not None
    assert [p["at"] for p in json.loads(report.read_text())["proofs"]] == [proof.at]

    state = {True: "proved", False: "withdrawn", None: "shown"}[proof.proved]
    for shown in (json.loads(done.out), json.loads(harness_command("explain", "--format", "json").out)):
        found = next(f for f in shown["records"][0]["findings"] if f["key"] == "denormals")
        assert found["state"] == state
        assert found["proof"]["comparison"] == proof.comparison


@pytest.mark.slow
def test_a_waterfall_is_the_way_from_the_baseline_to_the_best_row(few, harness_command):
    run = harness_command(
        "run", *ASKED, "-r", "paced,paced:us=1000", "--baseline", "runner=paced", "--passes", 2, "--no-lock"
    )
    assert run.code == 0, run.err
    # The baseline is no row of what is shown, and found all the same.
    shown = ("explain", "--waterfall", "-r", "paced:us=1000.0", "--no-lock")
    done = harness_command(*shown, "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [s["name"] for s in found["steps"]] == ["us=1000.0"]
    assert found["total"]["ratio"] > 1.5
    assert math.prod(s["ratio"] for s in found["steps"]) == pytest.approx(found["total"]["ratio"])
    assert found["baseline_ms"] > found["total"]["latency_ms"]
    assert (run.results / "comparisons" / f"{found['comparison']}.jsonl").is_file()


def test_options_that_would_do_nothing_are_refused(harness_command):
    for words in (
        ("--only", "casts"),
        ("--prove", "--waterfall"),
        ("--waterfall", "--brief"),
        ("--most", 3),
        ("--mode", "rigorous"),
        ("--no-lock",),
    ):
        done = harness_command("explain", *words)
        assert done.code == 2


def test_a_plugin_that_is_no_longer_there_is_asked_for(tmp_path, harness_command):
    here = tmp_path / "net.py"
    here.write_text(PLUGIN.read_text())
    run = ("run", "--plugin", "net.py", "-m", "subnormal", "-p", "fp32", "-b", 4, "--passes", 1, "--no-lock")
    assert harness_command(*run).code == 0
    here.rename(tmp_path / "moved.py")
    done = harness_command("explain", "--prove", "--no-lock")
    assert done.code == 2
    assert f"the run's plugin {here} is not here" in done.err
    assert "--plugin FILE" in done.err
    assert not harness_command("explain", "-f", "json").out.count('"comparison"')
