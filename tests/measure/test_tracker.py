"""Memory around a piece of code: the kernel's numbers from a made-up /proc, blocks of known size from the real one."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

import harness
from harness.measure.tracker import HostMemory
from harness.records.inference import Usage

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


def test_library_code_that_is_mapped_in_is_no_memory_of_the_process(tmp_path):
    memory = host(tmp_path, STATUS)
    assert memory.own() == (1024 - 424) / 1024
    assert memory.own("VmHWM") == (2048 - 424) / 1024


@pytest.mark.parametrize("missing", ["VmRSS", "RssFile"])
def test_a_size_is_unknown_where_a_number_is_missing(tmp_path, missing):
    lines = [line for line in STATUS.splitlines() if not line.startswith(missing)]
    assert host(tmp_path, "\n".join(lines)).own() is None


def test_usage_says_what_stayed_and_how_far_it_rose():
    usage = Usage(before=10, after=14, peak=30)
    assert (usage.delta, usage.rise) == (4, 20)


# ---- the real process ------------------------------------------------------------------------------


def touched(mib: int) -> mmap.mmap:
    """From the kernel itself: an allocator may keep what is freed, and other tests may have told it to."""
    block = mmap.mmap(-1, mib << 20)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    return block


@pytest.fixture
def needs_peaks():
    if sys.platform != "linux" or not HostMemory().reset_peak():
        pytest.skip("the kernel's high-water mark cannot be reset here")


def test_a_block_that_is_gone_again_is_in_the_peak_and_not_in_the_change(needs_peaks):
    with harness.MemoryTracker("cpu") as memory:
        block = touched(64)
        del block
    assert memory.host.rise == pytest.approx(64, abs=8)
    assert memory.host.delta == pytest.approx(0, abs=8)


def test_a_block_that_stays_is_in_the_change(needs_peaks):
    with harness.MemoryTracker("cpu") as memory:
        block = touched(64)
    assert memory.host.delta == pytest.approx(64, abs=8)
    assert memory.host.after <= memory.host.peak
    del block


def test_a_tracker_inside_another_does_not_take_its_peak_away(needs_peaks):
    with harness.MemoryTracker("cpu") as outer:
        first = touched(96)
        del first
        with harness.MemoryTracker("cpu") as inner:
            second = touched(32)
            del second
    assert outer.host.rise == pytest.approx(96, abs=8)
    assert inner.host.rise == pytest.approx(32, abs=8)


def test_an_exception_inside_passes_through_and_leaves_the_numbers(needs_peaks):
    tracker = harness.MemoryTracker("cpu")

    def breaks():
        with tracker:
            block = touched(32)
            del block
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        breaks()
    assert tracker.host.rise == pytest.approx(32, abs=8)


def test_without_a_gpu_there_are_only_the_hosts_numbers():
    with harness.MemoryTracker("cpu") as memory:
        pass
    assert memory.allocated is None
    assert memory.reserved is None


@pytest.mark.parametrize("device", ["gpu!", "cuda:99", 3.5])
def test_what_is_no_device_here_is_refused_at_once(device):
    with pytest.raises(ValueError, match="no device"):
        harness.MemoryTracker(device)
