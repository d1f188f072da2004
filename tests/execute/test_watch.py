"""What a case takes is looked at as the kernel tells it, and what is left behind is found and removed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import shared_memory
from pathlib import Path

import pytest

from harness.execute import limits, watch
from harness.execute.leftovers import SharedMemory
from harness.execute.signals import Interrupts
from harness.execute.watch import Watch
from harness.execute.zygote import kill_tree

GIB = 1 << 30


class Kernel:
    """A /proc of a machine with one process of a case and its child."""

    def __init__(self, folder: Path, children: dict[int, list[int]], log, monkeypatch):
        self.folder = folder
        self.children = children
        self.asked = 0
        monkeypatch.setattr(watch, "children_of", self.children_of)
        self.log = log
        self.machine(total=16 * GIB, left=8 * GIB)
        self.newest(100)

    def children_of(self, pid):
        self.asked += 1
        return self.children.get(pid, [])

    def newest(self, pid):
        (self.folder / "loadavg").write_text(f"0.1 0.1 0.1 1/100 {pid}\n")

    def machine(self, total, left):
        (self.folder / "meminfo").write_text(
            f"MemTotal: {total >> 10} kB\nMemAvailable: {left >> 10} kB\nSwapFree: 0 kB\n"
        )

    def process(self, pid, counted, by_share):
        (self.folder / str(pid)).mkdir(exist_ok=True)
        (self.folder / str(pid) / "status").write_text(
            f"RssAnon:\t{counted >> 10} kB\nRssFile:\t99999999 kB\n"
        )
        (self.folder / str(pid) / "smaps_rollup").write_text(f"Pss_Anon: {by_share >> 10} kB\n")

    def watch(self, limit=None):
        return Watch(limit, self.log.fileno(), self.folder)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    with tempfile.TemporaryFile() as log:
        yield Kernel(tmp_path, {10: [11]}, log, monkeypatch)


def test_a_case_is_held_to_what_its_processes_hold_together(kernel):
    kernel.process(10, GIB, GIB)
    kernel.process(11, GIB, GIB)
    assert kernel.watch(3 * GIB).look(10) is None
    found = kernel.watch(3 * GIB // 2).look(10)
    assert (found.status, found.text) == (
        "out_of_memory",
        "it held 2 GiB, more than --memory-limit 1.5 GiB",
    )


def test_pages_that_processes_share_are_counted_once(kernel):
    kernel.process(10, GIB, GIB // 2)
    kernel.process(11, GIB, GIB // 2)
    assert kernel.watch(3 * GIB // 2).look(10) is None


def test_what_left_its_parent_is_counted_too(kernel):
    for pid in (10, 11, 12):
        kernel.process(pid, GIB, GIB)
    assert kernel.watch(5 * GIB // 2).look(10) is None
    assert kernel.watch(5 * GIB // 2).look(10, adopted=[12]).text.startswith("it held 3 GiB")


def test_without_a_limit_the_machine_is_left_enough_to_live_on(kernel):
    kernel.process(10, 4 * GIB, 4 * GIB)
    assert kernel.watch().look(10) is None
    kernel.machine(total=16 * GIB, left=GIB // 2)
    assert kernel.watch().look(10).text == "it held 4 GiB, and this machine had 512 MiB left"


def test_a_case_is_not_ended_for_memory_that_others_hold(kernel):
    kernel.process(10, GIB // 4, GIB // 4)
    kernel.machine(total=16 * GIB, left=GIB // 2)
    assert kernel.watch().look(10) is None


def test_more_processes_than_any_pool_has_are_a_bomb(kernel):
    kernel.children = {10: list(range(11, 400)), 11: list(range(400, 600))}
    found = kernel.watch().look(10)
    assert (found.status, found.text) == ("failed", "it had started more than 512 processes")


def test_processes_are_not_listed_again_as_long_as_nobody_starts_any(kernel):
    kernel.process(10, GIB, GIB)
    looking = kernel.watch(4 * GIB)
    looking.look(10)
    asked = kernel.asked
    looking.look(10)
    assert kernel.asked == asked
    kernel.newest(101)
    looking.look(10)
    assert kernel.asked > asked


def test_a_flood_of_text_is_cut_at_its_beginning_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "MOST_LOG", 1000)
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as log:
        looking = Watch(None, log.fileno())
        log.write(b"x" * 900)
        looking.look(os.getpid())
        assert path.stat().st_size == 900
        log.write(b"x" * 900)
        looking.look(os.getpid())
        log.write(b"last words")
        assert path.read_bytes() == b"last words"


def test_where_the_kernel_says_nothing_nothing_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "children_of", lambda pid: [])
    with tempfile.TemporaryFile() as log:
        assert Watch(GIB, log.fileno(), tmp_path).look(10) is None
        assert Watch(None, log.fileno(), tmp_path).look(10) is None


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1 << 30, "1 GiB"), (1.5 * (1 << 30), "1.5 GiB"), (123 << 20, "123 MiB")]
)
def test_sizes_are_written_as_people_write_them(size, text):
    assert limits.size_text(size) == text


def test_a_segment_whose_process_is_gone_goes_and_one_in_use_stays():
    looking = SharedMemory()
    code = (
        "from multiprocessing import resource_tracker, shared_memory; import os; "
        "s = shared_memory.SharedMemory(create=True, size=64); "
        "resource_tracker.unregister(s._name, 'shared_memory'); print(s.name, flush=True); os._exit(0)"
    )
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    used = shared_memory.SharedMemory(create=True, size=64)
    try:
        gone = looking.clear()
        assert left.strip() in gone
        assert used.name not in gone
        assert Path("/dev/shm", used.name).exists()
        assert not Path("/dev/shm", left.strip()).exists()
    finally:
        used.close()
        used.unlink()


def test_a_segment_that_was_there_before_is_nobodys_business():
    old = shared_memory.SharedMemory(create=True, size=64)
    try:
        name = old.name
        old.close()
        assert name not in SharedMemory().clear()
    finally:
        old.unlink()


def test_a_chain_of_processes_longer_than_pythons_stack_is_killed_whole():
    code = "import os, time\nfor _ in range(300):\n    if os.fork():\n        break\ntime.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code])
    limit = sys.getrecursionlimit()

    def chain():
        found, pids = [process.pid], [process.pid]
        while pids:
            pids = [c for p in pids for c in watch.children_of(p)]
            found += pids
        return found

    end = time.monotonic() + 60
    while len(chain()) < 301 and time.monotonic() < end:
        time.sleep(0.05)
    pids = chain()
    assert len(pids) == 301
    sys.setrecursionlimit(200)
    try:
        kill_tree(process.pid)
    finally:
        sys.setrecursionlimit(limit)
    process.wait(timeout=30)
    end = time.monotonic() + 30
    while _alive(pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert _alive(pids) == []


def _alive(pids):
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":  # who adopts orphans may take its time to bury them
            found.append(pid)
    return found


def test_a_hang_up_that_is_ignored_stays_ignored():
    """What nohup(1) asks for."""
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, old)
