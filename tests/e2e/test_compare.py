"""`harness compare` over stored runs: what a user and a pipeline see."""

import json
import re
from pathlib import Path

import pytest

from harness.analyse.analyse import analyse
from harness.records import codec
from harness.records.comparison import ComparisonReport
from harness.store.eventfile import EventWriter
from harness.store.folder import Folder

PLUGIN = Path(__file__).parent.parent / "plugins" / "tiny.py"


@pytest.fixture
def keep(build, tmp_path):
    """Writes a run and its report where the command finds them: name of a runner -> its replicates in ms."""
    folder = Folder(tmp_path / "results")

    def store(run_id, /, ended="finished", seed=0, **cases):
        planned = {runner: build.planned(runner=runner) for runner in cases}
        header = build.header(list(planned.values()), id=run_id, seed=seed)
        writer = EventWriter(folder.run_path(run_id), header)
        run = build.StoredRun(header)
        events = [
            build.broken(planned[runner], times, "it broke")
            if isinstance(times, str)
            else build.sample(planned[runner], n, ms)
            for runner, times in cases.items()
            for n, ms in enumerate([times] if isinstance(times, str) else times)
        ]
        for event in [*events, build.Ended("2026-11-22T17:45:00.000Z", ended)]:
            writer.write(event)
            run.add(event)
        writer.close()
        folder.report_path(run_id).write_text(codec.pretty(analyse(run)))
        return run_id

    return store


BASE, SAME, SLOW = (4.0, 4.0004, 4.0008), (4.0002, 4.0006, 4.001), (4.4, 4.4004, 4.4008)


def test_two_runs_are_compared_by_id_and_the_gate_says_what_failed_it(harness_command, keep):
    keep("20261101-000000-aaaa", eager=BASE, compile=BASE)
    keep("20261102-000000-bbbb", eager=SLOW, compile=SAME)
    done = harness_command("compare", "--runs", "aaaa", "latest", "--fail-on", "material")
    assert done.code == 1
    assert re.search(r"^eager .*\+10\.0\d? % .* SLOWER material .* 3 \+ 3$", done.out, re.MULTILINE)
    assert re.search(r"^compile .* EQUIVALENT ", done.out, re.MULTILINE)
    assert "indicative: two stored runs" in done.out
    assert "warning: not calibrated" in done.out
    assert done.err == ("gate failed (--fail-on material): mlp batch 64 eager fp32 slower, material\n")


@pytest.mark.parametrize(
    ("new", "gate", "code"),
    [
        (SLOW, (), 0),
        (SLOW, ("--fail-on", "slower"), 1),
        (SLOW, ("--fail-on", "inconclusive"), 0),
        (SLOW, ("--fail-on", "inconclusive,slower"), 1),
        (SLOW, ("--fail-on", "inconclusive", "--fail-on", "material"), 1),
        (SLOW, ("--fail-on", "material", "--margin", "20%"), 0),
        (SAME, ("--fail-on", "slower,material,inconclusive"), 0),
        (SLOW[:1], ("--fail-on", "slower"), 0),
        (SLOW[:1], ("--fail-on", "inconclusive"), 1),
        ("crashed", ("--fail-on", "material"), 4),
    ],
)
def test_exit_codes(harness_command, keep, new, gate, code):
    keep("20261101-000000-aaaa", eager=BASE)
    keep("20261102-000000-bbbb", eager=new)
    assert harness_command("compare", "--runs", "aaaa", "bbbb", *gate).code == code


def test_a_case_that_breaks_beside_others_fails_any_gate(harness_command, keep):
    keep("20261101-000000-aaaa", eager=BASE, compile=BASE)
    keep("20261102-000000-bbbb", eager=BASE, compile="crashed")
    done = harness_command("compare", "--runs", "aaaa", "bbbb", "--fail-on", "material")
    assert done.code == 1
    assert "BROKEN" in done.out
    assert "new crashed: it broke" in done.out
    assert "compile fp32 broken (crashed)" in done.err
    assert harness_command("compare", "--runs", "aaaa", "bbbb").code == 0


def test_files_of_either_kind_are_compared_wherever_they_are(harness_command, keep, tmp_path):
    keep("20261101-000000-aaaa", eager=BASE)
    keep("20261102-000000-bbbb", eager=SLOW)
    folder = tmp_path / "results" / "benchmarks"
    (folder / "20261101-000000-aaaa.json").rename(tmp_path / "baseline.json")
    (folder / "20261102-000000-bbbb.jsonl").rename(tmp_path / "new.jsonl")
    done = harness_command("compare", "--runs", "baseline.json", "new.jsonl", "--format", "json")
    assert done.code == 0
    report = codec.decode(done.out, ComparisonReport)
    assert (report.compared[0].base.run, report.compared[0].new.run) == (
        "20261101-000000-aaaa",
        "20261102-000000-bbbb",
    )
    assert report.compared[0].latency.word == "slower"


