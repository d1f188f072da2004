"""`harness compare`, live: real processes in lock-step, on models whose calls have a known length."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from harness.compare import rule
from harness.compare.paired import report_of
from harness.records import codec
from harness.store import comparisonfile
from tests.e2e.conftest import PLUGINS

SPINNING = PLUGINS / "spinning.py"


@pytest.fixture
def compare(harness_command, monkeypatch):
    """Compares a few pairs; the ending and the report that was saved. How sure verdicts are is counted
    elsewhere: five pairs do for what differs by a factor, two for what is no question of numbers.
    """

    def call(*arguments, pairs=2):
        monkeypatch.setitem(rule.MODES, "quick", rule.Mode("quick", pairs, 1, pairs, None, rounds=2))
        ended = harness_command(
            "compare", "--mode", "quick", "-b", 4, "--threads", 1, "--no-lock", *arguments
        )
        files = sorted((ended.results / "comparisons").glob("*.json"))
        return ended, json.loads(files[-1].read_text()) if files else None

    return call


def verdict_of(report, number=0):
    return report["compared"][number]["latency"]


def test_a_model_that_takes_twice_as_long_is_slower_and_one_that_takes_half_is_faster(compare):
    ended, report = compare(
        "--plugin", SPINNING, "--base", "model=spinning", "--new", "model=spinning:us=2000",
        "--new", "model=spinning:us=500", pairs=5,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    for number, (word, ratio) in enumerate([("slower", 2.0), ("faster", 0.5)]):
        found = verdict_of(report, number)
        # Beside heavy other load a spin takes longer than it should; which is which stays clear.
        assert (found["ratio"] > 1.3) == (ratio > 1)
        assert (found["word"], found["material"]) == (word, True) or "noisy" in found["reason"]
    assert "pairs of fresh processes in lock-step" in ended.out
    stored = comparisonfile.read(next((ended.results / "comparisons").glob("*.jsonl")))
    timed = [p for p in stored.pairs if p.number]
    assert len({tuple(p.order) for p in timed}) > 1, "which side starts first is drawn for each pair"
    rounds = {tuple(b.arm for b in p.blocks if b.round == 0) for p in timed}
    assert len(rounds) > 1, "and so is the order within a round"
    sides = [report["compared"][0]["base"], *(one["new"] for one in report["compared"])]
    assert [s["status"] for s in sides] == ["ok"] * 3
    assert all(s["verification"]["passed"] for s in sides)
    assert all(len(s["latency_ms"]["replicates"]) >= 2 for s in sides)


@pytest.mark.slow
def test_a_model_is_not_materially_different_from_itself(compare):
    ended, report = compare("--plugin", SPINNING, "-m", "spinning", "--new", "runner=eager")
    assert ended.code == 0, ended.err
    found = verdict_of(report)
    assert found["word"] in ("equivalent", "inconclusive") or not found["material"]


@pytest.mark.slow
def test_the_file_holds_all_that_the_verdict_rests_on(compare, harness_command):
    ended, report = compare("--plugin", SPINNING, "-m", "spinning", "--new", "model=spinning:us=1500")
    file = next((ended.results / "comparisons").glob("*.jsonl"))
    stored = comparisonfile.read(file)
    assert [p.number for p in stored.pairs][:2] == [0, 1]
    assert json.loads(codec.pretty(report_of(stored))) == report
    assert harness_command("compare", "--show", "latest").out == ended.out
    # Torn at its end, as after a power cut: the whole pairs are still there.
    file.write_bytes(file.read_bytes()[:-400])
    torn = comparisonfile.read(file)
    assert len(torn.damage) == 1
    assert report_of(torn).compared[0].latency is not None


@pytest.mark.slow
def test_while_one_side_is_called_the_other_is_frozen(compare, tmp_path):
    states = tmp_path / "states"
    ended, _ = compare("--plugin", SPINNING, "-m", f"watching:file={states}", "--new", "runner=eager")
    assert ended.code == 0, ended.err
    found = states.read_text()
    assert len(found) > 200
    # T is stopped. A process that was told to stop may need a moment for it.
    assert found.count("T") > 0.95 * len(found), {s: found.count(s) for s in set(found)}


@pytest.mark.slow
def test_where_nothing_is_forked_the_sides_are_interpreters_of_their_own(compare, monkeypatch):
    monkeypatch.setenv("HARNESS_SPAWN", "1")
    ended, report = compare("--plugin", SPINNING, "-m", "spinning", "--new", "model=spinning:us=3000")
    assert ended.code == 0, ended.err
    assert report["compared"][0]["latency"]["ratio"] > 1.5


@pytest.mark.slow
def test_two_versions_of_a_plugin_are_compared_each_in_processes_of_its_own(compare, tmp_path):
    text = SPINNING.read_text()
    for name, us in (("old", "1000.0"), ("new", "2000.0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.py").write_text(text.replace("us: float = 1000.0", f"us: float = {us}"))
    ended, report = compare(
        "-m", "spinning", "--base-plugin", tmp_path / "old" / "net.py", "--new-plugin", tmp_path / "new" / "net.py",
        "--fail-on", "material", pairs=5,
    )  # fmt: skip
    found = verdict_of(report)
    assert found["ratio"] > 1.3
    assert ended.code == 1 or "noisy" in found["reason"], ended.err
    one = report["compared"][0]
    digests = [{p["kind"]: p["digest"] for p in side["providers"]} for side in (one["base"], one["new"])]
    assert digests[0]["model"] != digests[1]["model"]


def test_a_wrong_answer_is_never_fast_and_fails_every_gate(compare):
    ended, report = compare(
        "--plugin", SPINNING, "--base", "model=spinning", "--new", "model=wrong:us=10", "--fail-on", "slower"
    )
    assert ended.code == 1
    one = report["compared"][0]
    assert (one["new"]["status"], one["latency"]) == ("incorrect", None)
    assert "broken (incorrect)" in ended.err


def test_a_side_that_dies_ends_the_comparison_and_says_so_and_what_was_measured_is_kept(compare):
    ended, report = compare("--plugin", SPINNING, "--base", "model=spinning", "--new", "model=dying:at=300")
    one = report["compared"][0]
    assert one["new"]["status"] == "crashed"
    assert "SIGKILL" in one["new"]["reason"]
    assert one["base"]["status"] == "ok"
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to compare with"),
        (["-m", "mlp,cnn", "--new", "runner=eager"], "a side of a comparison has one model"),
        (["--new", "runner=egaer"], "did you mean"),
        (["--new", "axis=1"], "there is no axis"),
        (["--new", "runner=eager", "--new-python", "/nowhere/python"], "there is no file"),
        (["--new", "runner=eager", "--new-python", "/"], "is a folder"),
        (["--new", "batch=0"], "is no whole number"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line(compare, arguments, said):
    ended, report = compare(*arguments)
    assert (ended.code, report) == (2, None)
    assert said in ended.err
    assert "Traceback" not in ended.err


# ---- other interpreters ----------------------------------------------------------------------------


def wrapper(folder, path):
    """An interpreter that finds another harness than this one first."""
    file = folder / "python"
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" "$@"\n')
    file.chmod(0o755)
    return file


@pytest.mark.slow
def test_an_interpreter_with_this_same_harness_is_a_side(compare, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    ended, report = compare("--plugin", SPINNING, "-m", "spinning", "--new-python", wrapper(tmp_path, empty))
    assert ended.code == 0, ended.err
    one = report["compared"][0]
    assert one["new"]["interpreter"] == str(tmp_path / "python")
    assert one["latency"]["ratio"] == pytest.approx(1.0, rel=0.5)


def test_an_interpreter_with_other_code_of_the_same_version_is_refused(compare, tmp_path):
    import harness

    other = tmp_path / "other"
    shutil.copytree(Path(harness.__file__).parent, other / "harness")
    with (other / "harness" / "errors.py").open("a") as file:
        file.write("# changed\n")
    ended, report = compare("--new-python", wrapper(tmp_path, other))
    assert (ended.code, report) == (2, None)
    assert "its code is another" in ended.err


def test_an_interpreter_without_a_harness_is_refused_with_what_to_do(compare, tmp_path):
    file = tmp_path / "python"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    file.chmod(0o755)
    ended, report = compare("--new-python", file)
    assert report is None
    assert ended.code in (2, 4)
    assert "does not start this harness" in ended.err
    assert "install pytorch-inference-lab" in ended.err


# ---- ended from outside ----------------------------------------------------------------------------


def processes_with(text):
    """Ids of processes whose environment or arguments hold a text."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                told = (
                    Path("/proc", name, "environ").read_bytes() + Path("/proc", name, "cmdline").read_bytes()
                )
            except OSError:
                continue
            if text.encode() in told:
                found.append(int(name))
    return found


