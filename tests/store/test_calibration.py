"""Where a machine's calibration is kept, and that another machine's is not taken for it."""

from __future__ import annotations

import pytest

from harness.errors import StoreError
from harness.records.calibration import Session
from harness.store import calibration

SESSION = Session("2026-11-22T17:41:26Z", [], 20.0, 1500.0)


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
