"""Bad input gets one clear line, a hint and the right exit code, never a traceback."""

import pytest

from .conftest import PLUGINS

WRONG = [
    (["frobnicate"], "there is no command 'frobnicate'"),
    (["run", "-m", "mpl"], "there is no model 'mpl'; did you mean mlp?"),
    (["run", "-m", "mlp:hiden_dim=3"], "mlp has no parameter hiden_dim; did you mean hidden_dim"),
    (["run", "-m", "mlp:hidden_dim=three"], "hidden_dim=three is no int"),
    (["run", "-m", "mlp:hidden_dim=0"], "hidden_dim must be at least 1"),
    (["run", "-m", "net.py:build"], "there is no file net.py"),
    (["run", "-r", "compile:mode=fastest"], "mode=fastest is no 'default' |"),
    (["run", "-p", "fp23"], "there is no precision 'fp23'"),
    (["run", "-b", "0"], "'0' is no batch size"),
    (["run", "-b", "many"], "'many' is no batch size"),
    (["run", "-d", "gpu!"], "'gpu!' is no device"),
    (["run", "--suite", "qick"], "there is no suite 'qick'; did you mean quick?"),
    (["run", "--passes", "0"], "0 is not in the range"),
    (["run", "--passes", "3-12"], "'3-12' is no number of passes"),
    (["run", "--until", "5"], "'5' is no half-width"),
    (["run", "--passes", "4", "--until", "5%"], "--passes 4 leaves --until nothing to decide"),
    (["run", "--time-budget", "soon"], "--time-budget must be a finite number of seconds"),
    (["run", "--baseline", "runer=eager"], "there is no axis 'runer'; did you mean runner?"),
    (["run", "--format", "xml"], "there is no reporter 'xml'"),
    (["run", "--plugin", "missing.py"], "missing.py"),
    (["run", "--plugin", "no_such_module"], "No module named 'no_such_module'"),
    (["run", "--baseline", ""], "--baseline is empty"),
    (["report", "--baseline", ""], "--baseline is empty"),
    (["report", ""], "the name of a run is empty"),
    (["report", "."], ". is a folder and no run"),
    (["run", "--plugin", ""], "--plugin is empty"),
    (["run", "-d", "cpu:1"], "'cpu:1' is no device"),
    (["report", "--list", "a1f7"], "--list shows every run and takes none"),
    (["report"], "there is no run under"),
    (["report", "nothing.json"], "there is no file nothing.json"),
    (["report", "--wat"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_wrong_input_is_told_in_one_line_with_exit_code_2(harness_command, arguments, said):
    done = harness_command(*arguments)
    assert done.code == 2
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in done.err and len(done.err.splitlines()) <= 2
    assert done.out == ""


def test_a_damaged_suite_file_is_named_with_the_key(harness_command, tmp_path):
    (tmp_path / "mine.toml").write_text('[[matrix]]\nmodle = ["mlp"]\n')
    done = harness_command("run", "--suite", "mine.toml")
    assert done.code == 2
    assert "mine.toml: matrix 1: unknown key 'modle'; did you mean model?" in done.err


def test_a_results_folder_that_cannot_be_written_is_told_before_anything_is_measured(
    harness_command, tmp_path
):
    (tmp_path / "taken").write_text("a file")
    done = harness_command(
        "run", "--plugin", PLUGINS / "tiny.py", "-m", "tiny", "-b", 1, "--results", "taken"
    )
    assert done.code == 2
    assert "cannot write taken" in done.err


def test_a_device_that_is_not_there_is_a_reason_and_no_crash(harness_command):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    done = harness_command("run", "-m", "mlp", "-d", "cuda", "-b", 1)
    assert done.code == 4
    assert "finds no CUDA device here: try -d cpu" in done.out


def test_a_torch_that_does_not_import_is_told_in_one_line(harness_process, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('libtorch_cpu.so: no such file')")
    process = harness_process("run", "-m", "mlp", PYTHONPATH=str(broken))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4
    assert "the measuring process does not start: ImportError: libtorch_cpu.so" in err
    assert "Traceback" not in err


def test_a_closed_standard_output_is_no_fault(harness_process, tmp_path):
    import subprocess
    import sys

    done = subprocess.run(
        f"{sys.executable} -m harness list suites >&-",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_suite_that_excludes_all_it_names_is_told_before_anything_is_stored(harness_command, tmp_path):
    (tmp_path / "none.toml").write_text('[[matrix]]\nmodel = ["mlp"]\nexclude = [{ model = "mlp" }]\n')
    done = harness_command("run", "--suite", "none.toml")
    assert done.code == 2
    assert "no case is left" in done.err
    assert not done.results.exists()


def test_a_full_disk_ends_the_run_and_what_was_measured_is_still_shown(
    harness_command, tmp_path, monkeypatch
):
    from harness.errors import StoreError
    from harness.records.events import MemoryMeasured
    from harness.store.eventfile import EventWriter

    write = EventWriter.write

    def full(self, event):
        if isinstance(event, MemoryMeasured):
            raise StoreError("cannot write run.jsonl: No space left on device")
        write(self, event)

    monkeypatch.setattr(EventWriter, "write", full)
    done = harness_command(
        "run", "--plugin", PLUGINS / "tiny.py", "-m", "tiny", "-b", 1, "--passes", 1, "--memory"
    )
    assert done.code == 2
    assert "No space left on device" in done.err
    assert "tiny  batch 1" in done.out


ABSENT = """
import harness


class Absent(harness.Runner):
    name = "absent"
    summary = "its runtime is not installed"

    def available(self):
        return "absent is not installed: pip install absent"


class Late(harness.Runner):
    name = "late"
    summary = "finds out only when it loads"

    def load(self, work):
        raise harness.Unsupported("this model cannot be taken over")


@harness.hookimpl
def harness_runners():
    yield Absent()
    yield Late()
"""


def test_a_run_of_nothing_that_can_run_says_so_and_measures_no_baseline_for_it(harness_command, tmp_path):
    (tmp_path / "absent.py").write_text(ABSENT)
    words = ("run", "-m", "mlp:hidden_dim=16", "-b", "2", "--passes", "1", "--plugin", "absent.py")
    done = harness_command(*words, "-r", "absent")
    assert done.code == 4
    assert "nothing could be measured" in done.err
    assert "absent is not installed: pip install absent" in done.out
    assert [r["status"] for r in done.report["records"]] == ["unsupported"]
    # Found out when the baseline is measured already: it is shown, and is no answer.
    done = harness_command(*words, "-r", "late")
    assert done.code == 4
    assert "nothing that was asked for could be measured, only its baseline" in done.err
    assert {r["status"] for r in done.report["records"]} == {"ok", "unsupported"}
    # One of several is no fault.
    assert harness_command(*words, "-r", "absent,eager", "-p", "fp32").code == 0
