"""The audit of a block: counters from made-up files and clocks, then from real processes in the way."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest

from harness.measure import audit, channels, nvidia
from harness.measure.audit import Audit, difference, flags
from harness.measure.canary import PARTS, Canary
from harness.measure.channels import Reading, Sources
from harness.records.noise import BlockNoise

QUIET = BlockNoise(wall_s=0.1, steal=0.0, run_delay=0.001, throttled_s=0.0, canary=1.01)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


class Ticking:
    """A clock whose readings are as far apart as the list says, and 1 us after its end."""

    def __init__(self, *steps_ns: int) -> None:
        self.steps = list(steps_ns)
        self.now = 0

    def __call__(self) -> int:
        self.now += self.steps.pop(0) if self.steps else 1000
        return self.now


# ---- reading -----------------------------------------------------------------------------------------


def test_every_counter_is_read_where_the_kernel_keeps_it(tmp_path):
    proc = tree(
        tmp_path / "proc",
        {
            "stat": "cpu  100 20 30 400 50 6 7 80 9 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n",
            "pressure/cpu": "some avg10=0.04 avg60=0.15 avg300=0.30 total=2500000\nfull avg10=0 total=7\n",
            "self/task/11/schedstat": "500 2000000000 7\n",
            "self/task/12/schedstat": "500 1000000000 7\n",
            "self/cgroup": "0::/a/b\n",
        },
    )
    cgroup = tree(
        tmp_path / "cgroup",
        {
            "a/cpu.max": "200000 100000",
            "a/cpu.stat": "usage_usec 5\nnr_throttled 1\nthrottled_usec 1500000\n",
            "a/b/cpu.max": "max 100000",
            "a/b/cpu.stat": "usage_usec 5\nnr_throttled 0\nthrottled_usec 0\n",
        },
    )
    found = channels.read(replace(Sources.here(proc, cgroup), ticks=100))
    assert found.busy_s == pytest.approx(1.63)  # user, nice, system, irq, softirq; guest is in user
    assert found.steal_s == pytest.approx(0.8)
    assert found.total_s == pytest.approx(1.63 + 0.8 + 4.5)
    assert found.delays_s == {"11": 2.0, "12": 1.0}
    assert found.pressure_s == pytest.approx(2.5)
    assert found.throttled_s == pytest.approx(1.5)


def test_throttling_of_cgroups_version_1_is_in_nanoseconds(tmp_path):
    proc = tree(tmp_path / "proc", {"self/cgroup": "4:memory:/x\n1:cpu,cpuacct:/job\n"})
    files = {
        "cpu/job/cpu.cfs_quota_us": "50000",
        "cpu/job/cpu.cfs_period_us": "100000",
        "cpu/job/cpu.stat": "nr_periods 10\nnr_throttled 5\nthrottled_time 2500000000\n",
    }
    sources = Sources.here(proc, tree(tmp_path / "cgroup", files))
    assert channels.read(sources).throttled_s == pytest.approx(2.5)


def test_without_a_quota_nothing_can_throttle_and_nothing_is_claimed(tmp_path):
    proc = tree(tmp_path / "proc", {"self/cgroup": "0::/\n"})
    cgroup = tree(tmp_path / "cgroup", {"cpu.max": "max 100000", "cpu.stat": "throttled_usec 0\n"})
    assert channels.read(Sources.here(proc, cgroup)).throttled_s is None


def test_a_kernel_that_does_not_count_the_delay_says_none_and_not_zero(tmp_path):
    proc = tree(tmp_path / "proc", {"self/task/11/schedstat": "0 0 0\n"})
    assert channels.read(Sources.here(proc, tmp_path)).delays_s is None


def test_a_system_without_proc_has_no_channels_and_no_flags(tmp_path):
    nothing = Audit(Sources.here(tmp_path / "proc", tmp_path / "cgroup"), Canary(clock=Ticking()))
    nothing.before()
    noise = nothing.after()
    assert (noise.steal, noise.run_delay, noise.throttled_s, noise.pressure) == (None,) * 4
    assert noise.others_cpu is None
    assert noise.flags == []


@pytest.mark.parametrize("text", ["", "cpu\n", "intr 1 2 3\n", "cpu 1 2 3\n"])
def test_a_file_of_another_form_is_no_counter(tmp_path, text):
    proc = tree(tmp_path, {"stat": text, "pressure/cpu": "some avg10=0.0\n", "self/cgroup": "rubbish"})
    found = channels.read(Sources(proc))
    assert (found.total_s, found.busy_s, found.steal_s, found.pressure_s) == (None,) * 4


# ---- from two readings -------------------------------------------------------------------------------


def test_the_difference_of_two_readings_is_in_shares_of_the_time_between_them():
    start = Reading(10.0, 1.0, 100.0, 50.0, 2.0, {"1": 0.5, "2": 0.5}, 0.0, 7.0, 3, 1)
    end = Reading(10.5, 1.4, 101.0, 50.7, 2.1, {"1": 0.51, "2": 0.5, "3": 0.04}, 0.02, 7.1, 8, 1)
    noise = difference(start, end)
    assert noise.wall_s == pytest.approx(0.5)
    assert noise.steal == pytest.approx(0.1)
    assert noise.run_delay == pytest.approx(0.1)  # 10 ms of the first, 40 ms of a new thread
    assert noise.throttled_s == pytest.approx(0.02)
    assert noise.pressure == pytest.approx(0.2)
    assert noise.others_cpu == pytest.approx(0.6)
    assert (noise.switches, noise.major_faults) == (5, 0)


def test_counters_that_go_back_are_nothing_and_no_negative_noise():
    start = Reading(0.0, 1.0, 10.0, 5.0, 2.0, {"1": 1.0}, 1.0, 1.0)
    end = Reading(1.0, 2.0, 12.0, 5.9, 1.9, {"1": 0.9}, 0.5, 0.5)
    noise = difference(start, end)
    assert (noise.steal, noise.run_delay, noise.throttled_s, noise.pressure, noise.others_cpu) == (0,) * 5


# ---- flags -------------------------------------------------------------------------------------------


def test_a_quiet_block_has_no_flag():
    assert flags(QUIET) == []


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"steal": 0.2}, "steal"),
        ({"steal": 0.011, "wall_s": 100.0}, "steal"),
        ({"run_delay": 0.06}, "run delay"),
        ({"throttled_s": 0.001}, "throttled"),
        ({"canary": 1.16}, "canary"),
        ({"canary": 0.84}, "canary"),
        ({"clock_mhz": 1900.0}, "clock"),
        ({"throttle": ["hw thermal"]}, "throttle: hw thermal"),
    ],
)
def test_each_channel_can_find_a_block_suspect(changes, flag):
    assert flags(replace(QUIET, **changes), usual_clock_mhz=1980.0) == [flag]


def test_a_single_tick_of_steal_in_a_short_block_is_rounding(monkeypatch):
    monkeypatch.setattr("harness.measure.audit.os.cpu_count", lambda: 2)
    assert flags(replace(QUIET, steal=0.05, wall_s=0.1)) == []
    assert flags(replace(QUIET, steal=0.10, wall_s=0.1)) == ["steal"]


def test_a_power_cap_alone_is_how_a_large_device_works():
    assert flags(replace(QUIET, throttle=["power cap"], clock_mhz=1970.0), 1980.0) == []


def test_what_others_do_on_cores_of_their_own_is_told_and_no_flag():
    assert flags(replace(QUIET, others_cpu=3.0, pressure=0.4, switches=50)) == []


# ---- the canary --------------------------------------------------------------------------------------


def test_a_part_of_the_canary_that_was_interrupted_does_not_count():
    steps = [0, 1000] * PARTS
    steps[5] = 5_000_000
    assert Canary(clock=Ticking(*steps)).run() == pytest.approx(1e-6)


def test_the_canary_is_held_against_its_median_so_far():
    steps = [0, 1000] * PARTS * 4 + [0, 1200] * PARTS
    canary = Canary(clock=Ticking(*steps))
    assert canary.ratio() is None
    for _ in range(5):
        canary.run()
    assert canary.ratio() == pytest.approx(1.2)


def test_a_time_known_from_elsewhere_is_what_is_usual():
    canary = Canary(usual_s=2e-6, clock=Ticking(*[0, 1000] * PARTS))
    canary.run()
    assert canary.ratio() == pytest.approx(0.5)


def test_a_processor_that_slows_down_is_found_by_the_canary():
    slow = [0, 1000] * PARTS * (audit.BEGINNING + 1) + [0, 1150] * PARTS
    readings = iter([Reading(0.0, 0.0), Reading(0.1, 0.1), Reading(0.2, 0.2), Reading(0.3, 0.3)])
    one = Audit(Sources(), Canary(clock=Ticking(*slow)), read=lambda _: next(readings))
    found = []
    for _ in range(2):
        one.before()
        found.append(one.after().flags)
    assert found == [[], ["canary"]]


def test_after_without_before_is_a_mistake_of_the_caller():
    one = Audit(Sources(), Canary(usual_s=1.0))
    with pytest.raises(RuntimeError, match="before"):
        one.after()


# ---- an accelerator, with a made-up driver -----------------------------------------------------------


def driver(monkeypatch: pytest.MonkeyPatch, **changes: object) -> types.ModuleType:
    """A module `pynvml` with one device."""
    module = types.ModuleType("pynvml")
    values = {
        "NVML_CLOCK_SM": 1,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetHandleByUUID": lambda uuid: uuid,
        "nvmlDeviceGetName": lambda handle: "A100",
        "nvmlDeviceGetClockInfo": lambda handle, which: 1410,
        "nvmlDeviceGetCurrentClocksEventReasons": lambda handle: 0x4 | 0x40 | 0x1,
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [types.SimpleNamespace(pid=7)],
        **changes,
    }
    for name, value in values.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def test_the_driver_says_what_slows_an_accelerator(monkeypatch):
    driver(monkeypatch)
    probe = nvidia.NvidiaProbe.open("1234")
    assert probe is not None
    assert probe.read() == nvidia.GpuReading(1410.0, ["power cap", "hw thermal"])


def test_what_the_driver_does_not_say_is_none(monkeypatch):
    driver(monkeypatch)
    (state,) = nvidia.states() or []
    assert (state.name, state.processes, state.clock_most_mhz, state.persistence) == ("A100", [7], None, None)


def test_an_older_package_has_the_older_name(monkeypatch):
    module = driver(monkeypatch, nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 0x80)
    del module.nvmlDeviceGetCurrentClocksEventReasons
    probe = nvidia.NvidiaProbe.open("1234")
    assert probe is not None
    assert probe.throttle() == ["power brake"]


def test_without_driver_or_package_there_is_no_probe(monkeypatch):
    def fails() -> None:
        raise OSError("no driver")

    driver(monkeypatch, nvmlInit=fails)
    assert nvidia.NvidiaProbe.open("1234") is None
    assert nvidia.states() is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvidia.states() is None


def test_a_clock_that_falls_finds_a_block_suspect(monkeypatch):
    clocks = iter([1980, 1980, 1800])
    driver(
        monkeypatch,
        nvmlDeviceGetClockInfo=lambda handle, which: next(clocks),
        nvmlDeviceGetCurrentClocksEventReasons=lambda handle: 0,
    )
    canary = Canary(usual_s=1e-6, clock=Ticking(*[0, 1000] * PARTS * 3))
    one = Audit(Sources(), canary, nvidia.NvidiaProbe.open("1"), lambda _: Reading(0.0, 0.0))
    found = []
    for _ in range(3):
        one.before()
        found.append(one.after().flags)
    assert found == [[], [], ["clock"]]


# ---- real processes in the way -----------------------------------------------------------------------

COUNTS = channels.read(Sources.here()).delays_s is not None
linux = pytest.mark.skipif(not COUNTS, reason="this kernel does not count what threads wait")


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def audited(blocks: int, block_s: float = 0.1) -> list[BlockNoise]:
    one = Audit()
    found = []
    for _ in range(blocks):
        one.before()
        spin(block_s)
        found.append(one.after())
    return found


@contextlib.contextmanager
def on_one_processor():
    """This process and the children it starts share one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def hog():
    """A process that wants all of a processor."""
    process = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True)\nwhile 1: pass"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


