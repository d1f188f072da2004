"""The host's memory as the kernel tells it, read from a made-up /proc, and once from the real one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.measure.memory import MIB, HostMemory, _growth

STATUS = "Name:\tpython\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nRssAnon:\t 600 kB\nRssFile:\t   424 kB\n"


def host(tmp_path: Path, status: str) -> HostMemory:
    (tmp_path / "status").write_text(status)
    return HostMemory(tmp_path)


def test_sizes_are_read_in_bytes(tmp_path):
    assert host(tmp_path, STATUS).read() == {"VmHWM": 2048 << 10, "VmRSS": 1024 << 10, "RssFile": 424 << 10}


def test_what_the_kernel_does_not_say_is_left_out(tmp_path):
    assert host(tmp_path, "VmRSS:\t 4 kB\n").read() == {"VmRSS": 4096}
    assert HostMemory(tmp_path / "absent").read() == {}


def test_a_high_water_mark_that_cannot_be_reset_is_said_to_be_so(tmp_path):
    assert HostMemory(tmp_path / "absent").reset_peak() is False
    assert host(tmp_path, STATUS).reset_peak() is True
    assert (tmp_path / "clear_refs").read_text() == "5"


def sizes(rss: float, peak: float, file: float) -> dict[str, int]:
    """MiB as the kernel's numbers."""
    return {"VmRSS": int(rss * MIB), "VmHWM": int(peak * MIB), "RssFile": int(file * MIB)}


def test_growth_is_the_peak_above_the_start_without_library_code_mapped_meanwhile():
    assert _growth(sizes(100, 100, 40), sizes(180, 200, 60)) == 80


def test_a_case_that_frees_more_than_it_takes_has_grown_by_nothing():
    assert _growth(sizes(100, 100, 40), sizes(60, 100, 60)) == 0


@pytest.mark.parametrize("missing", ["VmRSS", "VmHWM", "RssFile"])
def test_growth_is_unknown_where_a_number_is_missing(missing):
    now = {k: v for k, v in sizes(1, 1, 1).items() if k != missing}
    assert _growth(sizes(1, 1, 1), now) is None


def test_growth_is_unknown_without_a_start():
    assert _growth({}, sizes(1, 1, 1)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's high-water mark is Linux's")
def test_a_block_that_was_there_and_is_gone_again_is_in_the_peak():
    host = HostMemory()
    host.trim()
    if not host.reset_peak():
        pytest.skip("clear_refs cannot be written here")
    start = host.read()
    block = bytearray(64 << 20)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    del block
    assert _growth(start, host.read()) == pytest.approx(64, abs=8)
