"""Code that fails: its case gets a status and one sentence, and the sweep goes on."""

import os
import re

import pytest

EXPECTED = {
    "none": ("ok", r"^$"),
    "build": ("failed", r"^loading: RuntimeError: cannot build \(faulty\.py:\d+\)$"),
    "no-module": ("failed", r"faulty\.build\(\) must return a torch\.nn\.Module, not NoneType"),
    "inputs": ("failed", r"KeyError: 'inputs' \(faulty\.py:\d+\)$"),
    "no-inputs": ("failed", r"faulty\.inputs\(\) must return harness\.Inputs, not Tensor"),
    "forward": ("failed", r"^verifying: ValueError: this model does not work \(faulty\.py:\d+\)$"),
    "first": ("failed", r"^verifying: RuntimeError: early \(faulty\.py:\d+\)$"),
    "thousandth": ("failed", r"^measuring: RuntimeError: late \(faulty\.py:\d+\)$"),
    "recursion": ("failed", r"^verifying: RecursionError: maximum recursion depth exceeded"),
    "interrupt": ("crashed", r"^killed by SIGINT while verifying$"),
    "segfault": ("crashed", r"^killed by SIGSEGV \(segmentation fault\) while verifying"),
    "abort": ("crashed", r"^killed by SIGABRT \(abort\) while verifying"),
    "core": ("crashed", r"^killed by SIGABRT \(abort\) while verifying"),
    "illegal": ("crashed", r"^killed by SIGILL \(illegal instruction\) while verifying"),
    "killed": ("crashed", r"^killed by SIGKILL while verifying, by itself or another process"),
    "exit": ("failed", r"^its process ended itself with code 7 while verifying$"),
    "sys-exit": ("failed", r"^verifying: the code ended its process: SystemExit\('enough'\)$"),
    "surrogate": ("failed", r"^verifying: ValueError: no such file: \\udcff\.txt \(faulty\.py:\d+\)$"),
    "out-of-memory": ("out_of_memory", r"^MemoryError: too many words \(faulty\.py:\d+\)$"),
    "clock": ("failed", r"replaced time\.perf_counter: no time that it is measured by"),
    "weights": ("failed", r"weights differ from process to process under the same seed"),
    "draws": ("failed", r"inputs differ from process to process under the same seed"),
}
AT = {
    "nowhere": ("ok", r"^$"),
    "load": ("failed", r"^loading: RuntimeError: cannot load \(unruly\.py:\d+\)$"),
    "load-crash": ("crashed", r"^killed by SIGABRT \(abort\) while loading"),
    "nothing": ("failed", r"^loading: TypeError: bad-runner\.load\(\) must return a harness\.Session"),
    "build": ("failed", r"^making its files: RuntimeError: cannot write \(unruly\.py:\d+\)$"),
}


@pytest.fixture(scope="module")
def swept(lab, tmp_path_factory):
    return lab.sweep(tmp_path_factory.mktemp("code"), "faulty.py", "faulty", "how", EXPECTED)


@pytest.mark.parametrize("how", EXPECTED)
def test_the_case_says_what_happened_to_it(swept, how):
    record = swept.record("how", how)
    status, reason = EXPECTED[how]
    assert record["status"] == status, record["reason"]
    assert re.search(reason, record["reason"] or ""), record["reason"]
    assert "\n" not in (record["reason"] or "")
    assert bool(record["latency_ms"]) == (status == "ok")


def test_the_other_cases_are_measured_and_the_exit_code_says_that_not_all_is_well(swept):
    assert swept.done.returncode == 3
    assert "Traceback" not in swept.done.stderr
    assert swept.report["run"]["status"] == "finished"
    assert len(swept.report["records"]) == len(EXPECTED)


def test_nothing_is_left_behind_no_core_dump_either(swept):
    assert os.listdir(swept.temporary) == []
    assert os.listdir(swept.folder) == ["results"]


def runner(lab, folder, *options, **variables):
    plugin = lab.plugins / "unruly.py"
    quick = ("-b", 4, "--passes", 1, "--no-memory", "--no-anatomy", "--baseline", "none")
    return lab.run("run", "--plugin", plugin, "-m", "unruly", *quick, *options, cwd=folder, **variables)


def test_a_runner_that_cannot_load_or_build_is_its_cases_fault_alone(lab, tmp_path):
    runners = [x for at in AT for x in ("-r", f"bad-runner:at={at}")]
    done = runner(lab, tmp_path, *runners)
    records = {r["case"]["options"]["at"]: r for r in lab.report(tmp_path / "results")["records"]}
    assert done.returncode == 3, done.stderr
    for at, (status, reason) in AT.items():
        assert records[at]["status"] == status, records[at]
        assert re.search(reason, records[at]["reason"] or ""), records[at]["reason"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("dies", "preload of runner bad-runner is left out: it ends the process"),
        pytest.param("raises", "preload of bad-runner failed: RuntimeError: no", marks=pytest.mark.slow),
        pytest.param(
            "threads",
            "preload of runner bad-runner is left out: it leaves 2 threads",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_preload_that_fails_is_done_without(lab, tmp_path, how, said):
    done = runner(lab, tmp_path, "-r", "bad-runner:at=nowhere", "-r", "eager", PRELOAD=how)
    assert said in done.stderr
    assert done.returncode == 0
    assert {r["status"] for r in lab.report(tmp_path / "results")["records"]} == {"ok"}


@pytest.mark.slow
def test_a_preload_that_dies_in_a_later_zygote_only_is_done_without_there(lab, tmp_path):
    said = tmp_path / "preloads"
    done = runner(
        lab, tmp_path, "--passes", 3, "-r", "bad-runner:at=nowhere", PRELOAD="dies-later", PRELOADS=str(said)
    )
    assert done.returncode == 0, done.stderr
    record = lab.report(tmp_path / "results")["records"][0]
    assert (record["status"], record["replicates"]) == ("ok", 3)


PLUGIN_CODE = {
    "raise RuntimeError('not today')": "RuntimeError: not today",
    "def broken(:": "SyntaxError",
    "import os; os._exit(5)": "its process ended itself with code 5",
    "import os; os.abort()": "killed by SIGABRT (abort)",
    "import sys; sys.exit('enough')": "SystemExit: enough",
}


@pytest.mark.parametrize("code", PLUGIN_CODE)
def test_a_plugin_that_does_not_import_is_one_line_and_names_itself(lab, tmp_path, code):
    plugin = tmp_path / "stranger.py"
    plugin.write_text(code)
    done = lab.run("run", "--plugin", plugin, "-m", "mlp", "-b", 1, "--passes", 1, cwd=tmp_path)
    assert done.returncode in (2, 4)
    assert done.stdout == ""
    assert PLUGIN_CODE[code] in done.stderr
    assert "stranger.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
