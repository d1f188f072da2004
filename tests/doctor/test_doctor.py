"""What would disturb a measurement: on made-up machines, and on this one with a real hog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.doctor import checks, examine, facts, live, watched
from harness.doctor.live import Process
from harness.execute.lock import Holder
from harness.measure.nvidia import GpuState
from harness.records.calibration import Calibration
from harness.records.case import Environment
from harness.records.ceilings import Bandwidth, Ceilings
from harness.records.doctor import FAULT, NOTE, OK, WARNING, Check, DoctorReport, Extra, Live, Part
from harness.records.noise import NoiseSummary
from harness.report import doctor as shown

QUIET = Live(1.0, NoiseSummary(10, 0), 0.0, 0.001, 0.0, 0.0, None, 0.02)
CPU = "devices/system/cpu"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# ---- settings of a machine ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "check", "state", "word"),
    [
        ({f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n"}, checks.governor, OK, "performance"),
        ({f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n"}, checks.governor, WARNING, "powersave"),
        ({f"{CPU}/intel_pstate/no_turbo": "0\n"}, checks.turbo, NOTE, "on"),
        ({f"{CPU}/intel_pstate/no_turbo": "1\n"}, checks.turbo, OK, "off"),
        ({f"{CPU}/cpufreq/boost": "1\n"}, checks.turbo, NOTE, "on"),
        ({f"{CPU}/smt/active": "1\n"}, checks.smt, NOTE, "share"),
        ({f"{CPU}/smt/active": "0\n"}, checks.smt, OK, "no two"),
        (
            {"kernel/mm/transparent_hugepage/enabled": "[always] madvise never"},
            checks.huge_pages,
            NOTE,
            "always",
        ),
        (
            {"kernel/mm/transparent_hugepage/enabled": "always [madvise] never"},
            checks.huge_pages,
            OK,
            "madvise",
        ),
        (
            {"class/power_supply/BAT0/type": "Battery", "class/power_supply/BAT0/status": "Discharging"},
            checks.power,
            WARNING,
            "battery",
        ),
        (
            {"class/power_supply/BAT0/type": "Battery", "class/power_supply/BAT0/status": "Full"},
            checks.power,
            OK,
            "mains",
        ),
    ],
)
def test_a_setting_that_disturbs_is_found(tmp_path, files, check, state, word):
    found = check(tree(tmp_path, files))
    assert found.state == state
    assert word in found.text
    assert bool(found.advice) == (state != OK)


@pytest.mark.parametrize(
    "check",
    [checks.governor, checks.turbo, checks.smt, checks.power, checks.layout, checks.huge_pages],
    ids=lambda c: c.__name__,
)
def test_what_a_system_does_not_say_is_no_line(tmp_path, check):
    assert check(tmp_path) is None


@pytest.mark.parametrize(("value", "state"), [("2", OK), ("1", NOTE), ("0", NOTE)])
def test_replicates_want_a_layout_of_their_own(tmp_path, value, state):
    found = checks.layout(tree(tmp_path, {"sys/kernel/randomize_va_space": value}))
    assert found is not None
    assert found.state == state


def test_memory_and_swap(tmp_path):
    lines = "MemTotal: 8000000 kB\nMemAvailable: 1024000 kB\nSwapTotal: 2048000 kB\nSwapFree: 1024000 kB\n"
    low, swap = checks.memory(tree(tmp_path, {"meminfo": lines}))
    assert (low.state, low.text) == (WARNING, "1000 MiB of memory are free")
    assert (swap.state, swap.text) == (NOTE, "1000 MiB are swapped out")
    assert checks.memory(tmp_path / "nothing") == []


@pytest.mark.parametrize(("limit", "state"), [(None, OK), (2.0, NOTE), (0.5, WARNING)])
def test_a_quota_below_one_processor_is_a_warning(limit, state):
    assert checks.quota(limit).state == state


def test_a_process_that_may_use_few_processors_is_told_so():
    assert checks.affinity([0, 1], 2).state == OK
    assert checks.affinity([0], 8).text == "this process may use 1 of 8 logical processors"


def test_the_room_for_results_is_looked_for_where_they_will_be(tmp_path):
    found = checks.disk(tmp_path / "not" / "there" / "yet")
    assert "MiB of disk are free" in found.text


def test_a_lock_that_is_held_names_its_holder():
    assert checks.locks({}).state == OK
    found = checks.locks({"cpu": Holder(12, "harness run", 0.0), "cuda-0": None})
    assert found.state == WARNING
    assert "cpu: pid 12, 'harness run', since" in found.text
    assert "cuda-0: another process" in found.text


# ---- what was watched --------------------------------------------------------------------------------


def test_a_quiet_second_has_nothing_to_warn_of(tmp_path):
    found = [watched.load(QUIET, [], 2, tmp_path), *watched.disturbances(QUIET)]
    assert {check.state for check in found} == {OK}
    assert [check.name for check in found] == ["load", "pressure", "run delay", "steal", "canary"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"pressure": 0.5}, "pressure"),
        ({"run_delay": 0.2}, "run delay"),
        ({"steal": 0.05}, "steal"),
        ({"throttled_s": 0.1}, "throttled"),
        ({"canary_spread": 0.4}, "canary"),
    ],
)
def test_each_channel_has_its_own_warning_with_advice(changes, name):
    warned = [c for c in watched.disturbances(replace(QUIET, **changes)) if c.state != OK]
    assert [c.name for c in warned] == [name]
    assert all(c.advice for c in warned)


def test_a_system_without_channels_has_no_lines():
    nothing = Live(1.0, NoiseSummary(10, 0))
    assert watched.disturbances(nothing) == []


def test_the_busiest_processes_are_named(tmp_path):
    processes = [Process(n, f"p{n}", cpu) for n, cpu in ((7, 0.9), (8, 0.5), (9, 0.2), (10, 0.1), (11, 0.01))]
    found = watched.load(replace(QUIET, others_cpu=1.7), processes, 2, tmp_path)
    assert found.state == WARNING
    assert (
        found.text
        == "other processes use 1.7 of 2 processors: p7 (pid 7) 90 %, p8 (pid 8) 50 %, p9 (pid 9) 20 %"
    )
    assert found.advice is not None
    assert "top -p 7,8,9" in found.advice


def test_load_from_nobody_to_be_seen_says_where_to_look(tmp_path):
    found = watched.load(replace(QUIET, others_cpu=3.0), [], 4, tmp_path)
    assert found.advice is not None
    assert "containers" in found.advice


def test_an_accelerator_that_is_slowed_or_used_is_found():
    state = GpuState(0, "H100", 1200.0, 1980.0, False, 88.0, ["power cap", "hw thermal"], [41])
    found = watched.accelerators([state], ["H100"])
    assert [(c.name, c.state) for c in found] == [
        ("gpu", WARNING),
        ("gpu load", WARNING),
        ("gpu persistence", NOTE),
    ]
    assert found[0].text == "GPU 0 H100, 1200 MHz of 1980, 88 °C: slowed by hw thermal"
    assert watched.accelerators([GpuState(0, "H100", throttle=["power cap"])], [])[0].state == OK


def test_a_gpu_that_nobody_can_ask_about_has_the_package_that_would():
    (found,) = watched.accelerators(None, ["H100"])
    assert found.advice is not None
    assert "pytorch-inference-lab[nvidia]" in found.advice
    assert watched.accelerators(None, []) == []


def test_a_real_hog_is_named(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", "while 1: pass"]) as process:
        try:
            seen, processes = live.watch(1.0)
        finally:
            process.kill()
    assert process.pid in [p.pid for p in processes]
    assert os.getpid() not in [p.pid for p in processes]
    assert seen.noise.blocks == live.BLOCKS


# ---- this machine ------------------------------------------------------------------------------------


def test_gpus_are_named_by_the_kernel_module(tmp_path):
    proc = tree(tmp_path, {"driver/nvidia/gpus/0000:01:00.0/information": "Model: \t NVIDIA H100\nIRQ: 7\n"})
    assert facts.gpus(proc) == ["NVIDIA H100"]
    assert facts.gpus(tmp_path / "none") == []


def test_an_extra_says_what_is_missing_of_it():
    required = [
        "click>=8.1",
        'pytest; extra == "serve"',
        'no-such-thing>=2; extra == "serve"',
        "click; extra == 'small'",
        'ruff; extra == "lint"',
    ]
    assert facts.extras(required) == [Extra("serve", ["no-such-thing"]), Extra("small")]


def report(*found: Check) -> DoctorReport:
    environment = Environment(
        "lab", "Linux", "6.1", "3.11.7", "a CPU", "x86_64", 2, 4, 2, 16_000, virtual=True
    )
    parts = [Part("runner", "eager"), Part("runner", "openvino", unusable="it is not installed")]
    return DoctorReport(
        1, environment, "cpu", [], 2.0, [Extra("nvidia", ["nvidia-ml-py"])], parts, QUIET, list(found)
    )


def test_people_read_what_to_do_below_what_is_wrong():
    text = shown.text(
        report(Check("steal", WARNING, "w " * 80, "a " * 80), Check("quota", OK, "fine")), width=80
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "  warning  steal" in text
    assert "-> a a" in text
    assert "  ok       quota            fine\n" in text
    assert "not usable        runner openvino: it is not installed" in text
    assert "extra nvidia      not installed: nvidia-ml-py" in text
    assert text.endswith("\n1 warning: a measurement now would be less sure than it could be\n")


def test_ceilings_are_told_in_units_of_their_size_with_what_is_odd_about_them():
    assert "not measured: `harness doctor --calibrate` does" in shown.text(report())
    cpu = Ceilings(
        "cpu",
        "a CPU",
        2,
        "2026-11-22T17:41:26Z",
        {"float32": 0.2, "bfloat16": 1.44, "float16": 0.003},
        [Bandwidth(2, 220), Bandwidth(256, 70)],
        0.9,
        ["float16"],
        [Bandwidth(256, 46)],
        suspect=0.5,
        notes=["measured beside a neighbour: 6 of 12 rounds were disturbed (run delay)"],
    )
    known = Calibration(1, "0", {}, ceilings=[cpu])
    text = " ".join(shown.text(replace(report(), calibration=known), width=200).split())
    assert "cpu, 2 threads products: bfloat16 1.44 TFLOP/s, float32 200 GFLOP/s" in text
    assert "float16 3.00 GFLOP/s (imitated)" in text
    assert "memory: 70.0 GiB/s read and written, 46.0 read; at best 220 with 2 MiB" in text
    assert "starting an operator takes 0.900 us" in text
    assert "measured at 2026-11-22T17:41:26Z; measured beside a neighbour: 6 of 12 rounds" in text
    assert "calibration not measured" in text


def test_text_of_strangers_is_no_escape_sequence():
    assert "\x1b" not in shown.text(report(Check("load", WARNING, "\x1b[2Jowned")))


def test_a_quiet_machine_is_no_proof():
    assert "that is no proof" in shown.text(report(Check("quota", OK, "fine")))


def test_where_nothing_can_be_measured_there_is_a_fault(tmp_path):
    stock = {"components": [], "problems": [], "idle_blocks": [], "device": None}
    found = examine.examine(stock, tmp_path, "no torch")
    assert [c.name for c in found.checks if c.state == FAULT] == ["torch"]


def test_results_that_cannot_be_kept_are_a_fault(tmp_path):
    (tmp_path / "file").write_text("")
    stock = {"components": [], "problems": [], "idle_blocks": [], "device": "cpu"}
    found = examine.examine(stock, tmp_path / "file" / "results")
    assert [c.name for c in found.checks if c.state == FAULT] == ["results"]


# ---- the command -------------------------------------------------------------------------------------


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        cwd=cwd,
    )


def test_the_command_tells_people_and_programs(tmp_path):
    done = command(cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for title in ("this machine", "components", "what would disturb a measurement"):
        assert f"\n{title}" in f"\n{done.stdout}"
    found = json.loads(command("--format", "json", cwd=tmp_path).stdout)
    assert found["schema"] == 1
    assert {c["name"] for c in found["checks"]} >= {"lock", "load", "quota", "disk", "clock"}
    assert not (tmp_path / "results").exists()


def test_a_file_in_place_of_the_results_folder_is_exit_code_4(tmp_path):
    (tmp_path / "taken").write_text("")
    done = command("--results", "taken/results", cwd=tmp_path)
    assert done.returncode == 4
    assert "fault" in done.stdout
    assert "nothing can be measured here" in done.stdout
