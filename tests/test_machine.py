"""What the machine leaves to the harness, read from made-up /proc and /sys trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import machine


def tree(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def quota(tmp_path: Path, membership: str, files: dict[str, str]) -> float | None:
    """The quota of a process with this /proc/self/cgroup under these cgroup files."""
    proc = tree(tmp_path / "proc", {"self/cgroup": membership})
    return machine.cpu_quota(proc, tree(tmp_path / "cgroup", files))


# ---- cgroup version 2 ----------------------------------------------------------------------------


def test_a_container_with_half_a_core_has_half_a_core(tmp_path):
    assert quota(tmp_path, "0::/\n", {"cpu.max": "50000 100000\n"}) == 0.5


def test_no_limit_is_none(tmp_path):
    assert quota(tmp_path, "0::/\n", {"cpu.max": "max 100000\n"}) is None


def test_no_limit_file_at_the_root_is_none(tmp_path):
    assert quota(tmp_path, "0::/\n", {"cgroup.procs": ""}) is None


@pytest.mark.parametrize(
    ("inner", "middle", "outer", "limit"),
    [
        ("400000 100000", "200000 100000", "max 100000", 2.0),
        ("100000 100000", "200000 100000", "800000 100000", 1.0),
        ("max 100000", "max 100000", "300000 100000", 3.0),
        ("max 100000", "max 100000", "max 100000", None),
    ],
)
def test_of_nested_limits_the_smallest_counts(tmp_path, inner, middle, outer, limit):
    files = {"cpu.max": outer, "a/cpu.max": middle, "a/b/cpu.max": inner}
    assert quota(tmp_path, "0::/a/b\n", files) == limit


def test_a_limit_of_a_sibling_is_nobody_elses(tmp_path):
    assert quota(tmp_path, "0::/a\n", {"a/cpu.max": "200000 100000", "b/cpu.max": "10000 100000"}) == 2.0


def test_a_path_that_is_only_there_on_the_host_falls_back_to_what_is_mounted(tmp_path):
    assert quota(tmp_path, "0::/docker/abc\n", {"cpu.max": "150000 100000"}) == 1.5


def test_a_path_that_leads_out_of_the_namespace_ends(tmp_path):
    assert quota(tmp_path, "0::/../../other\n", {"cpu.max": "150000 100000"}) == 1.5


# ---- cgroup version 1 ----------------------------------------------------------------------------

V1 = "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n"


def v1(folder: str, quota_us: int, period_us: int = 100000) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota_us}\n", f"{folder}/cpu.cfs_period_us": f"{period_us}\n"}


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_version_1_is_read_under_either_name_of_its_folder(tmp_path, mount):
    files = {**v1(mount, -1), **v1(f"{mount}/docker/abc", 250000)}
    assert quota(tmp_path, V1, files) == 2.5


def test_version_1_without_a_limit_is_none(tmp_path):
    assert quota(tmp_path, V1, {**v1("cpu", -1), **v1("cpu/docker/abc", -1)}) is None


def test_version_1_nested_limits_count_the_smallest(tmp_path):
    files = {**v1("cpu", 400000), **v1("cpu/docker", 50000, 50000), **v1("cpu/docker/abc", 300000)}
    assert quota(tmp_path, V1, files) == 1.0


def test_the_cpuset_controller_is_not_taken_for_the_cpu_controller(tmp_path):
    assert quota(tmp_path, "3:cpuset:/a\n", {**v1("cpuset/a", 100000)}) is None


def test_a_limit_that_cannot_be_read_is_no_crash(tmp_path):
    assert quota(tmp_path, "0::/\n", {"cpu.max": ""}) is None
    assert quota(tmp_path, "0::/\n", {"cpu.max": "garbage 100000"}) is None
    assert quota(tmp_path, V1, {"cpu/cpu.cfs_quota_us": "200000"}) is None


def test_a_system_without_cgroups_has_no_limit(tmp_path):
    assert machine.cpu_quota(tmp_path / "proc", tmp_path / "cgroup") is None


# ---- cores ---------------------------------------------------------------------------------------


def topology(root: Path, cpus: list[tuple[int, int]]) -> Path:
    """Logical CPUs as (package, core)."""
    files = {}
    for cpu, (package, core) in enumerate(cpus):
        files[f"cpu{cpu}/topology/physical_package_id"] = f"{package}\n"
        files[f"cpu{cpu}/topology/core_id"] = f"{core}\n"
    return tree(root, files)


def test_two_threads_of_one_core_are_one_core(tmp_path):
    sysfs = topology(tmp_path, [(0, 0), (0, 0), (0, 1), (0, 1)])
    assert machine.physical_cores([0, 1, 2, 3], sysfs) == 2
    assert machine.physical_cores([0, 1], sysfs) == 1
    assert machine.physical_cores([1, 3], sysfs) == 2


def test_the_same_core_number_on_two_sockets_is_two_cores(tmp_path):
    assert machine.physical_cores([0, 1], topology(tmp_path, [(0, 0), (1, 0)])) == 2


def test_a_kernel_that_does_not_say_is_none(tmp_path):
    assert machine.physical_cores([0], tmp_path) is None


@pytest.mark.parametrize(
    ("logical", "physical", "granted", "usable"),
    [
        (8, 4, None, 4),
        (8, None, None, 8),
        (8, 4, 2.5, 2),
        (8, 4, 16.0, 4),
        (8, 4, 0.5, 1),
        (1, 1, None, 1),
    ],
)
def test_the_default_threads_are_physical_cores_within_the_quota_and_at_least_one(
    monkeypatch, logical, physical, granted, usable
):
    monkeypatch.setattr(machine, "affinity", lambda: list(range(logical)))
    monkeypatch.setattr(machine, "physical_cores", lambda cpus: physical)
    monkeypatch.setattr(machine, "cpu_quota", lambda: granted)
    assert machine.usable_cores() == usable


def test_affinity_is_what_the_process_may_use_and_not_what_the_machine_has(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {5, 2}, raising=False)
    assert machine.affinity() == [2, 5]


def test_without_affinity_every_cpu_counts(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert machine.affinity() == [0, 1, 2]


# ---- names ---------------------------------------------------------------------------------------


def test_the_versions_of_what_can_change_a_number_are_found_and_absent_ones_left_out():
    found = machine.versions(("torch", "numpy", "no-such-distribution"))
    assert found.keys() == {"torch", "numpy"}
    assert found["torch"][0].isdigit()


def test_this_machine_can_be_described():
    assert machine.memory_mib() > 0
    assert machine.cpu_name()
    assert machine.os_name()
    assert machine.host()
    assert 1 <= machine.usable_cores() <= len(machine.affinity())
    assert machine.is_virtual() in (True, False, None)
