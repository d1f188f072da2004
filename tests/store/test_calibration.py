"""Where a machine's calibration is kept, and that another machine's is not taken for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import StoreError
from harness.records.calibration import Session
from harness.records.ceilings import Bandwidth, Ceilings
from harness.store import calibration
from harness.store.calibration import better

SESSION = Session("2026-11-22T17:41:26Z", [], 20.0, 1500.0)


CEILINGS = Ceilings(
    device="cpu",
    device_name="a processor",
    threads=2,
    measured="2026-11-22T17:41:26Z",
    matmul_tflops={"float32": 0.2, "bfloat16": 0.4},
    bandwidth=[Bandwidth(2, 200), Bandwidth(256, 70)],
    launch_us=1.0,
    read_gib_per_s=[Bandwidth(256, 40)],
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_sessions_add_up():
    assert calibration.load().sessions == []
    calibration.add(SESSION)
    found, path = calibration.add(SESSION)
    assert found.sessions == [SESSION, SESSION]
    assert calibration.load() == found
    assert found.fingerprint in path.name


def test_another_kernel_or_torch_is_another_machine(monkeypatch):
    calibration.add(SESSION)
    here = calibration.state()
    monkeypatch.setattr(calibration, "state", lambda: {**here, "torch": "1.0"})
    assert calibration.load().sessions == []


def test_a_damaged_file_is_none():
    _, path = calibration.add(SESSION)
    path.write_text("{")
    assert calibration.load().sessions == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="cannot write"):
        calibration.add(SESSION)


def test_ceilings_are_kept_for_each_device_and_number_of_threads_beside_the_sessions():
    calibration.add(SESSION)
    calibration.add_ceilings(CEILINGS)
    one = replace(CEILINGS, threads=1)
    kept, path = calibration.add_ceilings(one)
    assert kept == one
    assert path.is_file()
    calibration.add_ceilings(replace(CEILINGS, launch_us=0.9))
    assert calibration.load().sessions == [SESSION]
    assert calibration.ceilings_for([("cpu", 1), ("cpu", 2), ("cuda", 2)]) == {
        ("cpu", 1): one,
        ("cpu", 2): replace(CEILINGS, launch_us=0.9, attempts=2),
    }


def test_quiet_ceilings_replace_whatever_was_there():
    slower = replace(CEILINGS, launch_us=2.0)
    assert better(CEILINGS, slower) == replace(slower, attempts=2)
    assert better(replace(CEILINGS, suspect=0.9), slower) == replace(slower, attempts=2)


def test_ceilings_measured_beside_a_neighbour_replace_no_quiet_ones():
    disturbed = replace(CEILINGS, launch_us=0.5, suspect=0.9, fault_us=0.1)
    assert better(CEILINGS, disturbed) == replace(CEILINGS, attempts=2, fault_us=0.1)


def test_of_two_that_were_disturbed_each_number_is_the_better():
    first = replace(CEILINGS, suspect=0.9, emulated=["float16"], bandwidth=[Bandwidth(2, 200)])
    second = replace(
        CEILINGS,
        suspect=0.5,
        matmul_tflops={"float32": 0.1, "bfloat16": 0.5},
        bandwidth=[Bandwidth(2, 100), Bandwidth(256, 60)],
        launch_us=2.0,
        measured="2026-11-23T17:41:26Z",
    )
    found = better(first, second)
    assert found.matmul_tflops == {"float32": 0.2, "bfloat16": 0.5}
    assert found.bandwidth == [Bandwidth(2, 200), Bandwidth(256, 60)]
    assert (found.launch_us, found.suspect, found.attempts) == (1.0, 0.5, 2)
    assert found.measured == second.measured
    assert found.emulated == []