@linux
def test_most_blocks_beside_a_hog_on_the_same_processor_are_found():
    with on_one_processor(), hog():
        found = audited(10)
    assert sum("run delay" in noise.flags for noise in found) >= 8
    assert sum((noise.others_cpu or 0) > 0.2 for noise in found) >= 8


@linux
def test_a_hog_that_comes_in_bursts_is_found_where_it_ran():
    """Stopped and continued by signals: the blocks in its pauses have far less delay."""
    with on_one_processor(), hog() as process:
        ran, paused = [], []
        for _ in range(4):
            process.send_signal(signal.SIGCONT)
            ran += audited(2)
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.02)
            paused += audited(2)
        process.send_signal(signal.SIGCONT)
    assert all("run delay" in noise.flags for noise in ran)
    beside, alone = (statistics.median(n.run_delay or 0.0 for n in some) for some in (ran, paused))
    assert alone < beside


@linux
def test_a_quota_that_holds_the_process_back_is_found(tmp_path):
    """In a cgroup of its own with a tenth of a processor; where one can be made, which takes root."""
    group = Path("/sys/fs/cgroup/cpu") / f"harness-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text("10000")
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip("no cgroup of version 1 can be made here")
    script = tmp_path / "limited.py"
    script.write_text(
        "import os, time\nfrom harness.measure.audit import Audit\n"
        f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "audit = Audit()\n"
        "for _ in range(5):\n"
        "    audit.before()\n"
        "    end = time.perf_counter() + 0.3\n"
        "    while time.perf_counter() < end: pass\n"
        "    print('throttled' in audit.after().flags)\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, timeout=100, check=True
        )
    finally:
        group.rmdir()
    assert done.stdout.split().count("True") >= 4