def gone(mark, patience_s=20):
    end = time.monotonic() + patience_s
    while processes_with(mark) and time.monotonic() < end:
        time.sleep(0.1)
    return not processes_with(mark)


@pytest.fixture
def long_comparison(harness_process, tmp_path):
    """A comparison under way, of which one pair is done."""
    mark = f"COMPARISON_OF_{tmp_path.name}"
    process = harness_process(
        "compare", "-b", 4, "--threads", 1, "--plugin", SPINNING, "-m", "spinning",
        "--new", "runner=eager", "--no-lock", "--mode", "rigorous", MARK=mark,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            files = list((tmp_path / "results" / "comparisons").glob("*.jsonl"))
            if files and files[0].read_bytes().count(b"\n") >= 3:
                break
            time.sleep(0.2)
        yield process, files[0], mark
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_keeps_the_pairs_shows_them_and_leaves_no_process(long_comparison):
    process, file, mark = long_comparison
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "in lock-step" in out
    assert "Traceback" not in err
    stored = comparisonfile.read(file)
    assert stored.ended.status == "interrupted"
    assert len(stored.pairs) >= 2
    assert gone(mark)


def test_after_a_kill_the_pairs_are_in_the_file_and_frozen_processes_do_not_stay(long_comparison):
    process, file, mark = long_comparison
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    stored = comparisonfile.read(file)
    assert stored.ended is None
    assert len(stored.pairs) >= 2
    assert gone(mark)


# ---- sides that cannot be measured ------------------------------------------------------------------


def test_a_side_that_cannot_run_here_is_broken_and_the_others_are_measured(compare):
    ended, report = compare(
        "--plugin", SPINNING, "-m", "spinning", "--new", "precision=tf32,device=cpu", "--new", "runner=eager",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    first, second = report["compared"]
    assert (first["new"]["status"], first["latency"]) == ("unsupported", None)
    assert second["latency"]["pairs"] >= 2
    assert "BROKEN" in ended.out


def test_a_base_that_cannot_run_ends_it_and_is_named(compare):
    ended, report = compare("-m", "mlp", "--base", "precision=tf32,device=cpu", "--new", "runner=eager")
    assert (ended.code, report) == (4, None)
    assert "base is unsupported" in ended.err


def test_without_one_comparison_the_exit_code_says_so(compare):
    ended, report = compare("--plugin", SPINNING, "--base", "model=spinning", "--new", "model=wrong")
    assert ended.code == 4
    assert report["compared"][0]["new"]["status"] == "incorrect"
    assert "nothing could be compared" in ended.err


def test_a_results_folder_that_cannot_be_made_is_said_before_any_work(compare, tmp_path):
    (tmp_path / "file").write_text("")
    ended, report = compare("-m", "mlp", "--new", "runner=eager", "--results", tmp_path / "file" / "x")
    assert (ended.code, report) == (2, None)
    assert "preparing" not in ended.err
    assert "cannot write" in ended.err