def test_cases_are_chosen_by_axes_and_written_to_a_file(harness_command, keep, tmp_path):
    keep("20261101-000000-aaaa", eager=BASE, compile=BASE)
    keep("20261102-000000-bbbb", eager=BASE, compile=SLOW)
    done = harness_command(
        "compare",
        "--runs",
        "aaaa",
        "bbbb",
        "-r",
        "eager",
        "-f",
        "markdown",
        "-o",
        "c.md",
        "--fail-on",
        "slower",
    )
    assert (done.code, done.out, done.err) == (0, "", "written: c.md\n")
    text = (tmp_path / "c.md").read_text()
    assert "mlp, batch 64, eager, fp32, cpu, 2 threads" in text
    assert "compile" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "two stored runs: --runs BASE NEW"),
        (("--remeasure",), "--remeasure needs --runs"),
        (("--force", "-m", "mlp"), "--force needs --runs"),
        (("--runs", "aaaa"), "2 arguments"),
        (("--runs", "aaaa", "aaaa"), "the same run"),
        (("--runs", "aaaa", "gone.json"), "there is no file gone.json"),
        (("--runs", "aaaa", "bbbb", "--fail-on", "slow"), "did you mean slower?"),
        (("--runs", "aaaa", "bbbb", "--fail-on", ""), "--fail-on takes no ''"),
        (("--runs", "aaaa", "bbbb", "--margin", "2"), "write 1% or 0.01"),
        (("--runs", "aaaa", "bbbb", "--margin", "nan"), "write 1% or 0.01"),
        (("--runs", "aaaa", "bbbb", "-m", "cnn"), "has the model cnn"),
        (("--runs", "aaaa", "bbbb", "-o", "."), "names a folder"),
        (("--runs", "aaaa", "cccc"), "seed 0 -> 7"),
        (("--runs", "aaaa", "dddd"), "no case is in both"),
    ],
)
def test_a_mistake_is_one_line_with_a_hint(harness_command, keep, arguments, said):
    keep("20261101-000000-aaaa", eager=BASE)
    keep("20261102-000000-bbbb", eager=SLOW)
    keep("20261103-000000-cccc", seed=7, eager=SLOW)
    keep("20261104-000000-dddd", compile=SLOW)
    done = harness_command("compare", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.count("\n") <= 2


def test_another_workload_is_compared_if_forced(harness_command, keep):
    keep("20261101-000000-aaaa", eager=BASE)
    keep("20261103-000000-cccc", seed=7, eager=SLOW)
    done = harness_command("compare", "--runs", "aaaa", "cccc", "--force")
    assert done.code == 0
    assert "differs: seed 0 -> 7" in done.out
    assert "SLOWER material" in done.out


@pytest.mark.slow
def test_base_is_measured_again_as_a_run_of_its_own(harness_command):
    run = ("run", "--plugin", PLUGIN, "-m", "tiny:width=8", "-b", "2,4", "--no-memory")
    assert harness_command(*run, "--passes", 1).code == 0
    base = harness_command("report", "--list").out.splitlines()[-1].split()[0]
    assert harness_command(*run, "--passes", 2).code == 0
    done = harness_command(
        "compare", "--runs", base, "latest", "--remeasure", "--plugin", PLUGIN, "-b", 2, "-f", "json"
    )
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert report["comparison"]["kind"] == "remeasured"
    (compared,) = report["compared"]
    assert compared["base"]["run"] not in (base, compared["new"]["run"])
    assert compared["base"]["case"] == compared["new"]["case"]
    assert len(compared["base"]["latency_ms"]["replicates"]) == 2
    assert (done.results / "benchmarks" / f"{compared['base']['run']}.json").is_file()


@pytest.mark.slow
def test_a_base_whose_model_is_another_one_here_is_not_measured_again(harness_command, tmp_path):
    plugin = tmp_path / "tiny.py"
    plugin.write_text(PLUGIN.read_text())
    run = ("run", "--plugin", plugin, "-m", "tiny", "-b", 2, "--no-memory", "--passes", 1)
    assert harness_command(*run).code == 0
    base = harness_command("report", "--list").out.splitlines()[-1].split()[0]
    assert harness_command(*run).code == 0
    plugin.write_text(PLUGIN.read_text() + "\n# changed\n")
    runs = len(list((tmp_path / "results" / "benchmarks").iterdir()))
    done = harness_command("compare", "--runs", base, "latest", "--remeasure", "--plugin", plugin)
    assert done.code == 2
    assert "what is installed here is not base's: model tiny tiny.py" in done.err
    assert len(list((tmp_path / "results" / "benchmarks").iterdir())) == runs
