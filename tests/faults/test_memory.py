"""Memory without end: of the process, of processes together, of what they share, and on the disk."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

LIMIT = r"--memory-limit 1 GiB"
EXPECTED = {
    "nothing": ("ok", r"^$"),
    "host-memory": ("out_of_memory", LIMIT),
    "memory-of-children": ("out_of_memory", rf"^it held .* GiB, more than {LIMIT}: ended while verifying$"),
    "shared-memory-without-end": ("out_of_memory", rf"^it held .* GiB, more than {LIMIT}: ended while ver"),
}


@pytest.fixture(scope="module")
def swept(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    return lab.sweep(folder, "unruly.py", "unruly", "does", EXPECTED, "--memory-limit", "1GiB")


@pytest.mark.parametrize("does", EXPECTED)
def test_more_than_the_limit_is_out_of_memory_and_the_reason_names_it(swept, does):
    record = swept.record("does", does)
    status, reason = EXPECTED[does]
    assert record["status"] == status, record["reason"]
    assert re.search(reason, record["reason"] or ""), record["reason"]
    assert bool(record["latency_ms"]) == (status == "ok")


def test_the_limit_costs_the_other_cases_nothing_and_is_stored(swept):
    assert swept.done.returncode == 3
    assert swept.report["run"]["status"] == "finished"
    assert swept.report["run"]["settings"]["memory_limit_bytes"] == 1 << 30
    assert os.listdir(swept.temporary) == []


def test_without_a_limit_what_cannot_be_had_is_out_of_memory_too(lab, tmp_path):
    swept = lab.sweep(tmp_path, "faulty.py", "faulty", "how", ["memory"])
    record = swept.record("how", "memory")
    assert record["status"] == "out_of_memory"
    assert "can't allocate memory" in record["reason"]
    assert "limit" not in record["reason"]
    assert swept.done.returncode == 4  # nothing was measured


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("8", "'8' is no size: write 8GiB or 512MiB"),
        ("lots", "'lots' is no size"),
        ("-1GiB", "'-1GiB' is no size"),
        ("10MiB", "'10MiB' is less than a process with nothing but torch takes"),
        ("9999999999TiB", "is more than any machine has"),
    ],
)
def test_a_limit_that_is_no_size_is_one_line(lab, tmp_path, size, said):
    done = lab.run("run", "-m", "mlp", "--memory-limit", size, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def memory_group(limit: int) -> Path | None:
    """A control group that holds so many bytes; None where none can be made."""
    groups = Path("/sys/fs/cgroup")
    with suppress(OSError, StopIteration):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own = f"harness-test-{uuid.uuid4().hex[:8]}"
            if controllers == "memory":
                group = groups / "memory" / path.lstrip("/") / own
                files = ["memory.limit_in_bytes"]
            elif not controllers and (groups / "cgroup.controllers").exists():
                group = groups / path.lstrip("/") / own
                files = ["memory.max", "memory.swap.max"]
            else:
                continue
            group.mkdir()
            try:
                (group / files[0]).write_text(str(limit))
                for name in files[1:]:
                    with suppress(OSError):
                        (group / name).write_text("0")
            except OSError:
                group.rmdir()
                continue
            return group
    return None


@pytest.mark.slow
def test_the_kernels_killer_takes_the_child_and_the_sweep_goes_on(lab, tmp_path):
    group = memory_group(1500 << 20)
    if group is None:
        pytest.skip("no control group can be made here")
    plugin = lab.plugins / "unruly.py"
    quick = ("-b", 4, "--passes", 2, "--no-memory", "--no-anatomy")
    models = ("-m", "unruly:does=host-memory", "-m", "unruly")
    command = lab.command("run", "--plugin", plugin, *models, *quick)
    enter = f'echo $$ > {group}/cgroup.procs && exec "$@"'
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", enter, "sh", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
    finally:
        group.rmdir()  # refused as long as any process is left in it
    records = {r["case"]["params"]["does"]: r for r in lab.report(tmp_path / "results")["records"]}
    assert done.returncode == 3, done.stderr
    assert records["host-memory"]["status"] == "out_of_memory"
    assert records["host-memory"]["reason"] == ("ended by the kernel's out-of-memory killer while verifying")
    assert (records["nothing"]["status"], records["nothing"]["replicates"]) == ("ok", 2)


@pytest.mark.slow
def test_an_output_of_gigabytes_stays_where_it_is(lab, tmp_path):
    """What the parent holds at its peak is what it holds for a small output."""
    code = (
        "import sys; from harness.cli import main; code = main.run(sys.argv[1:]); "
        "said = open('/proc/self/status').read(); "
        "print('PEAK', next(x for x in said.splitlines() if x.startswith('VmHWM')).split()[1]); sys.exit(code)"
    )
    peaks = {}
    for mib in (1, 64):  # in float64 and for four calls: half a gibibyte of references
        folder = tmp_path / str(mib)
        folder.mkdir()
        quick = ("-b", "4", "--passes", "1", "--no-memory", "--no-anatomy")
        arguments = ["run", "--plugin", str(lab.plugins / "unruly.py"), "-m", f"large:mib={mib}", *quick]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert lab.report(folder / "results")["records"][0]["status"] == "ok"
        peaks[mib] = int(re.search(r"PEAK (\d+)", done.stdout)[1]) / 1024
    assert peaks[64] < peaks[1] + 20


@pytest.mark.slow
def test_a_model_that_fills_the_temporary_folder_costs_its_own_case_alone(lab, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    unshare = shutil.which("unshare")
    script = f'mount -t tmpfs -o size=64m tmpfs {small} && exec "$@"'
    enter = [unshare, "--user", "--map-root-user", "--mount", "/bin/sh", "-c", script, "sh"]
    if unshare is None or subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    models = ("-m", "unruly:does=fill", "-m", "unruly", "-m", "unruly:does=files")
    quick = ("-b", 4, "--passes", 2, "--no-memory", "--no-anatomy")
    done = subprocess.run(
        [*enter, *lab.command("run", "--plugin", lab.plugins / "unruly.py", *models, *quick)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(small)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    records = {r["case"]["params"]["does"]: r for r in lab.report(tmp_path / "results")["records"]}
    assert done.returncode == 3, done.stderr
    assert records["fill"]["status"] == "failed"
    assert "No space left on device" in records["fill"]["reason"]
    for does in ("nothing", "files"):
        assert (records[does]["status"], records[does]["replicates"]) == ("ok", 2)
